#!/usr/bin/env bash
# What a capture costs, beside plain programs that fetch the same in the same run, on an API server alone. Each runs
# three times in turn; the medians are printed, with how often as long as curl each took.
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

# Runs a command with a name; notes wall time, processor time and peak memory.
measure() {
  local what=$1
  shift
  /usr/bin/time -o "$work/time" -f "%e %U %S %M" "$@" >"$work/out" 2>"$work/err" ||
    { echo "$what failed:" >&2; tail -5 "$work/err" >&2; exit 1; }
  awk -v what="$what" '{printf "%s\t%s\t%s\t%s\n", what, $1, $2 + $3, $4 / 1024}' "$work/time" >>"$work/results"
}

# The median of each, in the order in which they came.
medians() {
  python3 - "$work/results" <<'PYTHON'
import statistics, sys
runs = {}
for line in open(sys.argv[1]):
    what, *numbers = line.rstrip("\n").split("\t")
    runs.setdefault(what, []).append([float(number) for number in numbers])
curl = statistics.median(run[0] for run in runs["curl of the same pages"])
for what, all in runs.items():
    wall, processor, memory = (statistics.median(column) for column in zip(*all))
    print(f"{what:44} {wall:7.2f} s   processor {processor:6.2f} s   {memory:5.0f} MB   {wall / curl:5.2f} x curl")
PYTHON
  rm "$work/results"
}

for count in "${counts[@]}"; do
  target/release/examples/fill_cluster "$count" 2>/dev/null
  printf '\n%s objects\n' "$count"
  # What the server remembers of the first reading is no advantage of the next ones.
  python3 benches/gather_pages.py curl "$work/warm" && rm -rf "$work/warm"
  for _ in 1 2 3; do
    # The same pages as gather's: the same URLs, headers and page size, as many at once.
    measure "curl of the same pages" python3 benches/gather_pages.py curl "$work/pages"
    measure "the same, and a file for each object" python3 benches/gather_pages.py files "$work/files"
    for ending in .tar.zst .tar.gz .zip ""; do
      measure "gather to ${ending:-a directory}" "$kubetape" gather "$work/capture$ending" --quiet --logs none
      rm -rf "$work/capture$ending"
    done
    measure "gather to .tar.zst, and a second of --watch" \
      "$kubetape" gather "$work/watched.tar.zst" --quiet --logs none --watch 1s
    rm -rf "$work"/{pages,files,watched.tar.zst}
  done
  if [ "$count" = 10000 ]; then
    measure "kubectl get -A -o yaml, kind by kind" bash -c '
      for kind in $("$1/kubectl" api-resources --verbs=list -o name); do
        "$1/kubectl" get "$kind" -A -o yaml >>"$2/yaml" || exit 1
      done' - "$assets" "$work"
    rm -f "$work/yaml"
  fi
  medians
done
