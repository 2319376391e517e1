#if defined(__ARM_NEON) && defined(__aarch64__)
#include <arm_neon.h>
#endif

#include "encode_kernels_body.h"
#include "kernels_sets.h"

static const TodEncodeKernels PLAIN = TOD_ENCODE_KERNEL_TABLE;

#ifdef TOD_HAS_AVX2
extern const TodEncodeKernels tod_encode_kernels_avx2;
#endif

const TodEncodeKernels *tod_encode_kernels(void)
{
#ifdef TOD_HAS_AVX2
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return &tod_encode_kernels_avx2;
#endif
    return &PLAIN;
}
