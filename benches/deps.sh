#!/usr/bin/env bash
# What kubetape adds to an operator's tests: crates, and the time of a cold build.
#
# Two crates are made in a temporary folder, kube with its client, runtime and derive alone and the same with
# kubetape as a dev-dependency, and their tests are built from nothing. CPU time (user and system) is told
# beside wall time, since it hardly depends on what else the machine does.
#
#   benches/deps.sh          crates and times
#   benches/deps.sh crates   the crates alone
set -euo pipefail
library=$(cd "$(dirname "$0")/.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

crate() {
  mkdir -p "$folder/$1/src"
  cat >"$folder/$1/Cargo.toml" <<TOML
[workspace]
[package]
name = "$1"
version = "0.0.0"
edition = "2024"
[dependencies]
kube = { version = "5", features = ["client", "runtime", "derive"] }
k8s-openapi = { version = "0.29", features = ["latest", "schemars"] }
schemars = "1"
serde = { version = "1", features = ["derive"] }
serde_json = "1"
tokio = { version = "1", features = ["full"] }
$2
TOML
  echo '//! Nothing: what is measured are the dependencies.' >"$folder/$1/src/lib.rs"
  # The library's own choice of versions, so that both crates build the same ones.
  cp "$library/Cargo.lock" "$folder/$1/Cargo.lock"
}

crates() {
  (cd "$folder/$1" && cargo tree --edges normal,build,dev --prefix none --no-dedupe | sed 's/ (\*)$//' | sort -u | wc -l)
}

crate alone ""
crate with "[dev-dependencies]
kubetape = { path = \"$library\" }"
for name in alone with; do
  printf '%-6s %4d crates, itself among them\n' "$name" "$(crates $name)"
done
[ "${1:-}" != crates ] || exit 0
TIMEFORMAT='%R s wall, %U s user, %S s system'
for name in alone with; do
  (cd "$folder/$name" && cargo fetch --quiet)
  printf '%-6s ' "$name"
  (cd "$folder/$name" && time cargo test --no-run --quiet --offline --target-dir "$folder/$name/target" 2>/dev/null)
done
