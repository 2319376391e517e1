#include "lifting.h"

#include <string.h>

#include "details.h"

#define UPDATE 0.25f
#define PREDICT -0.5f

/* A row of vectors, with one vector of zeros before and after it. */
static float *take_row(TodArena *scratch, int32_t width)
{
    float *row = tod_arena_zeros(scratch, ((size_t)width + 2) * TOD_LANES, sizeof *row);
    return row ? row + TOD_LANES : NULL;
}

/* What one level needs: the last two rows of each band, and rows of nothing. */
typedef struct Lines {
    float *bands[TOD_N_ORIENTATIONS][2];
    float *nothing;
    float *whole; /* a finished row for the sink */
} Lines;

static int take_lines(Lines *lines, const TodLevel *level, TodArena *scratch)
{
    int taken = 1;
    for (int o = 0; o < TOD_N_ORIENTATIONS; o++)
        for (int i = 0; i < 2; i++)
            taken &= (lines->bands[o][i] = take_row(scratch, level->bands[o].width)) != NULL;
    lines->nothing = take_row(scratch, level->bands[TOD_LH].width);
    lines->whole = take_row(scratch, level->size.width);
    return taken && lines->nothing && lines->whole;
}

/* Promoted samples lie in the even half: move them back. */
static void move_back(const uint8_t *odd_joins, int32_t n, float *even, float *odd)
{
    for (int32_t i = 0; i < n; i++) {
        if (odd_joins[i] != TOD_PROMOTED)
            continue;
        memcpy(odd + i * TOD_LANES, even + i * TOD_LANES, TOD_LANES * sizeof(float));
        memset(even + i * TOD_LANES, 0, TOD_LANES * sizeof(float));
    }
}

/* The other way round: the odd half holds zeros where a sample is promoted. */
static void promote(const uint8_t *odd_joins, int32_t n, float *even, float *odd)
{
    for (int32_t i = 0; i < n; i++) {
        if (odd_joins[i] != TOD_PROMOTED)
            continue;
        memcpy(even + i * TOD_LANES, odd + i * TOD_LANES, TOD_LANES * sizeof(float));
        memset(odd + i * TOD_LANES, 0, TOD_LANES * sizeof(float));
    }
}

static void lift_column(const TodKernels *kernels, const TodPass *pass, const uint8_t *joins, float weight, int32_t n,
                        const float *above, const float *below, float *row)
{
    const TodLift step = {row, above, below, row, n, 1, 1, joins, weight, pass->crossed};
    kernels->lift(&step);
}

/* Merge the halves of a row, which stay as they are; `odd` has a vector of zeros before and after it. */
static void merge_row(const TodKernels *kernels, const TodLevel *level, int32_t y, const Lines *lines, float *even,
                      float *odd, float *whole)
{
    const TodPass *pass = &level->rows;
    const int32_t n_even = (level->size.width + 1) / 2, n_odd = level->size.width / 2;
    const uint8_t *even_joins = pass->even + (size_t)y * (size_t)n_even;
    const uint8_t *odd_joins = pass->odd + (size_t)y * (size_t)n_odd;
    if (pass->promotes[y])
        move_back(odd_joins, n_odd, even, odd);
    const TodLift update = {even, odd - TOD_LANES, odd, whole, n_even, 2, 1, even_joins, UPDATE, pass->crossed};
    kernels->lift(&update);
    float *out = whole + TOD_LANES;
    const int32_t n_inner = n_even - 1;
    const TodLift predict = {odd, whole, whole + 2 * TOD_LANES, out, n_inner, 2, 2, odd_joins, PREDICT, pass->crossed};
    kernels->lift(&predict);
    if (n_odd > n_inner) { /* the last odd sample has nothing after it */
        const size_t at = 2 * (size_t)n_inner * TOD_LANES;
        const TodLift last = {odd + n_inner * TOD_LANES, whole + at, lines->nothing, out + at, 1, 1, 1,
                              odd_joins + n_inner,       PREDICT,    pass->crossed};
        kernels->lift(&last);
    }
    if (pass->promotes[y])
        promote(odd_joins, n_odd, even, odd);
}

static void emit_row(TodDetails *details, const Lines *lines, int32_t y, float *even, float *odd, float *whole,
                     const TodRowSink *sink)
{
    const size_t items = (size_t)details->level->size.width * TOD_LANES;
    float *row = whole ? whole + (size_t)y * items : lines->whole;
    merge_row(details->kernels, details->level, y, lines, even, odd, row);
    if (!whole)
        sink->take(sink->context, y, row);
}

/* One level: `low` (its low band, changed) and details -> rows of `whole`, or of the sink where whole is NULL. */
static void restore_level(TodDetails *details, float *low, const Lines *lines, float *whole, const TodRowSink *sink)
{
    const TodLevel *level = details->level;
    const TodKernels *kernels = details->kernels;
    const int32_t width = level->bands[TOD_LH].width, high = level->bands[TOD_HL].width;
    const int32_t n_even = level->bands[TOD_HL].height, n_odd = level->bands[TOD_LH].height;
    const size_t low_items = (size_t)width * TOD_LANES;
    float *const nothing = lines->nothing;
    for (int32_t i = 0; i <= n_odd || i < n_even; i++) {
        const int now = i & 1, before = 1 - now, has_even = i < n_even, has_odd = i < n_odd;
        float *lh = lines->bands[TOD_LH][now], *lh_before = i ? lines->bands[TOD_LH][before] : nothing;
        float *hh = lines->bands[TOD_HH][now], *hh_before = i ? lines->bands[TOD_HH][before] : nothing;
        float *hl = lines->bands[TOD_HL][now], *hl_before = lines->bands[TOD_HL][before];
        float *even = low + (size_t)i * low_items, *even_before = even - low_items;
        if (has_odd) {
            tod_detail_row(details, TOD_LH, i, lh);
            tod_detail_row(details, TOD_HH, i, hh);
        }
        if (has_even) {
            tod_detail_row(details, TOD_HL, i, hl);
            if (has_odd && level->low_columns.promotes[i])
                move_back(level->low_columns.odd + (size_t)i * (size_t)width, width, even, lh);
            if (has_odd && level->high_columns.promotes[i])
                move_back(level->high_columns.odd + (size_t)i * (size_t)high, high, hl, hh);
            lift_column(kernels, &level->low_columns, level->low_columns.even + (size_t)i * (size_t)width, UPDATE,
                        width, lh_before, has_odd ? lh : nothing, even);
            lift_column(kernels, &level->high_columns, level->high_columns.even + (size_t)i * (size_t)high, UPDATE,
                        high, hh_before, has_odd ? hh : nothing, hl);
        }
        if (i > 0 && i <= n_odd) {
            const size_t at = (size_t)(i - 1);
            lift_column(kernels, &level->low_columns, level->low_columns.odd + at * (size_t)width, PREDICT, width,
                        even_before, has_even ? even : nothing, lh_before);
            lift_column(kernels, &level->high_columns, level->high_columns.odd + at * (size_t)high, PREDICT, high,
                        hl_before, has_even ? hl : nothing, hh_before);
            emit_row(details, lines, 2 * i - 1, lh_before, hh_before, whole, sink);
        }
        if (has_even)
            emit_row(details, lines, 2 * i, even, hl, whole, sink);
    }
}

/* Codes of the low band times their steps. */
static void fill_low(const TodPyramid *pyramid, const TodBands *bands, int32_t group, float *low)
{
    const size_t n_samples = (size_t)pyramid->low.height * (size_t)pyramid->low.width;
    const size_t n_sites = (size_t)pyramid->n_low_sites;
    memset(low, 0, n_samples * TOD_LANES * sizeof *low);
    for (int32_t lane = 0; lane < TOD_LANES && group * TOD_LANES + lane < bands->n_maps; lane++) {
        const int32_t *codes = bands->low + (size_t)(group * TOD_LANES + lane) * n_sites;
        for (size_t i = 0; i < n_samples; i++) {
            if (!pyramid->low_sites[i])
                continue;
            const int32_t code = *codes++;
            const float step = pyramid->low_scale[i];
            /* one rounding of 32-bit codes too */
            low[i * TOD_LANES + (size_t)lane] =
                bands->is_wide ? (float)((double)code * (double)step) : (float)code * step;
        }
    }
}

TodStatus tod_restore_group(const TodPyramid *pyramid, const TodBands *bands, const TodRegions *regions, int32_t group,
                            TodArena *scratch, TodRowSink sink)
{
    TodMark mark = tod_arena_mark(scratch);
    const TodSize finest = pyramid->levels[0].size; /* low bands take rotations in two buffers, the larger one first */
    const size_t half = (size_t)((finest.height + 1) / 2) * (size_t)((finest.width + 1) / 2);
    const size_t quarter = (size_t)((finest.height + 3) / 4) * (size_t)((finest.width + 3) / 4);
    float *buffers[2] = {tod_arena_take(scratch, half * TOD_LANES, sizeof(float)),
                         tod_arena_take(scratch, quarter * TOD_LANES, sizeof(float))};
    TodStatus status = buffers[0] && buffers[1] ? TOD_OK : TOD_NO_MEMORY;
    if (status == TOD_OK)
        fill_low(pyramid, bands, group, buffers[(pyramid->n_levels - 1) & 1]);
    for (int32_t depth = pyramid->n_levels - 1; depth >= 0 && status == TOD_OK; depth--) {
        TodMark inner = tod_arena_mark(scratch);
        TodDetails details;
        Lines lines;
        status = tod_open_details(&details, pyramid, bands, regions, group, depth, scratch);
        if (status == TOD_OK && !take_lines(&lines, &pyramid->levels[depth], scratch))
            status = TOD_NO_MEMORY;
        if (status == TOD_OK)
            restore_level(&details, buffers[depth & 1], &lines, depth ? buffers[(depth - 1) & 1] : NULL, &sink);
        tod_arena_rewind(scratch, inner);
    }
    tod_arena_rewind(scratch, mark);
    return status;
}
