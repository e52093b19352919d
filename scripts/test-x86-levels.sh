#!/usr/bin/env bash
# x86-64 processors older than this one, under qemu-x86_64: AVX2 + FMA, AVX alone, SSE4.2, the baseline. An instruction that they lack ends the program.
set -euo pipefail
. "$(dirname "$0")/cross.sh"
need
T=x86_64-unknown-linux-gnu
export CARGO_TARGET_DIR=$TARGET_DIR

cargo test -q --release -p steadynet-kernels --target $T --lib --tests --no-run
cargo build -q --release --features cli --target $T
for cpu in Haswell SandyBridge Nehalem qemu64; do
    step "x86-64, $cpu: kernel tests, the fixed training"
    # The emulator names features of the model that it lacks itself.
    export CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER="qemu-x86_64 -cpu $cpu"
    { cargo test -q --release -p steadynet-kernels --target $T --lib --tests &&
        qemu-x86_64 -cpu $cpu "$CARGO_TARGET_DIR/$T/release/steadynet" verify; } 2> >(grep -v "TCG doesn't support" >&2)
done
