/* The model section of a coefficient stream: class boundaries, probabilities, side values. FORMAT.md "Model section".
 */
#ifndef TOD_TABLES_H
#define TOD_TABLES_H

#include <stddef.h>
#include <stdint.h>

#include "memory.h"
#include "status.h"

#define TOD_N_FINE_CLASSES 100
#define TOD_N_TOKENS 48
#define TOD_N_SIGN_CLASSES 5
#define TOD_MAX_MEAN_CODE 48
#define TOD_N_PHASES 2

/* First fine class of each of `count` classes; the first is 0. */
typedef struct TodStarts {
    int32_t count;
    uint8_t first[TOD_N_FINE_CLASSES];
} TodStarts;

/* Log-scaled frequency codes of tokens 0 .. count - 1. */
typedef struct TodFrequencies {
    int32_t count;
    uint8_t codes[TOD_N_TOKENS];
} TodFrequencies;

typedef struct TodTables {
    TodStarts magnitude_starts;
    TodFrequencies magnitudes[TOD_N_FINE_CLASSES];
    TodStarts starts[TOD_N_PHASES];
    uint16_t significance[TOD_N_PHASES][TOD_N_FINE_CLASSES]; /* probability of a nonzero, over 65536 */
    uint16_t signs[TOD_N_SIGN_CLASSES];
    int low_predicted;
    const uint8_t *low_rice; /* [n_maps] */
    TodFrequencies low_tokens;
    const uint8_t *mean_codes; /* [n_bands][n_maps], coarse to fine */
} TodTables;

/* Read and check the decompressed section; arrays are taken from `arena`. */
TodStatus tod_read_tables(const uint8_t *data, size_t n_bytes, int32_t n_maps, int32_t n_bands, TodArena *arena,
                          TodTables *tables);

/* Fine class after the last of class `i`. */
static inline int32_t tod_class_limit(const TodStarts *starts, int32_t i)
{
    return i + 1 < starts->count ? starts->first[i + 1] : TOD_N_FINE_CLASSES;
}

#endif
