#include "maps.h"

#include <math.h>
#include <string.h>

#define MAX_REACH ((1 << 22) - 1) /* of a map, in steps: beyond it float32 rounds to a coarser grid */

size_t tod_maps_bytes(int32_t n_texels, int32_t n_maps, int is_wide)
{
    const size_t n_blocks = ((size_t)n_texels + TOD_BLOCK_TEXELS - 1) / TOD_BLOCK_TEXELS;
    const size_t items = (is_wide ? (size_t)n_maps : 2 * (((size_t)n_maps + 1) / 2)) * TOD_BLOCK_TEXELS;
    return n_blocks ? n_blocks * items * (is_wide ? sizeof(int32_t) : sizeof(int16_t)) : 1;
}

static size_t item_bytes(const TodMaps *maps)
{
    return maps->is_wide ? sizeof(int32_t) : sizeof(int16_t);
}

TodStatus tod_open_map_rows(TodMapRows *rows, TodMaps *maps, int32_t group, const int32_t *exponents, int32_t precision,
                            TodSmoothing smoothing, TodArena *scratch)
{
    const size_t width = (size_t)maps->runs.width, items = width * TOD_LANES;
    memset(rows, 0, sizeof *rows);
    rows->kernels = tod_kernels();
    rows->maps = maps;
    rows->group = group;
    rows->smoothing = smoothing;
    const int32_t first = group * TOD_LANES, n_slots = maps->is_wide ? maps->n_maps : maps->n_maps + maps->n_maps % 2;
    const int32_t n = n_slots - first < TOD_LANES ? n_slots - first : TOD_LANES;
    rows->snap.n_maps = (size_t)n;
    rows->snap.block_items = (size_t)n_slots * TOD_BLOCK_TEXELS;
    rows->snap.steps = (char *)maps->steps + (size_t)first * TOD_BLOCK_TEXELS * item_bytes(maps);
    for (int32_t lane = 0; lane < TOD_LANES; lane++) {
        const int32_t k = first + lane;
        rows->snap.magic[lane] = (float)ldexp(1.5, 23 - (k < maps->n_maps ? precision + exponents[k] : 0));
    }
    if (!smoothing.is_on)
        return TOD_OK;
    rows->before = tod_arena_take(scratch, items, sizeof(float));
    rows->smooth = tod_arena_take(scratch, items, sizeof(float));
    rows->over = tod_arena_zeros(scratch, items, sizeof(float));
    rows->valid = tod_arena_zeros(scratch, width, 1);
    rows->valid_before = tod_arena_zeros(scratch, width, 1);
    return rows->before && rows->smooth && rows->over && rows->valid && rows->valid_before ? TOD_OK : TOD_NO_MEMORY;
}

static void store_blocks(TodMapRows *rows, const float *texels, int32_t n_blocks)
{
    TodSnap *snap = &rows->snap;
    snap->texels = texels;
    snap->n_blocks = (size_t)n_blocks;
    if (rows->maps->is_wide)
        rows->kernels->snap_wide(snap, rows->reach);
    else
        rows->kernels->snap_narrow(snap, rows->reach);
    snap->steps = (char *)snap->steps + snap->n_blocks * snap->block_items * item_bytes(rows->maps);
}

/* Texels follow one another over the ends of runs and rows; what does not fill a block waits for the next ones. */
static void store_texels(TodMapRows *rows, const float *texels, int32_t n)
{
    if (rows->n_pending) {
        const int32_t room = TOD_BLOCK_TEXELS - rows->n_pending, taken = n < room ? n : room;
        memcpy(rows->pending + rows->n_pending * TOD_LANES, texels, (size_t)taken * TOD_LANES * sizeof *texels);
        rows->n_pending += taken;
        texels += (size_t)taken * TOD_LANES;
        n -= taken;
        if (rows->n_pending < TOD_BLOCK_TEXELS)
            return;
        store_blocks(rows, rows->pending, 1);
    }
    const int32_t n_blocks = n / TOD_BLOCK_TEXELS;
    store_blocks(rows, texels, n_blocks);
    rows->n_pending = n % TOD_BLOCK_TEXELS;
    memcpy(rows->pending, texels + (size_t)n_blocks * TOD_BLOCK_TEXELS * TOD_LANES,
           (size_t)rows->n_pending * TOD_LANES * sizeof *texels);
}

static void store_row(TodMapRows *rows, int32_t y, const float *row)
{
    const TodRuns *runs = &rows->maps->runs;
    for (int32_t i = runs->row[y]; i < runs->row[y + 1]; i++)
        store_texels(rows, row + (size_t)runs->start[i] * TOD_LANES, runs->end[i] - runs->start[i]);
}

static void mark_valid(const TodRuns *runs, int32_t y, uint8_t *valid)
{
    memset(valid, 0, (size_t)runs->width);
    for (int32_t i = runs->row[y]; i < runs->row[y + 1]; i++)
        memset(valid + runs->start[i], 1, (size_t)(runs->end[i] - runs->start[i]));
}

/* Finish row y - 1, now that the row below it is known; `row` is NULL below the last. */
static void smooth_before(TodMapRows *rows, int32_t y, const float *row)
{
    const TodSmoothing s = rows->smoothing;
    const TodSmooth smooth = {rows->before, row,       rows->valid_before, rows->valid, rows->maps->runs.width,
                              s.bound,      s.along_x, s.along_y,          rows->over,  rows->smooth};
    rows->kernels->smooth(&smooth);
    store_row(rows, y - 1, rows->smooth);
}

static void take_row(void *context, int32_t y, const float *row)
{
    TodMapRows *rows = context;
    if (!rows->smoothing.is_on) {
        store_row(rows, y, row);
        return;
    }
    mark_valid(&rows->maps->runs, y, rows->valid);
    if (y > 0)
        smooth_before(rows, y, row);
    memcpy(rows->before, row, (size_t)rows->maps->runs.width * TOD_LANES * sizeof *row);
    uint8_t *spare = rows->valid_before;
    rows->valid_before = rows->valid;
    rows->valid = spare;
    if (y + 1 == rows->maps->runs.height)
        smooth_before(rows, y + 1, NULL);
}

TodRowSink tod_map_row_sink(TodMapRows *rows)
{
    return (TodRowSink){take_row, rows};
}

TodStatus tod_close_map_rows(TodMapRows *rows)
{
    int32_t most = 0;
    if (rows->n_pending) { /* the last block is filled up by zeros */
        memset(rows->pending + rows->n_pending * TOD_LANES, 0,
               (size_t)(TOD_BLOCK_TEXELS - rows->n_pending) * TOD_LANES * sizeof(float));
        store_blocks(rows, rows->pending, 1);
    }
    for (int32_t lane = 0; lane < TOD_LANES; lane++) {
        rows->maps->reach[rows->group * TOD_LANES + lane] = rows->reach[lane];
        most = rows->reach[lane] > most ? rows->reach[lane] : most;
    }
    if (most > MAX_REACH)
        return TOD_INEXACT;
    return !rows->maps->is_wide && most > INT16_MAX ? TOD_TOO_LARGE : TOD_OK;
}
