/* One phase of a detail band: which coefficients are not 0, how large, and with what sign. FORMAT.md "Context model".
 */
#ifndef TOD_PHASE_H
#define TOD_PHASE_H

#include "bands.h"
#include "contexts.h"
#include "placing.h"

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

/* What is known of the nonzero coefficients of a phase. */
typedef struct TodCoded {
    TodNonzeros at;
    uint32_t *magnitudes; /* [n] in coding order; once signs are known times 2, plus 1 where negative */
    int8_t *scores;       /* [n] in coding order; NULL where all are 0 */
} TodCoded;

/* Find where the coefficients are whose places in coding order are known. */
TodStatus tod_place_phase(TodDecoder *decoder, TodArena *scratch, TodCoded *found);

/* Let the contexts know the phase, and add it to `band`. */
TodStatus tod_emit_phase(TodDecoder *decoder, int phase, const TodCoded *found, TodArena *keep, TodArena *scratch,
                         TodBand *band);

/* Decode the next phase of the contexts' band, let the contexts know it, and add it to `band`. */
TodStatus tod_decode_phase(TodDecoder *decoder, int phase, TodArena *keep, TodArena *scratch, TodBand *band);

/* A reader of phases, such as tod_decode_phase. */
typedef TodStatus (*TodPhaseReader)(TodDecoder *decoder, int phase, TodArena *keep, TodArena *scratch, TodBand *band);

/* All detail bands; mean_codes: [n_levels][TOD_N_ORIENTATIONS][n_maps], coarse to fine. */
TodStatus tod_decode_details(TodDecoder *decoder, const TodPyramid *pyramid, const uint8_t *mean_codes,
                             TodPhaseReader read, TodArena *keep, TodArena *scratch, TodBands *bands);

#endif
