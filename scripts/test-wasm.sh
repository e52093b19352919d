#!/usr/bin/env bash
# WebAssembly under node, without vectors and with the compiler's use of simd128: kernel tests and the fixed training.
set -euo pipefail
. "$(dirname "$0")/cross.sh"
T=wasm32-wasip1
need $T
# What is emulated once does not repay a second optimisation of all parts together: a third of the time to compile the kernels.
export CARGO_PROFILE_RELEASE_LTO=off

for flags in "" -Ctarget-feature=+simd128; do
    export RUSTFLAGS=$flags CARGO_TARGET_DIR=$TARGET_DIR/cross${flags:+/simd128}
    step "WebAssembly${flags:+ with simd128}: kernel tests, the fixed training"
    cargo test -q --release -p steadynet-kernels --target $T --lib --tests
    cargo build -q --release --features cli --target $T
    node --no-warnings scripts/wasi-run.mjs "$CARGO_TARGET_DIR/$T/release/steadynet.wasm" verify
done
