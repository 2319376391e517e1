/* Rates of neighborhoods of coefficients; included by each encode_kernels_*.c. See sparse_rotation.h.

   A sum of logarithms is that of a product: exponents are summed as integers, mantissas multiplied, and one logarithm
   is taken at the end. */
#include <math.h>
#include <string.h>

#include "encode_kernels.h"
#include "lanes.h"

#define ENERGY_GAIN 4.0f
#define LOG_OF_2 0.6931471805599453

static inline Lanes reciprocal(Lanes a)
{
#if defined(TOD_USE_AVX2)
    return _mm256_div_ps(_mm256_set1_ps(1.0f), a);
#elif defined(__ARM_NEON) && defined(__aarch64__)
    return pair(vdivq_f32(vdupq_n_f32(1.0f), a.low), vdivq_f32(vdupq_n_f32(1.0f), a.high));
#else
    for (int i = 0; i < TOD_LANES; i++)
        a.of[i] = 1.0f / a.of[i];
    return a;
#endif
}

/* A product of positive numbers in each lane: mantissas in 1..2, and exponents. */
typedef struct Logs {
    Lanes mantissa;
#ifdef TOD_USE_AVX2
    __m256i exponent;
#else
    int32_t exponent[TOD_LANES];
#endif
} Logs;

static inline Logs no_logs(void)
{
    Logs logs;
    logs.mantissa = all(1.0f);
    memset(&logs.exponent, 0, sizeof logs.exponent);
    return logs;
}

static inline void multiply_logs(Logs *logs, Lanes values)
{
    const Lanes product = multiply(logs->mantissa, values);
#ifdef TOD_USE_AVX2
    const __m256i bits = _mm256_castps_si256(product), one = _mm256_set1_epi32(0x3f800000);
    logs->exponent = _mm256_add_epi32(logs->exponent, _mm256_srli_epi32(_mm256_sub_epi32(bits, one), 23));
    logs->mantissa =
        _mm256_castsi256_ps(_mm256_or_si256(_mm256_and_si256(bits, _mm256_set1_epi32(0x7fffff)), one));
#else
    float numbers[TOD_LANES];
    store(numbers, product);
    for (int i = 0; i < TOD_LANES; i++) {
        int32_t bits;
        memcpy(&bits, &numbers[i], sizeof bits);
        logs->exponent[i] += (bits >> 23) - 127;
        bits = (bits & 0x7fffff) | 0x3f800000;
        memcpy(&numbers[i], &bits, sizeof bits);
    }
    logs->mantissa = load(numbers);
#endif
}

static inline double sum_of_logs(const Logs *logs)
{
    float mantissas[TOD_LANES];
    int32_t exponents[TOD_LANES];
    store(mantissas, logs->mantissa);
    memcpy(exponents, &logs->exponent, sizeof exponents);
    double product = 1.0;
    int64_t sum = 0;
    for (int i = 0; i < TOD_LANES; i++) {
        product *= (double)mantissas[i];
        sum += exponents[i];
    }
    return (double)sum * LOG_OF_2 + log(product);
}

/* 1 + gain x^2 of a vector of each coefficient, and 1 + their mean gain x^2. */
typedef struct Energies {
    Lanes each[TOD_GROUP], local;
} Energies;

static inline Energies energies_of(const float *group, size_t lanes)
{
    const Lanes gain = all(ENERGY_GAIN), one = all(1.0f);
    const Lanes x0 = load(group), x1 = load(group + lanes), x2 = load(group + 2 * lanes), x3 = load(group + 3 * lanes);
    const Lanes e0 = multiply(multiply(x0, x0), gain), e1 = multiply(multiply(x1, x1), gain);
    const Lanes e2 = multiply(multiply(x2, x2), gain), e3 = multiply(multiply(x3, x3), gain);
    const Lanes mean = multiply(add(add(e0, e1), add(e2, e3)), all(1.0f / TOD_GROUP));
    return (Energies){{add(e0, one), add(e1, one), add(e2, one), add(e3, one)}, add(mean, one)};
}

/* Those of single coefficients, and of their neighborhoods, which count TOD_GROUP times. */
static inline void take_logs(Logs *each, Logs *local, const Energies *energies)
{
    multiply_logs(each, multiply(energies->each[0], energies->each[1]));
    multiply_logs(each, multiply(energies->each[2], energies->each[3]));
    multiply_logs(local, energies->local);
}

static void neighborhood_rates(const float *rotated, size_t n, size_t lanes, float *rates)
{
    for (size_t m = 0; m < n; m++) {
        Logs each = no_logs(), local = each;
        for (size_t at = 0; at < lanes; at += TOD_LANES) {
            const Energies energies = energies_of(rotated + m * TOD_GROUP * lanes + at, lanes);
            take_logs(&each, &local, &energies);
        }
        rates[m] = (float)(sum_of_logs(&each) / TOD_GROUP + sum_of_logs(&local));
    }
}

static double rate_slopes(float *rotated, size_t n, size_t lanes)
{
    Logs each = no_logs(), local = each;
    for (size_t m = 0; m < n; m++) {
        for (size_t at = 0; at < lanes; at += TOD_LANES) {
            float *group = rotated + m * TOD_GROUP * lanes + at;
            const Energies energies = energies_of(group, lanes);
            take_logs(&each, &local, &energies);
            const Lanes shared = reciprocal(energies.local);
            for (size_t g = 0; g < TOD_GROUP; g++) {
                float *values = group + g * lanes;
                store(values, multiply(load(values), add(reciprocal(energies.each[g]), shared)));
            }
        }
    }
    return sum_of_logs(&each) + TOD_GROUP * sum_of_logs(&local);
}
