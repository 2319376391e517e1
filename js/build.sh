#!/bin/sh
# libtodpack -> todpack.wasm, by Emscripten (Debian's package emscripten): js/build.sh [OUTPUT]
set -eu
cd "$(dirname "$0")/.."
out=${1:-js/todpack.wasm}
command -v emcc >/dev/null 2>&1 || { echo "js/build.sh: no emcc found; install Emscripten" >&2; exit 1; }
exports=$(sed -n 's/^KEEP [^;]*\b\(tod_[a-z_]*\)(.*/,_\1/p' js/native/exports.c | tr -d '\n')
# size before speed where little time is spent; no fused multiply-add: the same bits as everywhere
emcc -std=c11 -O3 -msimd128 -ffp-contract=off -fno-math-errno \
    -DTODPACK_VENDORED_ZSTD -DZSTD_STRIP_ERROR_STRINGS -DHUF_FORCE_DECOMPRESS_X1 -DZSTD_FORCE_DECOMPRESS_SEQUENCES_SHORT \
    -Inative/include -Inative/src -Inative/archive -Inative/third_party/zstd \
    native/src/*.c native/archive/*.c js/native/exports.c \
    --no-entry -sSTANDALONE_WASM -sFILESYSTEM=0 -sALLOW_MEMORY_GROWTH -sMAXIMUM_MEMORY=2147483648 -sINITIAL_MEMORY=1048576 \
    -sTOTAL_STACK=262144 -sMALLOC=emmalloc -sEXPORTED_FUNCTIONS="_malloc,_free$exports" -o "$out"
