#!/usr/bin/env bash
# Builds the control plane that kubetape is checked against, out of the Go module
# proxy, into a cache folder outside the repository. A second call finds the binaries.
#
#   kwok/assets.sh          build what is missing, end with the line to export
#   kwok/assets.sh --dir    print the folder and nothing else
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
kubernetes=$(sed -n 's|^\tk8s.io/kubernetes v\([^ ]*\).*|\1|p' "$here/kubernetes/go.mod" | head -1)
etcd=$(sed -n 's|^\tgo.etcd.io/etcd/server/v3 v\([^ ]*\).*|\1|p' "$here/etcd/go.mod" | head -1)
kwok=$(sed -n 's|^\tsigs.k8s.io/kwok v\([^ ]*\).*|\1|p' "$here/kwok/go.mod" | head -1)
for pair in "kubernetes:$kubernetes" "etcd:$etcd" "kwok:$kwok"; do
  [ -n "${pair#*:}" ] || { echo "error: no version of ${pair%%:*} in $here/${pair%%:*}/go.mod" >&2; exit 1; }
done
cache=${KUBETAPE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kubetape}
dir=$cache/assets/kubernetes-$kubernetes-etcd-$etcd-kwok-$kwok
if [ "${1:-}" = --dir ]; then echo "$dir"; exit 0; fi
mkdir -p "$dir"
exec 9>"$dir/.lock"
if command -v flock >/dev/null; then flock 9; fi

# build MODULE PACKAGE BINARY [LDFLAGS]: the module's own go.sum pins everything.
build() {
  local target=$dir/$3
  [ -x "$target" ] && return
  command -v go >/dev/null || { echo "error: go is not installed; install Go 1.26 or newer (https://go.dev/dl) and run this again" >&2; exit 1; }
  echo "building $3 (once per version)" >&2
  (cd "$here/$1" && CGO_ENABLED=0 GOWORK=off GOFLAGS=-mod=readonly go build -trimpath -ldflags "-s -w ${4:-}" -o "$target.part" "$2")
  mv "$target.part" "$target"
}

IFS=. read -r major minor _ <<<"$kubernetes"
stamp=
for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
  stamp+=" -X $package.gitVersion=v$kubernetes -X $package.gitMajor=$major -X $package.gitMinor=$minor -X $package.gitTreeState=clean"
done
build etcd go.etcd.io/etcd/server/v3 etcd
build etcd go.etcd.io/etcd/etcdctl/v3 etcdctl
build kubernetes k8s.io/kubernetes/cmd/kube-apiserver kube-apiserver "$stamp"
build kwok sigs.k8s.io/kwok/cmd/kwok kwok "-X sigs.k8s.io/kwok/pkg/consts.Version=v$kwok"
build kwok sigs.k8s.io/kwok/cmd/kwokctl kwokctl "-X sigs.k8s.io/kwok/pkg/consts.Version=v$kwok"
for name in kube-controller-manager kube-scheduler kubectl; do
  build kubernetes "k8s.io/kubernetes/cmd/$name" "$name" "$stamp"
done
echo "export KUBEBUILDER_ASSETS=$dir"
