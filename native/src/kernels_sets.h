/* The sets of kernels that are compiled. */
#ifndef TOD_KERNELS_SETS_H
#define TOD_KERNELS_SETS_H

#include "kernels.h"

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__)) && !defined(TOD_NO_AVX2)
#define TOD_HAS_AVX2 1
extern const TodKernels tod_kernels_avx2;
#endif

extern const TodKernels tod_kernels_plain; /* for any machine; with NEON where compilers take it for granted */

#endif
