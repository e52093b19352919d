# Sourced by the scripts that test other targets: `need TARGET...` makes cargo able to build for them and names their linkers and runners.
# Asks rustup first; where that cannot get the target's std, scripts/install-cross.sh makes it.
SCRIPTS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
RUST_CROSS_PREFIX=${RUST_CROSS_PREFIX:-/opt/rust-cross}
export CARGO_TERM_COLOR=never

has_std() { [ -n "$(find "$(rustc --print sysroot)/lib/rustlib/$1/lib" -name 'libcore-*.rlib' 2>/dev/null)" ]; }

# have COMMAND...: whether all are there.
have() { local c; for c in "$@"; do command -v "$c" >/dev/null || return 1; done; }

need() {
    local t missing= commands="qemu-x86_64"
    for t in "$@"; do
        has_std "$t" || missing="$missing $t"
        case $t in
            aarch64-*) commands="$commands qemu-aarch64 aarch64-linux-gnu-gcc" ;;
            thumb*) commands="$commands qemu-system-arm arm-none-eabi-gcc" ;;
            wasm32-*) commands="$commands node" ;;
        esac
    done
    if [ -n "$missing" ] && have rustup; then
        # shellcheck disable=SC2086
        timeout 60 rustup target add $missing 2>/dev/null && missing=
    fi
    # shellcheck disable=SC2086
    if [ -n "$missing" ] || ! have $commands; then
        # shellcheck disable=SC1091
        [ -e "$RUST_CROSS_PREFIX/env.sh" ] && . "$RUST_CROSS_PREFIX/env.sh" && PATH="$RUST_CROSS_PREFIX/qemu:$PATH"
        local again=
        for t in "$@"; do has_std "$t" || again=1; done
        if [ -n "$again" ] || ! have $commands; then
            (PATH=$HOST_PATH RUST_CROSS_TARGETS="$*" bash "$SCRIPTS/install-cross.sh")
            # shellcheck disable=SC1091
            . "$RUST_CROSS_PREFIX/env.sh"
        fi
    fi
}
HOST_PATH=$PATH

export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="qemu-aarch64 -L /usr/aarch64-linux-gnu"
export CARGO_TARGET_WASM32_WASIP1_RUNNER="node --no-warnings $SCRIPTS/wasi-run.mjs"
# Emulators are slow: fewer random cases. The scripts run what is exhaustive natively only.
export PROPTEST_CASES=${PROPTEST_CASES:-48}

step() { printf '\n== %s\n' "$*"; }
cd "$SCRIPTS/.." || exit 1
TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}
