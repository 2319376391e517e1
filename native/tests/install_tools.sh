#!/bin/sh
# What run.sh tests with beside the compiler of this machine: clang, an ARM compiler and qemu, from Debian where root
# may install them. Without them, run.sh skips what needs them.
set -eu
packages=
add() { command -v "$1" >/dev/null 2>&1 || packages="$packages $2"; }
add clang clang
add aarch64-linux-gnu-gcc "gcc-aarch64-linux-gnu libc6-dev-arm64-cross"
add qemu-aarch64 qemu-user
[ -n "$packages" ] || exit 0
skip() {
    echo "test-native: without$packages: $1" >&2
    exit 0
}
[ "$(id -u)" = 0 ] || skip "only root can install them"
command -v apt-get >/dev/null 2>&1 || skip "there is no apt-get"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086
{ apt-get update && apt-get install -y --no-install-recommends $packages; } >"$log" 2>&1 ||
    { tail -n 5 "$log" >&2; skip "apt-get could not install them"; }
