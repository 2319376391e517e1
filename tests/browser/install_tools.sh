#!/bin/sh
# What tests of exports read files and shaders with (npm's packages of package.json here, glslang), and Emscripten: Debian's programs
# where root may install them.
set -eu
. "$(dirname "$0")/../install_packages.sh"
need() { # need COMMAND PACKAGE...
    name=$1
    shift
    command -v "$name" >/dev/null 2>&1 || install_packages "$@" || {
        echo "test-browser: no $name found, and $reason" >&2
        exit 1
    }
}
need glslangValidator glslang-tools
need npm nodejs npm
need emcc emscripten
cd "$(dirname "$0")"
npm ci --no-audit --no-fund --silent
cd ../../examples/three
npm ci --no-audit --no-fund --silent
