#!/bin/sh
# Fuzz the library under ASan and UBSan, each target for a while: native/fuzz/run.sh SECONDS OUT [TARGET...]
# Seeds and what was found once: `python -m tests.native.library.seeds OUT/seeds` writes them. Needs clang.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
seconds=$1 out=$2
shift 2
[ $# -gt 0 ] || set -- archive metadata tile graph mask
echo "int LLVMFuzzerTestOneInput(void) { return 0; }" | clang -fsanitize=fuzzer,address -x c - -o /dev/null 2> /dev/null ||
    { echo "fuzzing: skipped; needs clang with its sanitizers"; exit 0; }
mkdir -p "$out"
flags="-std=gnu11 -O1 -g -ffp-contract=off -fno-math-errno -fno-omit-frame-pointer -fsanitize=address,undefined"
flags="$flags -fno-sanitize-recover=all -DFUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION -I$here/include -I$here/src"
if [ ! -e "$out/objects/done" ]; then
    mkdir -p "$out/objects"
    (cd "$out/objects" && for file in "$here"/src/*.c "$here"/archive/*.c; do
        clang $flags -fsanitize=fuzzer-no-link -c "$file" &
        [ $(jobs -p | wc -l) -lt 2 ] || wait
    done; wait)
    touch "$out/objects/done"
fi
for target; do
    clang $flags -fsanitize=fuzzer "$here/fuzz/$target.c" "$out"/objects/*.o -lzstd -lm -o "$out/$target"
    mkdir -p "$out/corpus/$target" "$out/findings"
    "$out/$target" -max_total_time="$seconds" -max_len=32768 -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="$out/findings/$target-" "$out/corpus/$target" "$out/seeds/$target" > "$out/$target.log" 2>&1 \
        || { tail -40 "$out/$target.log"; exit 1; }
    echo "$target: $(sed -n 's/^stat::number_of_executed_units: *//p' "$out/$target.log") executions"
done
