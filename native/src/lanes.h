/* TOD_LANES float32 side by side, whatever the machine calls them; included by each kernels_*.c. */
#ifndef TOD_LANES_H
#define TOD_LANES_H

#include <string.h>

#include "kernels.h"

#if defined(TOD_USE_AVX2)

typedef __m256 Lanes;

static inline Lanes load(const float *at)
{
    return _mm256_loadu_ps(at);
}
static inline void store(float *at, Lanes a)
{
    _mm256_storeu_ps(at, a);
}
static inline Lanes all(float value)
{
    return _mm256_set1_ps(value);
}
static inline Lanes of_integers(const int32_t *at)
{
    return _mm256_cvtepi32_ps(_mm256_loadu_si256((const __m256i *)at));
}
static inline Lanes add(Lanes a, Lanes b)
{
    return _mm256_add_ps(a, b);
}
static inline Lanes subtract(Lanes a, Lanes b)
{
    return _mm256_sub_ps(a, b);
}
static inline Lanes multiply(Lanes a, Lanes b)
{
    return _mm256_mul_ps(a, b);
}
static inline Lanes least(Lanes a, Lanes b)
{
    return _mm256_min_ps(a, b);
}
static inline Lanes most(Lanes a, Lanes b)
{
    return _mm256_max_ps(a, b);
}

#elif defined(__ARM_NEON) && defined(__aarch64__)

typedef struct Lanes {
    float32x4_t low, high;
} Lanes;

static inline Lanes pair(float32x4_t low, float32x4_t high)
{
    return (Lanes){low, high};
}
static inline Lanes load(const float *at)
{
    return pair(vld1q_f32(at), vld1q_f32(at + 4));
}
static inline void store(float *at, Lanes a)
{
    vst1q_f32(at, a.low), vst1q_f32(at + 4, a.high);
}
static inline Lanes all(float value)
{
    return pair(vdupq_n_f32(value), vdupq_n_f32(value));
}
static inline Lanes of_integers(const int32_t *at)
{
    return pair(vcvtq_f32_s32(vld1q_s32(at)), vcvtq_f32_s32(vld1q_s32(at + 4)));
}
static inline Lanes add(Lanes a, Lanes b)
{
    return pair(vaddq_f32(a.low, b.low), vaddq_f32(a.high, b.high));
}
static inline Lanes subtract(Lanes a, Lanes b)
{
    return pair(vsubq_f32(a.low, b.low), vsubq_f32(a.high, b.high));
}
static inline Lanes multiply(Lanes a, Lanes b)
{
    return pair(vmulq_f32(a.low, b.low), vmulq_f32(a.high, b.high));
}
static inline Lanes least(Lanes a, Lanes b)
{
    return pair(vminq_f32(a.low, b.low), vminq_f32(a.high, b.high));
}
static inline Lanes most(Lanes a, Lanes b)
{
    return pair(vmaxq_f32(a.low, b.low), vmaxq_f32(a.high, b.high));
}

#else

typedef struct Lanes {
    float of[TOD_LANES];
} Lanes;

#define TOD_EACH_LANE(expression)                                                                                      \
    do {                                                                                                               \
        Lanes out;                                                                                                     \
        for (int i = 0; i < TOD_LANES; i++)                                                                            \
            out.of[i] = (expression);                                                                                  \
        return out;                                                                                                    \
    } while (0)

static inline Lanes load(const float *at)
{
    TOD_EACH_LANE(at[i]);
}
static inline void store(float *at, Lanes a)
{
    memcpy(at, a.of, sizeof a.of);
}
static inline Lanes all(float value)
{
    TOD_EACH_LANE(value);
}
static inline Lanes of_integers(const int32_t *at)
{
    TOD_EACH_LANE((float)at[i]);
}
static inline Lanes add(Lanes a, Lanes b)
{
    TOD_EACH_LANE(a.of[i] + b.of[i]);
}
static inline Lanes subtract(Lanes a, Lanes b)
{
    TOD_EACH_LANE(a.of[i] - b.of[i]);
}
static inline Lanes multiply(Lanes a, Lanes b)
{
    TOD_EACH_LANE(a.of[i] * b.of[i]);
}
static inline Lanes least(Lanes a, Lanes b)
{
    TOD_EACH_LANE(a.of[i] < b.of[i] ? a.of[i] : b.of[i]);
}
static inline Lanes most(Lanes a, Lanes b)
{
    TOD_EACH_LANE(a.of[i] > b.of[i] ? a.of[i] : b.of[i]);
}

#endif

#endif
