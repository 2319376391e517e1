/* A window of an image and the vector of one site: weighted sums, and their transpose; included by each
   encode_kernels_*.c. Rows of an image lie `row` floats apart, its samples `lanes`. */
#include "encode_kernels.h"
#include "lanes.h"

/* One vector, then two, then four at a time: sums stay in registers. */
static inline void gather_one(const float *image, size_t row, size_t lanes, const float *weights, size_t weight_row,
                              int height, int width, float *out)
{
    Lanes sum = all(0.0f);
    for (int r = 0; r < height; r++)
        for (int c = 0; c < width; c++)
            sum = add_product(sum, all(weights[(size_t)r * weight_row + (size_t)c]),
                              load(image + (size_t)r * row + (size_t)c * lanes));
    store(out, sum);
}

static inline void gather_four(const float *image, size_t row, size_t lanes, const float *weights, size_t weight_row,
                               int height, int width, float *out)
{
    Lanes a = all(0.0f), b = a, c = a, d = a;
    for (int r = 0; r < height; r++)
        for (int i = 0; i < width; i++) {
            const float *at = image + (size_t)r * row + (size_t)i * lanes;
            const Lanes weight = all(weights[(size_t)r * weight_row + (size_t)i]);
            a = add_product(a, weight, load(at)), b = add_product(b, weight, load(at + TOD_LANES));
            c = add_product(c, weight, load(at + 2 * TOD_LANES)), d = add_product(d, weight, load(at + 3 * TOD_LANES));
        }
    store(out, a), store(out + TOD_LANES, b), store(out + 2 * TOD_LANES, c), store(out + 3 * TOD_LANES, d);
}

static void gather(const float *image, size_t row, size_t lanes, const float *weights, size_t weight_row, int height,
                   int width, float *out)
{
    size_t at = 0;
    for (; at + 4 * TOD_LANES <= lanes; at += 4 * TOD_LANES)
        gather_four(image + at, row, lanes, weights, weight_row, height, width, out + at);
    for (; at < lanes; at += TOD_LANES)
        gather_one(image + at, row, lanes, weights, weight_row, height, width, out + at);
}

static void scatter(const float *values, size_t lanes, const float *weights, size_t weight_row, int height, int width,
                    float *image, size_t row)
{
    for (int r = 0; r < height; r++)
        for (int c = 0; c < width; c++) {
            const float number = weights[(size_t)r * weight_row + (size_t)c];
            if (number == 0.0f)
                continue;
            const Lanes weight = all(number);
            float *to = image + (size_t)r * row + (size_t)c * lanes;
            for (size_t at = 0; at < lanes; at += TOD_LANES)
                store(to + at, add_product(load(to + at), weight, load(values + at)));
        }
}

static void add_rows(const float *from, size_t n, float *to)
{
    for (size_t at = 0; at < n; at += TOD_LANES)
        store(to + at, add(load(to + at), load(from + at)));
}

static void add_scaled(float scale, const float *from, size_t n, float *to)
{
    for (size_t at = 0; at < n; at += TOD_LANES)
        store(to + at, add_product(load(to + at), all(scale), load(from + at)));
}
