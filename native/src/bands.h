/* Coefficients of one tile: coded bytes -> codes of the low band, and the nonzero ones of the detail bands.
   FORMAT.md "Coefficient stream". */
#ifndef TOD_BANDS_H
#define TOD_BANDS_H

#include "kernels.h"
#include "pyramid.h"
#include "symbols.h"

/* Those of one phase of a band: bucket b holds entries starts[b] .. starts[b + 1] - 1. */
typedef struct TodEntries {
    const uint32_t *starts; /* NULL where there is none */
    const TodEntry *entries;
} TodEntries;

typedef struct TodBand {
    TodEntries phases[TOD_N_PHASES];
    uint8_t *is_large; /* of every row: whether a magnitude is over the spec's `largest_exact` */
} TodBand;

typedef struct TodBands {
    int32_t n_maps;
    int32_t is_wide;
    const int32_t *low;                                  /* [n_maps][n_low_sites], codes */
    TodBand details[TOD_MAX_LEVELS][TOD_N_ORIENTATIONS]; /* finest first */
} TodBands;

/* How to read a stream. */
typedef struct TodBandsSpec {
    int32_t n_maps;
    /* Row y of maps m is bucket y + height * (m / maps_per_bucket): with regional rotations every map of a row is
       needed at once, so all share a bucket. */
    int32_t maps_per_bucket;
    uint32_t largest_exact;
    float centroids[2]; /* a code c means c + sign(c) * centroids[|c| > 1]; multiples of 1/32 within +-0.5 */
} TodBandsSpec;

/* Where the coefficients of a tile come from: `read` gives them, what `bands` points to is taken from `keep`. */
typedef struct TodBandsSource {
    TodStatus (*read)(void *context, const TodBandsSpec *spec, const TodPyramid *pyramid, TodArena *keep,
                      TodArena *scratch, TodBands *bands);
    void *context;
} TodBandsSource;

/* Decode a stream; what `bands` points to is taken from `keep`. */
TodStatus tod_decode_bands(const TodStream *stream, const TodBandsSpec *spec, const TodPyramid *pyramid, TodArena *keep,
                           TodArena *scratch, TodBands *bands);

#endif
