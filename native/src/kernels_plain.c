#if defined(__ARM_NEON) && defined(__aarch64__)
#include <arm_neon.h>
#endif

#include "kernels_body.h"
#include "kernels_sets.h"

const TodKernels tod_kernels_plain = TOD_KERNEL_TABLE("plain");
