/* Bits that one more unit of a magnitude costs the coefficients coded after it, through their contexts. */
#ifndef TOD_CONTEXT_SLOPES_H
#define TOD_CONTEXT_SLOPES_H

#include "code_contexts.h"

#define TOD_SLOPE_SCALE 65536.0f

/* What a unit of a code's context energy costs it, in bits times TOD_SLOPE_SCALE: in the layout of the codes; and a
   unit of the sum over the other maps of phase 0, by place and parity of k. */
typedef struct TodPrices {
    int16_t *energies[TOD_MAX_LEVELS][TOD_N_ORIENTATIONS];
    float *maps[TOD_MAX_LEVELS][TOD_N_ORIENTATIONS]; /* in bits: [height][width][2] of the codes of that parity */
} TodPrices;

TodStatus tod_take_prices(TodPrices *prices, const TodPyramid *pyramid, int32_t n_maps, TodArena *arena);

/* Prices from the costs of magnitudes by class (bits[class][magnitude]), and classes as tod_count_codes finds them.
   `floor` is added to energies, where slopes are steep. */
void tod_find_prices(const TodPyramid *pyramid, const TodCodes *codes, const TodClassMaps *classes,
                     const float (*bits)[TOD_N_COSTS], float floor, TodPrices *prices);

/* The slope in bits of code k at (y, x) of a band. */
float tod_context_slope(const TodPyramid *pyramid, const TodPrices *prices, int32_t n_maps, int32_t depth,
                        int orientation, int32_t y, int32_t x, int32_t k);

#endif
