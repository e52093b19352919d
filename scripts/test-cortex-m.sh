#!/usr/bin/env bash
# Cortex-M under qemu-system-arm: examples/cortex-m in Rust, and the C header that is exported from the same model, on a Cortex-M4F, M7, M3, and in
# ARMv6-M code (Cortex-M0), each against the hashes of the server.
set -euo pipefail
. "$(dirname "$0")/cross.sh"
need thumbv7em-none-eabihf thumbv6m-none-eabi
E=$PWD/examples/cortex-m
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT

run() { timeout 100 qemu-system-arm -M "$1" -nographic -semihosting-config enable=on,target=native -kernel "$2" </dev/null; }

for pair in thumbv7em-none-eabihf:mps2-an386 thumbv7em-none-eabihf:mps2-an500 thumbv6m-none-eabi:mps2-an385; do
    t=${pair%:*} machine=${pair#*:}
    step "Cortex-M: Rust for $t on $machine"
    (cd "$E" && CARGO_TARGET_DIR=$TARGET_DIR/cross/cortex-m cargo build -q --release --target "$t")
    run "$machine" "$TARGET_DIR/cross/cortex-m/$t/release/digits"
done

step "Cortex-M: what the prediction alone links"
BARE=$TARGET_DIR/cross/cortex-m/thumbv7em-none-eabihf/release/bare
arm-none-eabi-size -A "$BARE" | awk '/^\.(vector_table|text|rodata|data|bss)/'
if arm-none-eabi-nm -C "$BARE" | grep -iE 'panic|alloc|__aeabi_d|fmaf|expf'; then
    echo "the program must have no panic, no allocator, no f64 and no mathematical library" >&2
    exit 1
fi

step "Cortex-M: C"
# The same training as in the example's README, exported as C.
export CARGO_TARGET_DIR=$TARGET_DIR
env PATH="$HOST_PATH" cargo build -q --release --features cli
(cd "$WORK" && sed -n "s#^steadynet #$TARGET_DIR/release/steadynet #p" "$E/README.md" | sed 's/--format rust.*/--format c --name digits --out digits.h/' | bash)
{ echo 'static const unsigned char images[10][64] = {'; sed -n '/= \[/,$p' "$E/src/images.rs" | tail -n +2 | tr '[]' '{}'; } >"$WORK/images.h"
PREDICTIONS=$(sed -n 's/^pub const PREDICTIONS: u64 = \(0x[0-9a-f_]*\);/\1/p' "$E/src/work.rs" | tr -d _)
for line in "mps2-an386 -mcpu=cortex-m4 -mfloat-abi=hard -mfpu=fpv4-sp-d16" "mps2-an500 -mcpu=cortex-m7 -mfloat-abi=hard -mfpu=fpv5-d16" \
    "mps2-an385 -mcpu=cortex-m3" "mps2-an385 -mcpu=cortex-m0"; do
    machine=${line%% *} flags=${line#* }
    for optimisation in -O2 -Os; do
        # shellcheck disable=SC2086
        arm-none-eabi-gcc -std=c99 -ffp-contract=off -Wall -Wextra -Werror $optimisation -mthumb $flags -ffunction-sections -Wl,--gc-sections \
            -nostartfiles --specs=nano.specs --specs=nosys.specs -I"$WORK" "-DPREDICTIONS=UINT64_C($PREDICTIONS)" -T "$E/c/link.ld" "$E"/c/*.c -lm -o "$WORK/c.elf"
        echo "-- $flags $optimisation: $(arm-none-eabi-size "$WORK/c.elf" | awk 'END{print $1, "bytes of code and constants,", $2 + $3, "of variables"}')"
        run "$machine" "$WORK/c.elf"
    done
done
