#include "details.h"

#include <string.h>

TodStatus tod_open_details(TodDetails *details, const TodPyramid *pyramid, const TodBands *bands,
                           const TodRegions *regions, int32_t group, int32_t depth, TodArena *scratch)
{
    const size_t width = (size_t)pyramid->levels[depth].bands[TOD_LH].width; /* the widest */
    *details = (TodDetails){
        tod_kernels(), &pyramid->levels[depth], bands->details[depth], regions, bands->n_maps, group, depth, NULL, -1,
        NULL};
    details->sites = tod_arena_take(scratch, width, 1);
    details->sums = tod_arena_take(scratch, width * TOD_LANES, sizeof *details->sums);
    return details->sites && details->sums ? TOD_OK : TOD_NO_MEMORY;
}

/* Regions of the sites of row y, as far as the widest band goes. */
static void find_regions(TodDetails *details, int32_t y)
{
    const TodRegions *regions = details->regions;
    const int32_t width = details->level->bands[TOD_LH].width, last = regions->columns - 1;
    int32_t row = (y << (details->depth + 1)) / TOD_BLOCK;
    row = row < regions->rows ? row : regions->rows - 1;
    if (row == details->block_row)
        return;
    details->block_row = row;
    const uint8_t *blocks = regions->blocks + (size_t)row * (size_t)regions->columns;
    for (int32_t x = 0; x < width; x++) {
        const int32_t column = (x << (details->depth + 1)) / TOD_BLOCK;
        details->sites[x] = blocks[column < last ? column : last];
    }
}

void tod_detail_row(TodDetails *details, int orientation, int32_t y, float *row)
{
    const TodSize size = details->level->bands[orientation];
    const TodBand *band = &details->bands[orientation];
    const TodRegions *regions = details->regions;
    const size_t items = (size_t)size.width * TOD_LANES, map_items = (size_t)tod_lanes_of(details->n_maps);
    const size_t region_items = (size_t)details->n_maps * map_items;
    const int rotations = regions->rotations != NULL;
    const int is_large = rotations && band->is_large[y];
    const size_t bucket = (size_t)y + (rotations ? 0 : (size_t)details->group * (size_t)size.height);
    memset(row, 0, items * sizeof *row);
    if (rotations)
        find_regions(details, y);
    if (is_large)
        memset(details->sums, 0, items * sizeof *details->sums);
    int any = 0;
    for (int phase = 0; phase < TOD_N_PHASES; phase++) {
        const TodEntries *coded = &band->phases[phase];
        if (!coded->starts)
            continue;
        const TodEntry *entries = coded->entries + coded->starts[bucket];
        const size_t n = coded->starts[bucket + 1] - coded->starts[bucket];
        any |= n != 0;
        const float *first = rotations ? regions->rotations + (size_t)details->group * TOD_LANES : NULL;
        if (is_large)
            details->kernels->rotate_row_in_double(entries, n, details->sites, first, region_items, map_items,
                                                   details->sums);
        else if (rotations)
            details->kernels->rotate_row(entries, n, details->sites, first, region_items, map_items, row);
        else
            for (size_t i = 0; i < n; i++)
                row[entries[i].x * TOD_LANES + entries[i].map % TOD_LANES] = entries[i].value;
    }
    for (size_t i = 0; is_large && i < items; i++)
        row[i] = (float)details->sums[i];
    if (any)
        details->kernels->scale_row(details->level->scale[orientation] + (size_t)y * (size_t)size.width, size.width,
                                    row);
}
