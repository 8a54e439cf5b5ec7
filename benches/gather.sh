#!/usr/bin/env bash
# What a capture costs, beside plain programs that fetch the same in the same run, on an API server alone.
#
#   benches/gather.sh            10 000 objects
#   benches/gather.sh --large    and then 100 000
#
# Needs curl, GNU time, python3 and the control plane of `just assets`.
set -euo pipefail
cd "$(dirname "$0")/.."
assets=${KUBEBUILDER_ASSETS:-$(kwok/assets.sh --dir)}
export KUBEBUILDER_ASSETS=$assets
counts=(10000)
if [ "${1:-}" = --large ]; then counts+=(100000); fi

cargo build --release --quiet -p kubetape-cli
cargo build --release --quiet -p kubetape --example fill_cluster
kubetape=$PWD/target/release/kubetape
work=$(mktemp -d)
name=bench-gather-$$
trap '"$kubetape" cluster down --name "$name" >/dev/null 2>&1 || true; rm -rf "$work"' EXIT
eval "$("$kubetape" cluster up --name "$name" --bare)"

# Runs a command with a name; prints wall time, processor time and peak memory.
measure() {
  local what=$1
  shift
  /usr/bin/time -o "$work/time" -f "%e %U %S %M" "$@" >"$work/out" 2>"$work/err" ||
    { echo "$what failed:" >&2; tail -5 "$work/err" >&2; exit 1; }
  awk -v what="$what" '{printf "%-44s %7.2f s   processor %6.2f s   %5.0f MB\n", what, $1, $2 + $3, $4 / 1024}' "$work/time"
}

for count in "${counts[@]}"; do
  target/release/examples/fill_cluster "$count" 2>/dev/null
  printf '\n%s objects\n' "$count"
  # The same pages as gather's: the same URLs, headers and page size, one connection.
  measure "curl of the same pages" python3 benches/gather_pages.py curl "$work/pages"
  measure "the same, and a file for each object" python3 benches/gather_pages.py files "$work/files"
  for ending in .tar.zst .tar.gz .zip ""; do
    measure "gather to ${ending:-a directory}" "$kubetape" gather "$work/capture$ending" --quiet --logs none
    rm -rf "$work/capture$ending"
  done
  if [ "$count" = 10000 ]; then
    measure "kubectl get -A -o yaml, kind by kind" bash -c '
      for kind in $("$1/kubectl" api-resources --verbs=list -o name); do
        "$1/kubectl" get "$kind" -A -o yaml >>"$2/yaml" || exit 1
      done' - "$assets" "$work"
  fi
  rm -rf "$work"/{pages,files,yaml}
done
