#!/bin/sh
# The program aomenc (AV1) for the peer libaom: the one that is there, else Debian's package where root may install it.
set -eu
command -v aomenc >/dev/null 2>&1 && exit 0
fail() {
    echo "peers: $1; install aomenc (Debian: aom-tools), or go without: the peer libaom is absent then" >&2
    exit 1
}
. "$(dirname "$0")/../../install_packages.sh"
install_packages aom-tools || fail "no aomenc found, and $reason"
command -v aomenc >/dev/null 2>&1 || fail "the package aom-tools brought no command aomenc"
