/* The encoder's inner loops, compiled for several instruction sets from the same C. Unlike those of the decoder they
   may differ in the last bits: an encoder's choices need not be the same on every machine.

   Matrices have rows of `lanes` float32, a multiple of TOD_LANES, of which the first K count; the others are 0. */
#ifndef TOD_ENCODE_KERNELS_H
#define TOD_ENCODE_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "kernels.h"

#define TOD_GROUP 4 /* coefficients of a neighborhood */

typedef struct TodEncodeKernels {
    /* out[n][lanes] = in[n][k] @ matrix[k][lanes]; rows of `in` lie in_stride floats apart */
    void (*multiply_rows)(const float *in, size_t in_stride, size_t n, size_t k, const float *matrix, size_t lanes,
                          float *out);
    /* sums[k][lanes] += in[n][k]^T @ other[n][lanes] */
    void (*add_products)(const float *in, size_t in_stride, size_t n, size_t k, const float *other, size_t lanes,
                         float *sums);
    /* Rates in nats of n neighborhoods of rotated coefficients [n][TOD_GROUP][lanes], see sparse_rotation.h. */
    void (*neighborhood_rates)(const float *rotated, size_t n, size_t lanes, float *rates);
    /* The sum of the rates of n neighborhoods, times TOD_GROUP; `rotated` becomes its slopes. */
    double (*rate_slopes)(float *rotated, size_t n, size_t lanes);
    /* out[lanes] = sum of weights[height][width] times the samples of a window; rows of weights lie weight_row apart */
    void (*gather)(const float *image, size_t row, size_t lanes, const float *weights, size_t weight_row, int height,
                   int width, float *out);
    /* The transpose: the samples of a window += weights times values[lanes]. */
    void (*scatter)(const float *values, size_t lanes, const float *weights, size_t weight_row, int height, int width,
                    float *image, size_t row);
    /* to[n] += from[n] */
    void (*add_rows)(const float *from, size_t n, float *to);
    /* to[n] += scale * from[n] */
    void (*add_scaled)(float scale, const float *from, size_t n, float *to);
} TodEncodeKernels;

/* Those of the machine that runs this. */
const TodEncodeKernels *tod_encode_kernels(void);

#endif
