#!/usr/bin/env bash
# install-cross.sh: what the other targets need, on a Debian machine that has rustc and cargo for itself only.
#
#   aarch64-unknown-linux-gnu                   cross linker (gcc), qemu-aarch64
#   thumbv7em-none-eabihf, thumbv6m-none-eabi   qemu-system-arm, arm-none-eabi-gcc
#   wasm32-wasip1                               wasi-libc, node's WASI
#   x86_64 with features masked                 qemu-x86_64
#
# Where rustup can reach its server, scripts/cross.sh asks it for the std of each target and this script is not needed. Else: a clone of the
# machine's own toolchain, made of links, in $PREFIX/rust; the sources of std of the same version, from Debian's package rust-src; and
# one build of std for each target that the toolchain lacks, whose rlibs go where `rustup target add` would put them. Ordinary cargo then works with
#
#   . $PREFIX/env.sh; cargo build --target ...
#
# Changes nothing of the machine but by apt-get install; what the machine's own suite has too old is unpacked into $PREFIX, not installed.
# Can be run again. Variables: RUST_CROSS_PREFIX, RUST_CROSS_TARGETS, RUST_CROSS_SUITES (where newer packages are looked for).
set -euo pipefail
PREFIX=${RUST_CROSS_PREFIX:-/opt/rust-cross}
TARGETS=${RUST_CROSS_TARGETS-"aarch64-unknown-linux-gnu thumbv7em-none-eabihf thumbv6m-none-eabi wasm32-wasip1"}
SUITES=${RUST_CROSS_SUITES:-"stable-backports testing unstable stable"}
export DEBIAN_FRONTEND=noninteractive
T0=$(date +%s)
say() { echo "[$(($(date +%s) - T0)) s] $*"; }
wants() { case " $TARGETS " in *" $1"*) true ;; *) false ;; esac; }
mkdir -p "$PREFIX"/{bin,debs,qemu,src}

# ---- mirror and key of the machine's own sources ----------------------------------------------------------------
. /etc/os-release
find_mirror() {
    local f
    for f in /etc/apt/sources.list.d/*.sources; do
        [ -e "$f" ] || continue
        URI=$(awk 'tolower($1)=="uris:"{print $2; exit}' "$f")
        KEY=$(awk 'tolower($1)=="signed-by:"{print $2; exit}' "$f")
        SUITE=$(awk 'tolower($1)=="suites:"{print $2; exit}' "$f")
        [ "$SUITE" = "$VERSION_CODENAME" ] && return
    done
    for f in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
        [ -e "$f" ] || continue
        URI=$(awk -v s="$VERSION_CODENAME" '$1=="deb"{for(i=2;i<NF;i++) if($(i+1)==s){print $i; exit}}' "$f")
        [ -n "$URI" ] && return
    done
    echo "no apt source for $VERSION_CODENAME found" >&2
    exit 1
}
find_mirror
KEY=${KEY:-/usr/share/keyrings/debian-archive-keyring.gpg}

# An apt of our own: NAME STATUS-FILE SUITE... It never touches /etc/apt or dpkg's state.
own_apt() {
    local d="$PREFIX/apt-$1" status=$2 s
    shift 2
    mkdir -p "$d"/{state/lists/partial,cache/archives/partial,none}
    [ "$status" = none ] && { status="$d/state/status"; touch "$status"; }
    for s in "$@"; do echo "deb [signed-by=$KEY arch=amd64] $URI $s main"; done >"$d/sources.list"
    cat >"$d/apt.conf" <<X
Dir::Etc::SourceList "$d/sources.list";
Dir::Etc::SourceParts "$d/none";
Dir::State "$d/state";
Dir::State::status "$status";
Dir::Cache "$d/cache";
APT::Architecture "amd64";
APT::Architectures { "amd64"; };
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
X
    APT_CONFIG="$d/apt.conf" apt-get -q update >"$d/update.log" 2>&1 || { tail -5 "$d/update.log" >&2; return 1; }
}

# fetch PACKAGE VERSION-PREFIX: the package's file, from the first suite that has it; prints the path.
fetch() {
    local package=$1 prefix=$2 suite version f
    for f in "$PREFIX/debs/${package}_"*.deb; do
        [ -e "$f" ] || continue
        case "$(dpkg-deb -f "$f" Version)" in "$prefix"*) echo "$f"; return ;; esac
    done
    for suite in $SUITES; do
        own_apt "$suite" none "$suite" || continue
        version=$(APT_CONFIG="$PREFIX/apt-$suite/apt.conf" apt-cache madison "$package" |
            awk -F'|' -v p="$prefix" '{gsub(/ /,"",$2); if (index($2, p) == 1) {print $2; exit}}')
        [ -n "$version" ] || continue
        (cd "$PREFIX/debs" && APT_CONFIG="$PREFIX/apt-$suite/apt.conf" apt-get -q download "$package=$version" >/dev/null) || continue
        ls -t "$PREFIX/debs/${package}_"*.deb | head -1
        return
    done
    echo "no $package $prefix... in the suites $SUITES" >&2
    return 1
}

# ---- 1. the toolchain and the sources of std -----------------------------------------------------------------------
TOOLCHAIN=$(rustc --print sysroot)
VERSION=$("$TOOLCHAIN/bin/rustc" -V | awk '{print $2}')
HASH=$("$TOOLCHAIN/bin/rustc" -vV | awk '/^commit-hash/{print substr($2,1,12)}')
R="$PREFIX/rust"
case "$TOOLCHAIN" in "$R") echo "this is the clone itself: run without $PREFIX/env.sh" >&2; exit 1 ;; esac
link() { cp -al "$@" 2>/dev/null || cp -a "$@"; }
has_std() { compgen -G "$1/lib/rustlib/$2/lib/libcore-*.rlib" >/dev/null; }
if [ "$(cat "$R/.clone-of" 2>/dev/null)" != "$HASH" ]; then
    rm -rf "$R"
    mkdir -p "$R"
    link "$TOOLCHAIN/bin" "$TOOLCHAIN/lib" "$R/"
    echo "$HASH" >"$R/.clone-of"
fi
LIB="$R/lib/rustlib"
# A target's std that the toolchain has, or got since it was cloned, serves as it is: a second beside it would be one candidate too many.
for t in $TARGETS; do
    has_std "$TOOLCHAIN" "$t" || continue
    rm -rf "${LIB:?}/$t"
    link "$TOOLCHAIN/lib/rustlib/$t" "$LIB/"
done
if [ ! -e "$LIB/src/rust/library/std/Cargo.toml" ]; then
    DEB=$(fetch rust-src "${VERSION%%-*}+")
    rm -rf "$PREFIX/src/x"
    mkdir -p "$PREFIX/src/x" "$LIB/src/rust"
    dpkg-deb --fsys-tarfile "$DEB" | tar -x -C "$PREFIX/src/x" --strip-components=4 "./usr/src/rustc-${VERSION%%-*}/library"
    rm -rf "$LIB/src/rust/library"
    mv "$PREFIX/src/x/library" "$LIB/src/rust/library"
    rmdir "$PREFIX/src/x"
fi
say "toolchain $VERSION ($HASH) at $R"

# ---- 2. linkers, compilers, emulators ------------------------------------------------------------------------------
PACKAGES=
wants aarch64 && ! command -v aarch64-linux-gnu-gcc >/dev/null && PACKAGES="gcc-aarch64-linux-gnu libc6-dev-arm64-cross"
wants thumb && ! command -v arm-none-eabi-gcc >/dev/null && PACKAGES="$PACKAGES gcc-arm-none-eabi libnewlib-arm-none-eabi"
wants wasm32 && ! command -v node >/dev/null && PACKAGES="$PACKAGES nodejs"
if [ -n "$PACKAGES" ]; then
    apt-get -q update >/dev/null
    # shellcheck disable=SC2086
    apt-get -q install -y --no-install-recommends $PACKAGES >/dev/null
    say "installed $PACKAGES"
fi
if [ ! -x "$PREFIX/qemu/qemu-aarch64" ] || [ ! -x "$PREFIX/qemu/qemu-x86_64" ]; then # linked statically
    DEB=$(fetch qemu-user "1:")
    dpkg-deb --fsys-tarfile "$DEB" | tar -x -C "$PREFIX/qemu" --strip-components=3 ./usr/bin/qemu-aarch64 ./usr/bin/qemu-x86_64
    say "$("$PREFIX/qemu/qemu-aarch64" --version | head -1)"
fi
if wants thumb && ! "$PREFIX/bin/qemu-system-arm" --version >/dev/null 2>&1; then
    # Unpacked, because to install it may remove packages that the machine uses.
    Q="$PREFIX/qemu/system"
    own_apt host /var/lib/dpkg/status "$VERSION_CODENAME" "$VERSION_CODENAME-updates" "$VERSION_CODENAME-backports" ||
        own_apt host /var/lib/dpkg/status "$VERSION_CODENAME"
    rm -f "$PREFIX"/apt-host/cache/archives/*.deb
    install_only() { APT_CONFIG="$PREFIX/apt-host/apt.conf" apt-get -q install -y --no-install-recommends --download-only "$@" qemu-system-arm >/dev/null; }
    install_only -t "$VERSION_CODENAME-backports" || install_only
    rm -rf "$Q"
    mkdir -p "$Q"
    for d in "$PREFIX"/apt-host/cache/archives/*.deb; do dpkg -x "$d" "$Q"; done
    cat >"$PREFIX/bin/qemu-system-arm" <<X
#!/bin/sh
export LD_LIBRARY_PATH=$Q/usr/lib/x86_64-linux-gnu:$Q/lib/x86_64-linux-gnu
exec $Q/usr/bin/qemu-system-arm -L $Q/usr/share/qemu "\$@"
X
    chmod +x "$PREFIX/bin/qemu-system-arm"
    say "$("$PREFIX/bin/qemu-system-arm" --version | head -1)"
fi
if wants wasm32 && [ ! -e "$LIB/wasm32-wasip1/lib/self-contained/libc.a" ]; then
    DEB=$(fetch wasi-libc "0.0~git202")
    SC="$LIB/wasm32-wasip1/lib/self-contained"
    rm -rf "$PREFIX/src/wasi"
    dpkg -x "$DEB" "$PREFIX/src/wasi"
    mkdir -p "$SC"
    cp "$PREFIX"/src/wasi/usr/lib/wasm32-wasi/{crt1-command.o,crt1-reactor.o} "$PREFIX"/src/wasi/usr/lib/wasm32-wasi/*.a "$SC/"
fi

# ---- 3. std for each target ------------------------------------------------------------------------------------------
B="$PREFIX/src/stdbuild"
mkdir -p "$B/src"
echo '#![no_std]' >"$B/src/lib.rs"
cat >"$B/Cargo.toml" <<'X'
[package]
name = "stdbuild"
version = "0.0.0"
edition = "2021"
[profile.release]
debug = 0
opt-level = 3
codegen-units = 1
[workspace]
X
build_std() {
    local t=$1 crates=std,panic_abort,test,proc_macro features= f
    if has_std "$TOOLCHAIN" "$t"; then
        say "std for $t is the toolchain's own"
        return
    fi
    [ "$(cat "$LIB/$t/.std-of" 2>/dev/null)" = "$HASH" ] && return
    case $t in *-none-*) crates=core,alloc,panic_abort; features=-Zbuild-std-features=compiler-builtins-mem ;; esac
    # The stable compiler takes -Z flags when it is told to. Bitcode is for `lto = true` in users' profiles.
    (cd "$B" && env -u CARGO_TARGET_DIR -u CARGO_ENCODED_RUSTFLAGS -u CARGO_BUILD_TARGET \
        PATH="$R/bin:$PATH" RUSTC="$R/bin/rustc" RUSTC_BOOTSTRAP=1 \
        RUSTFLAGS="-Cembed-bitcode=yes -Lnative=$LIB/$t/lib/self-contained" \
        "$R/bin/cargo" build -q --release -Zbuild-std=$crates ${features:+"$features"} --target "$t")
    mkdir -p "$LIB/$t/lib"
    rm -f "$LIB/$t/lib/"*.rlib "$LIB/$t/lib/"*.rmeta
    for f in "$B/target/$t/release/deps/"*.rlib; do
        case $f in *libstdbuild-*) ;; *) cp "$f" "$LIB/$t/lib/" ;; esac
    done
    rm -rf "$B/target/$t"
    echo "$HASH" >"$LIB/$t/.std-of"
    say "std for $t"
}
for t in $TARGETS; do build_std "$t"; done
rm -rf "$B/target"

cat >"$PREFIX/env.sh" <<X
# Source me: cargo and rustc with the other targets.
export PATH="$R/bin:$PREFIX/bin:$PREFIX/qemu:\$PATH"
unset RUSTC RUSTUP_TOOLCHAIN
X
say "done: . $PREFIX/env.sh"
