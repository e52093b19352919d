#!/usr/bin/env bash
# AArch64 (NEON) under qemu-aarch64: every kernel test and the fixed training; also without optimisation, where intrinsics are calls.
set -euo pipefail
. "$(dirname "$0")/cross.sh"
T=aarch64-unknown-linux-gnu
need $T
# What is emulated once does not repay a second optimisation of all parts together: a third of the time to compile the kernels.
export CARGO_PROFILE_RELEASE_LTO=off
export CARGO_TARGET_DIR=$TARGET_DIR/cross

step "AArch64: kernel tests"
cargo test -q --release -p steadynet-kernels --target $T --lib --tests

step "AArch64: kernel tests without optimisation"
cargo test -q -p steadynet-kernels --target $T --config 'profile.dev.package.steadynet-kernels.opt-level=0' --lib --test network --test loss

step "AArch64: the fixed training"
cargo build -q --release --features cli --target $T
for cpu in cortex-a53 neoverse-n1 max; do
    echo "-- $cpu"
    qemu-aarch64 -cpu $cpu -L /usr/aarch64-linux-gnu "$CARGO_TARGET_DIR/$T/release/steadynet" verify
done
