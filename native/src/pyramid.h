/* What the wavelet transform of a tile derives from its mask: joins, sites and steps. FORMAT.md "Charts and pyramid".
 */
#ifndef TOD_PYRAMID_H
#define TOD_PYRAMID_H

#include "runs.h"

#define TOD_MAX_LEVELS 12

enum { TOD_LH, TOD_HL, TOD_HH, TOD_N_ORIENTATIONS };

/* Joins of a sample; an odd sample with TOD_PROMOTED has no joins and is stored in the even half. */
enum { TOD_JOINS_BEFORE = 1, TOD_JOINS_AFTER = 2, TOD_PROMOTED = 4, TOD_N_JOINS = 5 };

/* One lifting pass along an axis: joins of the even and of the odd samples, each half in rows of its own. */
typedef struct TodPass {
    uint8_t *even, *odd;
    uint8_t *promotes; /* for each row of `odd`: whether it holds a promoted sample */
    int crossed;       /* neighbours with labels that do not join occur: weights are applied one by one */
} TodPass;

/* Rows and columns of a band. */
typedef struct TodSize {
    int32_t height, width;
} TodSize;

/* One level: a pass along the rows, then passes along the columns of its low and of its high half. */
typedef struct TodLevel {
    TodSize size;
    TodSize bands[TOD_N_ORIENTATIONS];
    TodPass rows, low_columns, high_columns;
    uint8_t *sites[TOD_N_ORIENTATIONS]; /* 1 where a coefficient is coded */
    float *scale[TOD_N_ORIENTATIONS];   /* width of a step */
} TodLevel;

typedef struct TodPyramid {
    int32_t n_levels;
    TodLevel levels[TOD_MAX_LEVELS]; /* finest first */
    TodSize low;
    uint8_t *low_sites;
    float *low_scale;
    int32_t n_low_sites;
} TodPyramid;

/* Build it; what it points to is taken from `keep`. n_levels is 1..TOD_MAX_LEVELS. */
TodStatus tod_build_pyramid(const TodRuns *runs, int32_t n_levels, double q_step, TodArena *keep, TodArena *scratch,
                            TodPyramid *pyramid);

#endif
