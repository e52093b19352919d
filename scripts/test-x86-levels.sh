#!/usr/bin/env bash
# x86-64 processors older than this one, under qemu-x86_64: AVX2 + FMA, AVX alone, SSE4.2, the baseline. An instruction that they lack ends the program.
set -euo pipefail
. "$(dirname "$0")/cross.sh"
need
PROPTEST_CASES=12
export CARGO_TARGET_DIR=$TARGET_DIR

cargo test -q --release -p steadynet-kernels --lib --tests --no-run
cargo build -q --release --features cli
# (The emulator says which features of the model it lacks itself.)
quietly() { "$@" 2> >(grep -v "TCG doesn't support" >&2); }
for cpu in Haswell SandyBridge Nehalem qemu64; do
    step "x86-64, $cpu: the fixed training"
    quietly qemu-x86_64 -cpu $cpu "$CARGO_TARGET_DIR/release/steadynet" verify
done
# Without a fused multiply-add all take the way of the baseline. The products' large shapes take minutes with an emulated one inside an emulator: they have been run with every
# other instruction set.
for cpu in Haswell qemu64; do
    step "x86-64, $cpu: kernel tests"
    export CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER="qemu-x86_64 -cpu $cpu"
    quietly cargo test -q --release -p steadynet-kernels --lib --tests -- --skip network_shapes --skip many_rows --skip colliding_rows --skip lines_that_share_sets --skip gemm_error_bound
done
