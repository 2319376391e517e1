#!/bin/sh
# Build replay.c with the library in several ways and run a file of cases (tests/native/vectors.py) through each:
# as installed, without AVX2, with sanitizers, and for ARM under qemu where Debian's cross compiler is there.
# run.sh FILE OUT
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
cases=$1 out=$2
flags="-std=gnu11 -ffp-contract=off -fno-math-errno -Wall -Wextra -Werror -I$here/include -I$here/src"
sources="$here/src/*.c $here/tests/replay.c"
mkdir -p "$out"

${CC:-cc} $flags -O3 $sources -o "$out/replay" -lm
"$out/replay" "$cases"
${CC:-cc} $flags -O3 -DTOD_NO_AVX2 $sources -o "$out/replay-plain" -lm
"$out/replay-plain" "$cases"
${CC:-cc} $flags -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all $sources -o "$out/replay-sanitized" -lm
"$out/replay-sanitized" "$cases"
if command -v aarch64-linux-gnu-gcc > /dev/null && command -v qemu-aarch64 > /dev/null; then
    aarch64-linux-gnu-gcc $flags -O3 -static $sources -o "$out/replay-arm" -lm
    qemu-aarch64 "$out/replay-arm" "$cases"
else
    echo "ARM: skipped; needs gcc-aarch64-linux-gnu and qemu-user"
fi
