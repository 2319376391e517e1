/* The inner loops, compiled for several instruction sets from the same C; all give the same bits. */
#ifndef TOD_KERNELS_H
#define TOD_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "pixels.h"

#define TOD_LANES 8 /* maps that are restored side by side: one vector of float32 */

/* Weights of the context model for one orientation and phase. FORMAT.md "Context model". */
typedef struct TodWeights {
    uint16_t parent, parent_ring, parent_others, mean, sibling, sibling_cross, sibling_diagonal, left_right,
        above_below, adjacent_maps;
} TodWeights;

/* What a row of a coarser band says of the two rows under it. `energies` is uint16_t where `is_fine`, else uint32_t. */
typedef struct TodParentRow {
    int is_fine;
    const uint16_t *rows[3];   /* parents above, at and below the row, with a zero at each end */
    const uint16_t *others[2]; /* the other two orientations */
    int32_t n, n_others;       /* parents; how many of them the other orientations have */
    const TodWeights *weights;
    void *energies;
} TodParentRow;

/* One row of one phase of a band of one map. Rows reach from above to below, each with a zero at both ends; what there
   is none of points to zeros. */
typedef struct TodClassRow {
    int is_fine, phase, has_siblings;
    const void *parents;      /* energies of the parents */
    const uint16_t *same[3];  /* sums of the siblings of this phase */
    const uint16_t *cross[3]; /* of the other phase */
    const uint16_t *first[3]; /* phase 1: magnitudes of phase 0 */
    const uint16_t *adjacent[2];
    const uint8_t *outside; /* 127 where no site is, else 0 */
    const uint8_t *shift;   /* phase 1: added to the class */
    int32_t side;           /* columns from here to the left neighbour of the other phase: -1 or 0 */
    int32_t n;
    uint32_t mean;
    uint8_t level_shift;
    const TodWeights *weights;
    uint8_t *classes;
} TodClassRow;

/* A nonzero detail coefficient in steps; codes under 2^19 with their centroid are exact in float32. */
typedef struct TodEntry {
    uint16_t x, map;
    float value;
} TodEntry;

/* One step of lifting: out = in - (weight of its joins) * (left + right), for n samples of TOD_LANES maps each.

   Samples lie out_step, 1 and side_step samples apart. Where `crossed`, left and right have a weight each, and
   are subtracted one after the other. */
typedef struct TodLift {
    const float *in, *left, *right;
    float *out;
    int32_t n, out_step, side_step;
    const uint8_t *joins;
    float weight; /* of a neighbour beside another one; of a single one it is twice as much */
    int crossed;
} TodLift;

/* Move a row towards its neighbours by bounded steps: pairs of valid texels side by side, and with the row below. */
typedef struct TodSmooth {
    const float *row, *below; /* `below` is NULL at the last row */
    const uint8_t *valid, *valid_below;
    int32_t n;
    float bound, along_x, along_y;
    float *over; /* in: the steps between the row above and this one; out: this one and the next */
    float *out;
} TodSmooth;

/* Blocks of eight texels of TOD_LANES maps that become integers; see maps.h for what they become. */
typedef struct TodSnap {
    const float *texels;
    size_t n_blocks;
    float magic[TOD_LANES]; /* 1.5 * 2^23 steps of each map */
    size_t n_maps;          /* that are stored; even in 16 bits */
    size_t block_items;     /* from a block to the next */
    void *steps;            /* these maps of the first block */
} TodSnap;

#define TOD_CHUNK_BLOCKS 32 /* blocks of 8 texels that are worked on at a time */

/* Sums of products of a tile's maps and a matrix; see maps.h and basis.h for what the pointers hold. */
typedef struct TodProduct {
    const void *steps;
    int is_wide;
    int32_t n_maps;
    const int32_t *matrix, *pairs, *offset;
} TodProduct;

typedef struct TodKernels {
    const char *name;
    void (*parent_row)(const TodParentRow *row);
    void (*class_row)(const TodClassRow *row);
    /* row[x] += value * the rotation of the class of x; `rotations` points to the first lane of class 0 and map 0 */
    void (*rotate_row)(const TodEntry *entries, size_t n, const uint8_t *regions, const float *rotations,
                       size_t region_items, size_t map_items, float *row);
    void (*rotate_row_in_double)(const TodEntry *entries, size_t n, const uint8_t *regions, const float *rotations,
                                 size_t region_items, size_t map_items, double *row);
    /* row[x] *= scale[x] */
    void (*scale_row)(const float *scale, int32_t n, float *row);
    void (*lift)(const TodLift *lift);
    void (*smooth)(const TodSmooth *smooth);
    /* round texels and store them; `reach` collects the bits of their magnitudes */
    void (*snap_narrow)(const TodSnap *snap, int32_t reach[TOD_LANES]);
    void (*snap_wide)(const TodSnap *snap, int32_t reach[TOD_LANES]);
    /* sums (block, channel, texel) of blocks `first` up; narrow: 16-bit maps and matrix */
    void (*product_narrow)(const TodProduct *product, size_t first, size_t n, int32_t *sums);
    void (*product_wide)(const TodProduct *product, size_t first, size_t n, int32_t *sums);
    /* pixels of up to TOD_CHUNK_BLOCKS blocks; up to 4 bytes behind them are written too */
    void (*pixels_of)(const int32_t *sums, size_t n, const TodOutput *output, float scale, uint8_t *pixels);
} TodKernels;

/* Those of the machine that runs this. */
const TodKernels *tod_kernels(void);

#endif
