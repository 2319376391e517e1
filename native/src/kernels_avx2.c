#include "kernels_sets.h"

#ifdef TOD_HAS_AVX2

#include <immintrin.h>
#include <math.h>
#include <string.h>

#define TOD_USE_AVX2 1

#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2")
#endif

#include "kernels_body.h"

#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

const TodKernels tod_kernels_avx2 = TOD_KERNEL_TABLE("AVX2");

#else

typedef int tod_no_avx2; /* a translation unit holds something */

#endif
