#include "analysis.h"

#include <string.h>

#define UPDATE 0.25f
#define PREDICT (-0.5f)

/* target += weight * (what joins it of its neighbors); `before` and `after` may lie outside of the line. */
static void lift(int joins, float weight, const float *before, const float *after, size_t lanes, float *target)
{
    const TodEncodeKernels *kernels = tod_encode_kernels();
    const float left = weight * tod_join_weight(joins, TOD_JOINS_BEFORE);
    const float right = weight * tod_join_weight(joins, TOD_JOINS_AFTER);
    if (left != 0.0f)
        kernels->add_scaled(left, before, lanes, target);
    if (right != 0.0f)
        kernels->add_scaled(right, after, lanes, target);
}

static void promote(int joins, size_t lanes, float *even, float *odd)
{
    if (!(joins & TOD_PROMOTED))
        return;
    memcpy(even, odd, lanes * sizeof *even);
    memset(odd, 0, lanes * sizeof *odd);
}

/* Samples `step` floats apart: one line, or one column of all lines. */
typedef struct Pass {
    const uint8_t *even, *odd; /* joins of sample i of a half: [i * stride] */
    size_t stride, step, lanes;
    int32_t n_even, n_odd;
} Pass;

static void apply(const Pass *pass, float *line)
{
    for (int32_t i = 0; i < pass->n_odd; i++) {
        float *odd = line + (size_t)(2 * i + 1) * pass->step;
        lift(pass->odd[(size_t)i * pass->stride], PREDICT, odd - pass->step, odd + pass->step, pass->lanes, odd);
    }
    for (int32_t i = 0; i < pass->n_even; i++) {
        float *even = line + (size_t)(2 * i) * pass->step;
        lift(pass->even[(size_t)i * pass->stride], UPDATE, even - pass->step, even + pass->step, pass->lanes, even);
    }
    for (int32_t i = 0; i < pass->n_odd; i++) {
        float *odd = line + (size_t)(2 * i + 1) * pass->step;
        promote(pass->odd[(size_t)i * pass->stride], pass->lanes, odd - pass->step, odd);
    }
}

void tod_analyze_level(const TodLevel *level, TodImage *image)
{
    const int32_t h = level->size.height, w = level->size.width;
    const size_t n_low = (size_t)(w + 1) / 2, n_high = (size_t)w / 2;
    for (int32_t y = 0; y < h; y++) {
        const Pass rows = {level->rows.even + (size_t)y * n_low, level->rows.odd + (size_t)y * n_high, 1, image->lanes,
                           image->lanes, (int32_t)n_low, (int32_t)n_high};
        apply(&rows, tod_image_at(image, y, 0));
    }
    for (int32_t x = 0; x < w; x++) {
        const TodPass *pass = x % 2 ? &level->high_columns : &level->low_columns;
        const Pass columns = {pass->even + x / 2, pass->odd + x / 2, x % 2 ? n_high : n_low, tod_image_row(image),
                              image->lanes, (h + 1) / 2, h / 2};
        apply(&columns, tod_image_at(image, 0, x));
    }
}
