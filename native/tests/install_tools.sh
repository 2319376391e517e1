#!/bin/sh
# What run.sh, library.sh and tests/native/library test with beside the compiler of this machine: clang, compilers for ARM
# and Windows, qemu, wine, Mono, from Debian where root may install them. What needs one that is not there is skipped.
set -eu
packages=
add() { command -v "$1" >/dev/null 2>&1 || packages="$packages $2"; }
add clang clang
[ -d "$(clang --print-runtime-dir 2>/dev/null)" ] || packages="$packages libclang-rt-dev" # its sanitizers and fuzzer
add aarch64-linux-gnu-gcc "gcc-aarch64-linux-gnu libc6-dev-arm64-cross"
add qemu-aarch64 qemu-user
add cmake cmake
add mcs "mono-mcs mono-runtime"
add x86_64-w64-mingw32-gcc gcc-mingw-w64-x86-64
command -v wine64 >/dev/null 2>&1 || add wine "wine wine64"
[ -e /usr/include/zstd.h ] || packages="$packages libzstd-dev"
[ -n "$packages" ] || exit 0
. "$(dirname "$0")/../../tests/install_packages.sh"
# shellcheck disable=SC2086
install_packages $packages || echo "test-native: without$packages: $reason" >&2
