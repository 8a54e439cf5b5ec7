# What there is to do here; `bash .ci/run` does all that must hold, without just.

[private]
default:
    @just --list --unsorted

# get the tools that are not part of Rust: just itself and cargo-deny
setup:
    cargo install --locked just cargo-deny cargo-fuzz

# build the control plane (etcd, kube-apiserver, kwok, …) once per version, with Go
assets:
    kwok/assets.sh

# all that must hold, as CI runs it; `just check check` leaves the control plane out
check *part:
    bash .ci/run {{ part }}

# run the tests: no cluster, no network
test *args:
    cargo test {{ args }}

# lay the source out
fmt:
    cargo fmt --all

# lint everything, and the library without its features
lint:
    cargo clippy --workspace --all-targets -- -D warnings
    K8S_OPENAPI_ENABLED_VERSION=1.36 cargo clippy -p kubetape --lib --no-default-features -- -D warnings

# build the documentation, with warnings as errors
doc *args:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps {{ args }}

# licences, advisories and banned crates
deny:
    cargo deny check

# the scenarios on a real control plane: kwok, kind, envtest or current
e2e provider="kwok":
    .ci/e2e {{ provider }}

# record all tapes anew on real control planes, and compare them with the ones before
record:
    .ci/record

# the proof that a replay finds what a mutated operator does differently
trust:
    cargo test --test trust -- --include-ignored

# the scenarios on every ground, compared; writes docs/agreement.md
agreement:
    .ci/agreement

# ten minutes of fuzzing for each target, or as many seconds as are given; needs nightly Rust and cargo-fuzz
fuzz seconds="600":
    for target in request tape selector patch; do \
        cargo +nightly fuzz run $target fuzz/corpus/$target -- -max_total_time={{ seconds }} -timeout=30 || exit 1; \
    done

# the same bytes: a thousand runs, fifty processes, and dev against release
determinism:
    KUBETAPE_TEST_DIGESTS=$PWD/target/digests.dev cargo test --test sim_determinism -- --include-ignored
    KUBETAPE_TEST_DIGESTS=$PWD/target/digests.release cargo test --release --test sim_determinism -- --include-ignored
    diff target/digests.dev target/digests.release

# what a replay costs in release and in dev, beside envtest; reading and sealing; memory for a tape of 100 MB
bench:
    KUBEBUILDER_ASSETS=$(kwok/assets.sh --dir) cargo bench --bench replay
    cargo bench --bench replay --profile dev
    cargo bench --bench tape
    cargo run --release --example tape_memory

# what the simulated cluster costs, beside a real etcd and kube-apiserver
bench-sim:
    KUBEBUILDER_ASSETS=$(kwok/assets.sh --dir) cargo bench --bench sim
    cargo bench --bench sim --profile dev

# what a capture costs beside curl, a plain loop and kubectl; `just bench-gather --large` with 100 000 objects too
bench-gather *args:
    benches/gather.sh {{ args }}

# the crates and the build time that the library adds to an operator's tests
deps:
    benches/deps.sh

# a user's crate on the oldest and the newest Kubernetes API
users *versions:
    .ci/users {{ versions }}

# ask a simulated cluster over HTTP what a real one was recorded to answer; `--server URL --token T` for any other
vectors *args:
    cargo build --quiet -p kubetape-cli
    cargo run --quiet --example conformance -- vectors {{ args }}

# play recorded sessions against a simulated cluster over HTTP; options as for vectors
transcripts *args:
    cargo build --quiet -p kubetape-cli
    cargo run --quiet --example conformance -- transcripts {{ args }}

# a session of kubectl on a real control plane and on a simulated one, compared
kubectl:
    KUBEBUILDER_ASSETS=$(kwok/assets.sh --dir) cargo test -p kubetape-cli --test kubectl_sim -- --ignored

# kube's own published tests, run against a simulated cluster
kube-tests *args:
    .ci/kube-tests {{ args }}

# vectors and transcripts on a real control plane and on a simulated one, as a table
conformance:
    .ci/conformance
