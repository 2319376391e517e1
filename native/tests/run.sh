#!/bin/sh
# Build replay.c with the library in several ways and run a file of cases (tests/native/vectors.py) through each: as
# installed and without AVX2 by every compiler that is there, with sanitizers, and for ARM under qemu.
# run.sh FILE OUT
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
cases=$1 out=$2
flags="-std=gnu11 -ffp-contract=off -fno-math-errno -Wall -Wextra -Werror -I$here/include -I$here/src"
sources="$here/src/*.c $here/tests/replay.c"
mkdir -p "$out"

# replay NAME RUNNER COMPILER FLAG...
replay() {
    name=$1 runner=$2 compiler=$3
    shift 3
    printf '%s: ' "$name"
    # shellcheck disable=SC2086
    "$compiler" $flags "$@" $sources -o "$out/replay-$name" -lm
    $runner "$out/replay-$name" "$cases"
}

for compiler in "${CC:-cc}" clang; do
    if command -v "$compiler" >/dev/null 2>&1; then
        replay "$compiler" "" "$compiler" -O3
        replay "$compiler-plain" "" "$compiler" -O3 -DTOD_NO_AVX2
    else
        echo "$compiler: skipped, it is not there"
    fi
done
replay sanitized "" "${CC:-cc}" -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all
if command -v aarch64-linux-gnu-gcc >/dev/null 2>&1 && command -v qemu-aarch64 >/dev/null 2>&1; then
    replay arm qemu-aarch64 aarch64-linux-gnu-gcc -O3 -static
else
    echo "arm: skipped, it needs gcc-aarch64-linux-gnu and qemu-user"
fi
