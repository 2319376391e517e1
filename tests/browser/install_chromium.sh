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
[ "$(id -u)" = 0 ] || fail "no Chromium found, and only root can install one"
command -v apt-get >/dev/null 2>&1 || fail "no Chromium found, and no apt-get to install one"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
{ apt-get update && apt-get install -y --no-install-recommends chromium fonts-dejavu-core; } >"$log" 2>&1 ||
    { tail -n 5 "$log" >&2; fail "apt-get could not install chromium"; }
command -v chromium >/dev/null 2>&1 || fail "the package chromium brought no command chromium"
