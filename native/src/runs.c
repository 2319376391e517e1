#include "runs.h"

#include <string.h>

/* First column from x on whose byte is `value`, else width. */
static int32_t find(const uint8_t *row, int32_t x, int32_t width, int value)
{
    const uint8_t *found = memchr(row + x, value, (size_t)(width - x));
    return found ? (int32_t)(found - row) : width;
}

static int32_t count_runs(const uint8_t *row, int32_t width)
{
    int32_t n = 0;
    for (int32_t x = find(row, 0, width, 1); x < width; x = find(row, x, width, 1)) {
        x = find(row, x, width, 0);
        n++;
    }
    return n;
}

TodStatus tod_find_runs(const uint8_t *valid, size_t stride, int32_t height, int32_t width, TodArena *arena,
                        TodRuns *runs)
{
    if (height < 1 || width < 1 || (int64_t)height * width > INT32_MAX)
        return TOD_TOO_LARGE;
    int32_t *row = tod_arena_take(arena, (size_t)height + 1, sizeof *row);
    if (!row)
        return TOD_NO_MEMORY;
    row[0] = 0;
    for (int32_t y = 0; y < height; y++)
        row[y + 1] = row[y] + count_runs(valid + (size_t)y * stride, width);
    size_t n = (size_t)row[height];
    int32_t *start = tod_arena_take(arena, n, sizeof *start);
    int32_t *end = tod_arena_take(arena, n, sizeof *end);
    int32_t *rank = tod_arena_take(arena, n, sizeof *rank);
    if (!start || !end || !rank)
        return TOD_NO_MEMORY;
    int32_t i = 0, n_texels = 0;
    for (int32_t y = 0; y < height; y++) {
        const uint8_t *texels = valid + (size_t)y * stride;
        for (int32_t x = 0; i < row[y + 1]; i++) {
            start[i] = find(texels, x, width, 1);
            end[i] = x = find(texels, start[i], width, 0);
            rank[i] = n_texels;
            n_texels += end[i] - start[i];
        }
    }
    *runs = (TodRuns){height, width, (int32_t)n, n_texels, row, start, end, rank};
    return TOD_OK;
}

int32_t tod_rank_at(const TodRuns *runs, int32_t y, int32_t x)
{
    int32_t low = runs->row[y], high = runs->row[y + 1];
    while (low < high) { /* the first run that ends after x */
        int32_t middle = low + (high - low) / 2;
        if (runs->end[middle] > x)
            high = middle;
        else
            low = middle + 1;
    }
    if (low == runs->n_runs)
        return runs->n_texels;
    if (low < runs->row[y + 1] && x > runs->start[low])
        return runs->rank[low] + (x - runs->start[low]);
    return runs->rank[low];
}
