/* One phase of a detail band: which coefficients are not 0, how large, and with what sign. FORMAT.md "Context model".
 */
#ifndef TOD_PHASE_H
#define TOD_PHASE_H

#include "bands.h"
#include "contexts.h"

#define TOD_MAX_DETAIL ((1 << 19) - 1)

/* What is used all along a stream. */
typedef struct TodDecoder {
    const TodBandsSpec *spec;
    TodTables tables;
    TodSource source;
    TodRawBits raw;
    TodContexts contexts;
    uint32_t largest; /* magnitude that codes may have */
} TodDecoder;

/* Decode the next phase of the contexts' band, let the contexts know it, and add it to `band`. */
TodStatus tod_decode_phase(TodDecoder *decoder, int phase, TodArena *keep, TodArena *scratch, TodBand *band);

#endif
