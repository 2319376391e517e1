#!/bin/sh
# What tests of exports read files and shaders with (npm's packages of package.json here, glslang), and Emscripten: Debian's programs
# where root may install them.
set -eu
fail() {
    echo "test-browser: $1" >&2
    exit 1
}
need() { # need COMMAND PACKAGE...
    name=$1
    shift
    if command -v "$name" >/dev/null 2>&1; then
        return
    fi
    [ "$(id -u)" = 0 ] || fail "no $name found, and only root can install it"
    command -v apt-get >/dev/null 2>&1 || fail "no $name found, and no apt-get to install it"
    log=$(mktemp)
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update && apt-get install -y --no-install-recommends "$@"; } >"$log" 2>&1 ||
        { tail -n 5 "$log" >&2; fail "apt-get could not install $*"; }
}
need glslangValidator glslang-tools
need npm nodejs npm
need emcc emscripten
cd "$(dirname "$0")"
npm ci --no-audit --no-fund --silent
cd ../../examples/three
npm ci --no-audit --no-fund --silent
