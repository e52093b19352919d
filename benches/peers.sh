#!/usr/bin/env bash
# Runs the comparison with the libraries that README.md says how to get:
#   benches/peers.sh [OPTIONS]       as `peers --help` has them
#   benches/peers.sh --all FOLDER [OPTIONS]
#       every shape on one thread and on two: FOLDER/threads-1.json, threads-2.json, tables.md; and RESULTS-<instruction set>.md
# STEADYNET_PEERS: where the libraries are, with gemm-peers.env [~/.cache/steadynet-peers]
# PEERS_RUN: a command to put before the program, such as `taskset -c 0`
set -euo pipefail
cd "$(dirname "$0")"
peers=${STEADYNET_PEERS:-$HOME/.cache/steadynet-peers}
if [ -f "$peers/gemm-peers.env" ]; then
    # shellcheck disable=SC1091
    . "$peers/gemm-peers.env"
    PEERS_VERSIONS=$(sed -n 's/^#   [A-Za-z]* //p' "$peers/gemm-peers.env" | grep -E '^(lib(blis|dnnl|xsmm)|mkl=|scipy-openblas)' || true)
    export PEERS_VERSIONS
else
    echo "no $peers/gemm-peers.env: only the Rust crates take part (see README.md)" >&2
fi
program=${CARGO_TARGET_DIR:-target}/release/peers
if [ -z "${PEERS_NO_BUILD:-}" ]; then
    cargo build --quiet --release --bin peers
fi
# The libraries may want another C library than the system's, and so another loader.
run() {
    # shellcheck disable=SC2086
    ${PEERS_RUN:-} ${PEERS_LOADER:-} "$program" "$@"
}
if [ "${1:-}" = --all ]; then
    folder=${2:?a folder for the measurements}
    mkdir -p "$folder"
    run --brief "${@:3}" --json "$folder/threads-1.json"
    run --brief "${@:3}" --threads 2 --json "$folder/threads-2.json"
    run --markdown "$folder/threads-1.json" "$folder/threads-2.json" > "$folder/tables.md"
    isa=$(sed -n 's/.*"isa": *"\([a-z0-9]*\)".*/\1/p' "$folder/threads-1.json" | head -n 1)
    {
        printf '# Products beside other libraries, %s\n\nWritten by `benches/peers.sh --all`; [README.md](README.md) says how it is measured.\n\n' "$isa"
        cat "$folder/tables.md"
    } > "RESULTS-$isa.md"
else
    run "$@"
fi
