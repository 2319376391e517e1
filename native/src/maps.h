/* Decoded maps of a tile as integers, of valid texels only.

   Map k is in steps of 2^-(precision + exponents[k]). Texels lie in blocks of TOD_BLOCK_TEXELS in row-major order. A
   block of 16-bit maps holds pairs of maps: pair p, texel i, map 2 p, then map 2 p + 1 (zero where K is odd); one of
   32-bit maps holds map k, texel i. */
#ifndef TOD_MAPS_H
#define TOD_MAPS_H

#include "gutter.h"
#include "lifting.h"

#define TOD_BLOCK_TEXELS 8

typedef struct TodMaps {
    TodRuns runs;
    TodGutter gutter;
    int32_t n_maps;
    int is_wide; /* 32-bit, else 16-bit */
    void *steps;
    int32_t *reach; /* [tod_lanes_of(n_maps)] every step of map k has its magnitude within 0 .. reach[k] + 1 */
} TodMaps;

/* Bytes of `steps`. */
size_t tod_maps_bytes(int32_t n_texels, int32_t n_maps, int is_wide);

/* A bounded step towards the neighbours; no bound is none. FORMAT.md "Coefficients to maps" step 5. */
typedef struct TodSmoothing {
    int is_on;
    float bound, along_x, along_y;
} TodSmoothing;

/* Smooth the rows of a group, round them to their grids, and store them. */
typedef struct TodMapRows {
    const TodKernels *kernels;
    TodMaps *maps;
    int32_t group;
    TodSmoothing smoothing;
    TodSnap snap;
    float pending[TOD_BLOCK_TEXELS * TOD_LANES]; /* texels of a block that is not complete */
    int32_t n_pending;
    int32_t reach[TOD_LANES];
    float *before, *smooth; /* the row before, as it came; a smoothed row */
    float *over;            /* steps between the row before that and it */
    uint8_t *valid, *valid_before;
} TodMapRows;

TodStatus tod_open_map_rows(TodMapRows *rows, TodMaps *maps, int32_t group, const int32_t *exponents, int32_t precision,
                            TodSmoothing smoothing, TodArena *scratch);
TodRowSink tod_map_row_sink(TodMapRows *rows);

/* TOD_TOO_LARGE where a step does not fit 16-bit maps, TOD_INEXACT where one goes beyond its grid. */
TodStatus tod_close_map_rows(TodMapRows *rows);

#endif
