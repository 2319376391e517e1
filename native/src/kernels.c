#include "kernels_sets.h"

const TodKernels *tod_kernels(void)
{
#ifdef TOD_HAS_AVX2
    if (__builtin_cpu_supports("avx2"))
        return &tod_kernels_avx2;
#endif
    return &tod_kernels_plain;
}
