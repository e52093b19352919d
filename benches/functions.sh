#!/usr/bin/env bash
# Runs our functions beside those of the libraries that ELEMENTWISE.md says how to get:
#   benches/functions.sh [OPTIONS]       as `functions --help` has them
#   benches/functions.sh --all           everything, as the tables of ELEMENTWISE.md
# STEADYNET_PEERS: where the libraries are, with gemm-peers.env [~/.cache/steadynet-peers]
# PEERS_RUN: a command to put before the program, such as `taskset -c 0`
set -euo pipefail
cd "$(dirname "$0")"
peers=${STEADYNET_PEERS:-$HOME/.cache/steadynet-peers}
if [ -f "$peers/gemm-peers.env" ]; then
    # shellcheck disable=SC1091
    . "$peers/gemm-peers.env"
else
    echo "no $peers/gemm-peers.env: only libmvec and the Rust crate take part (see ELEMENTWISE.md)" >&2
fi
program=${CARGO_TARGET_DIR:-target}/release/functions
if [ -z "${PEERS_NO_BUILD:-}" ]; then
    cargo build --quiet --release --bin functions
fi
# The libraries may want another C library than the system's, and so another loader.
run() {
    # shellcheck disable=SC2086
    ${PEERS_RUN:-} ${PEERS_LOADER:-} "$program" "$@"
}
if [ "${1:-}" = --all ]; then
    printf '### AVX-512\n\n' && run "${@:2}"
    printf '\n### AVX2\n\n' && run --isa avx2 "${@:2}"
    printf '\n### A million numbers\n\n' && run --memory "${@:2}"
    printf '\n### Accuracy\n\n' && run --accuracy
else
    run "$@"
fi
