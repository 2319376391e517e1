#include "taps.h"

#include <string.h>

#define UPDATE 0.25f
#define PREDICT (-0.5f)

/* Joins of the even and the odd samples along a line; samples lie `step` bytes apart. */
typedef struct Line {
    const uint8_t *even, *odd;
    ptrdiff_t step;
    int32_t n_even, n_odd;
} Line;

float tod_join_weight(int joins, int side)
{
    if (joins & TOD_PROMOTED || !(joins & side))
        return 0.0f;
    return (joins & (TOD_JOINS_BEFORE | TOD_JOINS_AFTER)) == (TOD_JOINS_BEFORE | TOD_JOINS_AFTER) ? 1.0f : 2.0f;
}

/* What a neighbor on that side of even or odd sample i gives to it; 0 outside of the line. */
static float even_gets(const Line *line, int32_t i, int side)
{
    return i >= 0 && i < line->n_even ? -UPDATE * tod_join_weight(line->even[i * line->step], side) : 0.0f;
}

static float odd_gets(const Line *line, int32_t i, int side)
{
    return i >= 0 && i < line->n_odd ? -PREDICT * tod_join_weight(line->odd[i * line->step], side) : 0.0f;
}

/* Weights of low sample i from position 2 i - 1 on. */
static void low_profile(const Line *line, int32_t i, float *weights)
{
    const int is_promoted = i < line->n_odd && line->odd[i * line->step] & TOD_PROMOTED;
    weights[0] = is_promoted ? 0.0f : odd_gets(line, i - 1, TOD_JOINS_AFTER);
    weights[1] = is_promoted ? 0.0f : 1.0f;
    weights[2] = is_promoted ? 1.0f : odd_gets(line, i, TOD_JOINS_BEFORE);
}

/* Weights of high sample i from position 2 i - 1 on. */
static void high_profile(const Line *line, int32_t i, float *weights)
{
    const float before = even_gets(line, i, TOD_JOINS_AFTER), after = even_gets(line, i + 1, TOD_JOINS_BEFORE);
    weights[0] = odd_gets(line, i - 1, TOD_JOINS_AFTER) * before;
    weights[1] = before;
    weights[2] = 1.0f + odd_gets(line, i, TOD_JOINS_BEFORE) * before + odd_gets(line, i, TOD_JOINS_AFTER) * after;
    weights[3] = after;
    weights[4] = odd_gets(line, i + 1, TOD_JOINS_BEFORE) * after;
}

void tod_find_taps(const TodLevel *level, int orientation, int32_t row, int32_t column, TodTaps *taps)
{
    const int is_high_row = orientation == TOD_LH || orientation == TOD_HH; /* high along the columns */
    const int is_high_column = orientation == TOD_HL || orientation == TOD_HH;
    const TodPass *pass = is_high_column ? &level->high_columns : &level->low_columns;
    const int32_t n_low = (level->size.width + 1) / 2, n_high = level->size.width / 2;
    const int32_t width = is_high_column ? n_high : n_low;
    const Line down = {pass->even + column, pass->odd + column, width, (level->size.height + 1) / 2,
                       level->size.height / 2};
    float rows[TOD_TAP_SIDE] = {0.0f};
    (is_high_row ? high_profile : low_profile)(&down, row, rows);
    *taps = (TodTaps){2 * row - 1, 2 * column - 1, is_high_row ? 5 : 3, is_high_column ? 5 : 3, {{0.0f}}};
    for (int32_t r = 0; r < taps->height; r++) {
        const int32_t y = taps->y + r;
        if (rows[r] == 0.0f || y < 0 || y >= level->size.height)
            continue;
        const Line along = {level->rows.even + (size_t)y * (size_t)n_low, level->rows.odd + (size_t)y * (size_t)n_high,
                            1, n_low, n_high};
        float *weights = taps->weight[r];
        (is_high_column ? high_profile : low_profile)(&along, column, weights);
        for (int32_t c = 0; c < taps->width; c++)
            weights[c] *= rows[r];
    }
}

void tod_inner_taps(int orientation, TodTaps *taps)
{
    static const float LOW[] = {0.5f, 1.0f, 0.5f}, HIGH[] = {-0.125f, -0.25f, 0.75f, -0.25f, -0.125f};
    const int is_high_row = orientation == TOD_LH || orientation == TOD_HH;
    const int is_high_column = orientation == TOD_HL || orientation == TOD_HH;
    *taps = (TodTaps){-1, -1, is_high_row ? 5 : 3, is_high_column ? 5 : 3, {{0.0f}}};
    for (int32_t r = 0; r < taps->height; r++)
        for (int32_t c = 0; c < taps->width; c++)
            taps->weight[r][c] = (is_high_row ? HIGH : LOW)[r] * (is_high_column ? HIGH : LOW)[c];
}
