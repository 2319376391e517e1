/* Coefficients of one tile without an entropy coder. submission/plain_bits/FORMAT.md "Tile". */
#ifndef TOD_PLAIN_BITS_H
#define TOD_PLAIN_BITS_H

#include "bands.h"
#include "flag_lists.h"

/* Read them; bits: at their first one, then behind the last. What `bands` points to is taken from `keep`. */
TodStatus tod_read_plain_bands(TodRawBits *bits, const TodBandsSpec *spec, const TodPyramid *pyramid, TodArena *keep,
                               TodArena *scratch, TodBands *bands);

#endif
