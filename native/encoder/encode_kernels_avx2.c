#include "encode_kernels.h"
#include "kernels_sets.h"

#ifdef TOD_HAS_AVX2

#include <immintrin.h>
#include <math.h>
#include <string.h>

#define TOD_USE_AVX2 1
#define TOD_USE_FMA 1

#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif

#include "encode_kernels_body.h"

#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

extern const TodEncodeKernels tod_encode_kernels_avx2;
const TodEncodeKernels tod_encode_kernels_avx2 = TOD_ENCODE_KERNEL_TABLE;

#else

typedef int tod_no_encode_avx2; /* a translation unit holds something */

#endif
