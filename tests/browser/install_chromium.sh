#!/bin/sh
# A Chromium for the browser tests: the one that is there, else Debian's package where root may install it.
set -eu
for name in "${TODPACK_CHROMIUM:-}" chromium chromium-browser google-chrome; do
    if [ -n "$name" ] && command -v "$name" >/dev/null 2>&1; then
        exit 0
    fi
done
fail() {
    echo "test-browser: $1; install Chromium, or name one by TODPACK_CHROMIUM=/path/to/chromium" >&2
    exit 1
}
. "$(dirname "$0")/../install_packages.sh"
install_packages chromium fonts-dejavu-core || fail "no Chromium found, and $reason"
command -v chromium >/dev/null 2>&1 || fail "the package chromium brought no command chromium"
