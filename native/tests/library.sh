#!/bin/sh
# Build golden.c with the library in several ways and run a list of frames (tests/native/library/frames.py) through each:
# as installed, with sanitizers, for ARM under qemu and for Windows under wine.
# library.sh LIST OUT
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
list=$1 out=$2
flags="-std=c11 -ffp-contract=off -fno-math-errno -Wall -Wextra -Werror -I$here/include -I$here/src"
sources="$here/src/*.c $here/archive/*.c $here/tests/golden.c"
zstd=$here/third_party/zstd # a decoder in one file, where there is no system's library
mkdir -p "$out"

if echo '#include <zstd.h>' | ${CC:-cc} -E - > /dev/null 2>&1; then
    ${CC:-cc} $flags -O2 $sources -o "$out/golden" -lzstd -lm
    printf 'library: '
    "$out/golden" "$list"
    ${CC:-cc} $flags -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all $sources -o "$out/golden-sanitized" \
        -lzstd -lm
    printf 'library, sanitized: '
    "$out/golden-sanitized" "$list"
else
    echo "library: skipped; needs libzstd-dev"
fi
if [ ! -e "$zstd/zstddeclib.c" ]; then
    echo "library, ARM and Windows: skipped; need $zstd/zstddeclib.c"
    exit 0
fi
if command -v aarch64-linux-gnu-gcc > /dev/null && command -v qemu-aarch64 > /dev/null; then
    aarch64-linux-gnu-gcc $flags -w -O2 -static -DTODPACK_VENDORED_ZSTD -I"$zstd" $sources -o "$out/golden-arm" -lm
    printf 'library, ARM: '
    qemu-aarch64 "$out/golden-arm" "$list"
else
    echo "library, ARM: skipped; needs gcc-aarch64-linux-gnu and qemu-user"
fi
wine=$(command -v wine64 || command -v wine || true)
if command -v x86_64-w64-mingw32-gcc > /dev/null && [ -n "$wine" ]; then
    x86_64-w64-mingw32-gcc $flags -w -O2 -static -DTODPACK_VENDORED_ZSTD -I"$zstd" $sources -o "$out/golden.exe"
    printf 'library, Windows: '
    WINEPREFIX=$(cd "$out" && pwd)/wine WINEDEBUG=-all "$wine" "$out/golden.exe" "$list" 2> "$out/wine.log" ||
        { cat "$out/wine.log" >&2; exit 1; }
else
    echo "library, Windows: skipped; needs gcc-mingw-w64-x86-64 and wine64"
fi
