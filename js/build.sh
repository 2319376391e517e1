#!/bin/sh
# libtodpack -> todpack.wasm, by Emscripten (Debian's package emscripten): js/build.sh [OUTPUT]
set -eu
cd "$(dirname "$0")/.."
out=${1:-js/todpack.wasm}
command -v emcc >/dev/null 2>&1 || { echo "js/build.sh: no emcc found; install Emscripten" >&2; exit 1; }
objects=$(mktemp -d)
trap 'rm -rf "$objects"' EXIT
# no fused multiply-add: the same bits as everywhere
flags="-std=c11 -DNDEBUG -msimd128 -ffp-contract=off -fno-math-errno -Inative/include -Inative/src -Inative/archive"
zstd="-Inative/third_party/zstd -DTODPACK_VENDORED_ZSTD -DHUF_FORCE_DECOMPRESS_X1 -DZSTD_FORCE_DECOMPRESS_SEQUENCES_SHORT"
compile() { # compile LEVEL FILE...: speed for the inner loops, else size
    level=$1
    shift
    for file; do
        emcc $flags $zstd "$level" -c "$file" -o "$objects/$(echo "$file" | tr / _).o"
    done
}
fast=native/src/kernels_plain.c
small=$(ls native/src/*.c | grep -v -x "$fast")
compile -O2 $fast
compile -Os $small
compile -Oz native/archive/*.c js/native/*.c
calls=_tod_close,_tod_archive,_tod_lightmap,_tod_decode_maps,_tod_map,_tod_valid,_tod_prepare,_tod_release
emcc -Oz -msimd128 "$objects"/*.o --no-entry -sSTANDALONE_WASM -sFILESYSTEM=0 -sMALLOC=emmalloc -sALLOW_MEMORY_GROWTH \
    -sINITIAL_MEMORY=1048576 -sMAXIMUM_MEMORY=2147483648 -sTOTAL_STACK=262144 \
    -sEXPORTED_FUNCTIONS="_malloc,_free,$calls" -o "$out"
chmod 644 "$out"
