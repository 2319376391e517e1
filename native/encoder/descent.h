/* Coordinate descent over the codes of a tile: each in turn takes the value of least distortion + rate, with all
   others as they are. packer/daybasis/refine/ says what is minimized, and calls these.

   Distortion is the quadratic form of the maps m (texels, in units of q_step) whose gradient is twice the slopes
   G m - t, for a metric G of the maps. Slopes are held at every level of the pyramid: what a code does to them is local
   there (images.h). */
#ifndef TOD_DESCENT_H
#define TOD_DESCENT_H

#include "code_contexts.h"
#include "maps.h"

typedef struct TodDescent TodDescent;

typedef struct TodDescentSpec {
    int32_t height, width, n_maps, n_levels;
    const uint8_t *valid; /* [height][width], 0 or 1 */
    const uint8_t *blocks; /* regions of the blocks of TOD_BLOCK texels, by rows */
    int32_t n_regions;
    const double *rotations; /* [n_regions][n_maps][n_maps] */
} TodDescentSpec;

/* What a sweep is to weigh, and what it found. */
typedef struct TodSweep {
    const float (*bits)[TOD_N_COSTS]; /* of each magnitude in each of TOD_N_FINE_CLASSES */
    float rd_weight;                  /* squared steps that a bit is worth */
    float context_gain;               /* factor on what magnitudes cost later codes */
    float energy_floor;               /* see tod_find_prices */
    double excess[2], weights[2]; /* of codes of magnitude 1, and of larger ones: weighted excess of the best values */
    int64_t n_changed;
} TodSweep;

TodStatus tod_descent_open(const TodDescentSpec *spec, TodDescent **descent);
void tod_descent_free(TodDescent *descent);

/* Codes of a band, int32 [n_maps][height][width], to (is_set) or from the descent; depth -1 is the low band. */
TodStatus tod_descent_band(TodDescent *descent, int32_t depth, int orientation, int is_set, int32_t *codes,
                           size_t n_items);

/* counts[TOD_N_FINE_CLASSES][TOD_N_COSTS] of the codes as they are. */
TodStatus tod_descent_count(TodDescent *descent, int64_t (*counts)[TOD_N_COSTS]);

/* Decoded maps of the valid texels in units of q_step, [n_texels][n_maps]; smoothed where `smoothing` is on. */
TodStatus tod_descent_maps(TodDescent *descent, const float centroids[2], const TodSmoothing *smoothing, float *maps);

/* Take maps [n_texels][n_maps] in units of q_step apart into coefficients, which tod_descent_round rounds. */
TodStatus tod_descent_analyze(TodDescent *descent, const float *maps);

/* How coefficients are rounded, and what it left. */
typedef struct TodRounding {
    const double *inverses;           /* [n_regions][n_maps][n_maps] of the rotations */
    const float (*bits)[TOD_N_COSTS]; /* costs of magnitudes by class; NULL: a dead zone alone */
    float rd_weight;                  /* squared steps that a bit is worth */
    float centroids[2];
    double excess[2], weights[2]; /* as in TodSweep */
} TodRounding;

/* Choose all codes, in coding order, each by itself; after tod_descent_analyze. */
TodStatus tod_descent_round(TodDescent *descent, TodRounding *rounding);

/* Set the slopes [n_texels][n_maps] of the valid texels and the metric [n_maps][n_maps]. */
TodStatus tod_descent_slopes(TodDescent *descent, const float *slopes, const double *metric);

/* Visit every code once, in coding order, after tod_descent_count and tod_descent_slopes. */
TodStatus tod_descent_sweep(TodDescent *descent, const float centroids[2], TodSweep *sweep);

int32_t tod_descent_texels(const TodDescent *descent);
size_t tod_descent_regions(const TodDescent *descent);

#endif
