/* Products of tall matrices and small ones; included by each encode_kernels_*.c.

   Six rows times two vectors of columns are summed at a time: their sums stay in registers, so they have names. */
#include "encode_kernels.h"
#include "lanes.h"

#define ROWS 6

/* sum + a b. */
static inline Lanes add_product(Lanes sum, Lanes a, Lanes b)
{
#ifdef TOD_USE_FMA
    return _mm256_fmadd_ps(a, b, sum);
#else
    return add(sum, multiply(a, b));
#endif
}

/* Two vectors of columns of six rows; the second vector may be the first again. */
static inline void multiply_six(const float *in, size_t in_stride, size_t k, const float *one, const float *two,
                                size_t lanes, float *out_one, float *out_two)
{
    const float *in0 = in, *in1 = in0 + in_stride, *in2 = in1 + in_stride, *in3 = in2 + in_stride;
    const float *in4 = in3 + in_stride, *in5 = in4 + in_stride;
    Lanes a0 = all(0.0f), a1 = a0, a2 = a0, a3 = a0, a4 = a0, a5 = a0;
    Lanes b0 = a0, b1 = a0, b2 = a0, b3 = a0, b4 = a0, b5 = a0;
    for (size_t i = 0; i < k; i++) {
        const Lanes u = load(one + i * lanes), v = load(two + i * lanes);
        Lanes value = all(in0[i]);
        a0 = add_product(a0, value, u), b0 = add_product(b0, value, v);
        value = all(in1[i]);
        a1 = add_product(a1, value, u), b1 = add_product(b1, value, v);
        value = all(in2[i]);
        a2 = add_product(a2, value, u), b2 = add_product(b2, value, v);
        value = all(in3[i]);
        a3 = add_product(a3, value, u), b3 = add_product(b3, value, v);
        value = all(in4[i]);
        a4 = add_product(a4, value, u), b4 = add_product(b4, value, v);
        value = all(in5[i]);
        a5 = add_product(a5, value, u), b5 = add_product(b5, value, v);
    }
    store(out_one, a0), store(out_one + lanes, a1), store(out_one + 2 * lanes, a2);
    store(out_one + 3 * lanes, a3), store(out_one + 4 * lanes, a4), store(out_one + 5 * lanes, a5);
    store(out_two, b0), store(out_two + lanes, b1), store(out_two + 2 * lanes, b2);
    store(out_two + 3 * lanes, b3), store(out_two + 4 * lanes, b4), store(out_two + 5 * lanes, b5);
}

static inline void multiply_one(const float *in, size_t k, const float *one, const float *two, size_t lanes,
                                float *out_one, float *out_two)
{
    Lanes a = all(0.0f), b = a;
    for (size_t i = 0; i < k; i++) {
        const Lanes value = all(in[i]);
        a = add_product(a, value, load(one + i * lanes)), b = add_product(b, value, load(two + i * lanes));
    }
    store(out_one, a), store(out_two, b);
}

static void multiply_rows(const float *in, size_t in_stride, size_t n, size_t k, const float *matrix, size_t lanes,
                          float *out)
{
    for (size_t at = 0; at < lanes; at += 2 * TOD_LANES) {
        const size_t other = at + TOD_LANES < lanes ? at + TOD_LANES : at;
        size_t r = 0;
        for (; r + ROWS <= n; r += ROWS)
            multiply_six(in + r * in_stride, in_stride, k, matrix + at, matrix + other, lanes, out + r * lanes + at,
                         out + r * lanes + other);
        for (; r < n; r++)
            multiply_one(in + r * in_stride, k, matrix + at, matrix + other, lanes, out + r * lanes + at,
                         out + r * lanes + other);
    }
}

/* sums[0..5][two vectors] += in[n][0..5]^T @ other[n][two vectors]. */
static inline void products_six(const float *in, size_t in_stride, size_t n, const float *one, const float *two,
                                size_t lanes, float *sums_one, float *sums_two)
{
    Lanes a0 = load(sums_one), a1 = load(sums_one + lanes), a2 = load(sums_one + 2 * lanes);
    Lanes a3 = load(sums_one + 3 * lanes), a4 = load(sums_one + 4 * lanes), a5 = load(sums_one + 5 * lanes);
    Lanes b0 = load(sums_two), b1 = load(sums_two + lanes), b2 = load(sums_two + 2 * lanes);
    Lanes b3 = load(sums_two + 3 * lanes), b4 = load(sums_two + 4 * lanes), b5 = load(sums_two + 5 * lanes);
    for (size_t i = 0; i < n; i++) {
        const Lanes u = load(one + i * lanes), v = load(two + i * lanes);
        const float *row = in + i * in_stride;
        Lanes value = all(row[0]);
        a0 = add_product(a0, value, u), b0 = add_product(b0, value, v);
        value = all(row[1]);
        a1 = add_product(a1, value, u), b1 = add_product(b1, value, v);
        value = all(row[2]);
        a2 = add_product(a2, value, u), b2 = add_product(b2, value, v);
        value = all(row[3]);
        a3 = add_product(a3, value, u), b3 = add_product(b3, value, v);
        value = all(row[4]);
        a4 = add_product(a4, value, u), b4 = add_product(b4, value, v);
        value = all(row[5]);
        a5 = add_product(a5, value, u), b5 = add_product(b5, value, v);
    }
    store(sums_one, a0), store(sums_one + lanes, a1), store(sums_one + 2 * lanes, a2);
    store(sums_one + 3 * lanes, a3), store(sums_one + 4 * lanes, a4), store(sums_one + 5 * lanes, a5);
    store(sums_two, b0), store(sums_two + lanes, b1), store(sums_two + 2 * lanes, b2);
    store(sums_two + 3 * lanes, b3), store(sums_two + 4 * lanes, b4), store(sums_two + 5 * lanes, b5);
}

static inline void products_one(const float *in, size_t in_stride, size_t n, const float *one, const float *two,
                                size_t lanes, float *sums_one, float *sums_two)
{
    Lanes a = load(sums_one), b = load(sums_two);
    for (size_t i = 0; i < n; i++) {
        const Lanes value = all(in[i * in_stride]);
        a = add_product(a, value, load(one + i * lanes)), b = add_product(b, value, load(two + i * lanes));
    }
    store(sums_one, a), store(sums_two, b);
}

static void add_products(const float *in, size_t in_stride, size_t n, size_t k, const float *other, size_t lanes,
                         float *sums)
{
    for (size_t at = 0; at < lanes; at += 2 * TOD_LANES) {
        const size_t next = at + TOD_LANES < lanes ? at + TOD_LANES : at;
        size_t r = 0;
        for (; r + ROWS <= k; r += ROWS)
            products_six(in + r, in_stride, n, other + at, other + next, lanes, sums + r * lanes + at,
                         sums + r * lanes + next);
        for (; r < k; r++)
            products_one(in + r, in_stride, n, other + at, other + next, lanes, sums + r * lanes + at,
                         sums + r * lanes + next);
    }
}
