/* The coder's contexts over codes that an encoder is still choosing. */
#ifndef TOD_CODE_CONTEXTS_H
#define TOD_CODE_CONTEXTS_H

#include "contexts.h"

#define TOD_LAST_MAGNITUDE 15 /* the largest with a cost of its own */
#define TOD_N_COSTS (TOD_LAST_MAGNITUDE + 1)

/* Codes of a tile: by place, then by map. */
typedef struct TodCodes {
    int32_t n_maps;
    int32_t *low;                                        /* [low height][low width][n_maps] */
    int32_t *details[TOD_MAX_LEVELS][TOD_N_ORIENTATIONS]; /* finest first: [height][width][n_maps] */
} TodCodes;

TodStatus tod_take_codes(TodCodes *codes, const TodPyramid *pyramid, int32_t n_maps, TodArena *arena);

/* Codes of the mean magnitudes of a band, [n_maps]. */
void tod_mean_codes(const int32_t *codes, TodSize size, int32_t n_maps, int32_t n_sites, uint8_t *mean_codes);

/* A phase of the band is chosen: later contexts see it. `codes` are all of the band. */
void tod_put_phase(TodContexts *contexts, int phase, const int32_t *codes);

/* counts[class][magnitude], larger ones as TOD_LAST_MAGNITUDE; classes of all codes where `classes` is given, in the
   layout of the codes: TOD_NO_SITE where nothing is coded, less the shift of phase 1 in `shifts`. */
typedef struct TodClassMaps {
    uint8_t *classes[TOD_MAX_LEVELS][TOD_N_ORIENTATIONS];
    uint8_t *shifts[TOD_MAX_LEVELS][TOD_N_ORIENTATIONS]; /* [height][width][parity of k]: of phase 1 */
} TodClassMaps;

TodStatus tod_count_codes(const TodPyramid *pyramid, const TodCodes *codes, TodArena *scratch, TodClassMaps *maps,
                          int64_t (*counts)[TOD_N_COSTS]);

/* The class of a code in a phase that tod_contexts_classes was called for. */
static inline uint8_t tod_class_at(const TodContexts *contexts, int32_t k, int32_t y, int32_t x)
{
    return contexts->mean_codes[k]
               ? contexts->classes[((size_t)k * (size_t)contexts->band.height + (size_t)y) * (size_t)contexts->half +
                                   (size_t)(x >> 1)]
               : TOD_NO_SITE;
}

#endif
