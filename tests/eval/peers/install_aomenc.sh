#!/bin/sh
# The program aomenc (AV1) for the peer libaom: the one that is there, else Debian's package where root may install it.
set -eu
command -v aomenc >/dev/null 2>&1 && exit 0
fail() {
    echo "peers: $1; install aomenc (Debian: aom-tools), or go without: the peer libaom is absent then" >&2
    exit 1
}
[ "$(id -u)" = 0 ] || fail "no aomenc found, and only root can install it"
command -v apt-get >/dev/null 2>&1 || fail "no aomenc found, and no apt-get to install it"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
{ apt-get update && apt-get install -y --no-install-recommends aom-tools; } >"$log" 2>&1 ||
    { tail -n 5 "$log" >&2; fail "apt-get could not install aom-tools"; }
command -v aomenc >/dev/null 2>&1 || fail "the package aom-tools brought no command aomenc"
