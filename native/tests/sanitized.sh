#!/bin/sh
# Install the package with the extension under ASan and UBSan into OUT, and run tests with it.
# sanitized.sh PYTHON OUT TEST...
set -eu  # PYTHONSAFEPATH (Python 3.11): OUT comes before the folder that tests run in
python=$1 out=$2
shift 2
rm -rf build  # what was built otherwise would be taken for ours, and ours by the next build
CFLAGS="-g -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined" \
    LDFLAGS="-fsanitize=address,undefined" \
    "$python" -m pip install --quiet --no-deps --no-build-isolation --upgrade --target "$out" .
rm -rf build
# Python itself is not built for them: the runtime comes first, and what Python keeps until its end is no leak
# (with the C++ library, or onnxruntime could not throw)
runtime="$(${CC:-cc} -print-file-name=libasan.so) $(${CC:-cc} -print-file-name=libstdc++.so.6)"
LD_PRELOAD=$runtime ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1 \
    PYTHONSAFEPATH=1 PYTHONPATH=$out:$PWD "$python" -m pytest -q -p no:cacheprovider "$@"
