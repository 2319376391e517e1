/* The low band of a tile. FORMAT.md "Context model". */
#ifndef TOD_LOW_BAND_H
#define TOD_LOW_BAND_H

#include "phase.h"

/* Codes [n_maps][n_sites] of the low band, taken from `keep`. */
TodStatus tod_decode_low_band(TodDecoder *decoder, int32_t n_sites, int is_wide, TodArena *keep, TodArena *scratch,
                              const int32_t **codes);

#endif
