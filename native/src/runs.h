/* The valid texels of a tile as horizontal runs: 12 bytes a run instead of a byte a texel. FORMAT.md "Mask". */
#ifndef TOD_RUNS_H
#define TOD_RUNS_H

#include <stddef.h>
#include <stdint.h>

#include "memory.h"
#include "status.h"

/* Texels start[i] .. end[i] - 1 of a row, in row-major order; texel number rank[i] is the first of run i. */
typedef struct TodRuns {
    int32_t height, width;
    int32_t n_runs;
    int32_t n_texels;
    const int32_t *row; /* [height + 1] first run of each row */
    const int32_t *start, *end, *rank;
} TodRuns;

/* Find the runs of `height` rows of `width` bytes, each 0 or 1, `stride` bytes apart. */
TodStatus tod_find_runs(const uint8_t *valid, size_t stride, int32_t height, int32_t width, TodArena *arena,
                        TodRuns *runs);

/* The runs' texels of row y from column x on: number of the first such texel. */
int32_t tod_rank_at(const TodRuns *runs, int32_t y, int32_t x);

#endif
