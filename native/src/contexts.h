/* Context model: what is decoded already gives every coefficient of a phase a fine class. FORMAT.md "Context model".

   Sample (k, y, x) of a band has phase (x + y + k) mod 2. Both phases are arrays (k, y, j), x = 2 j + column parity;
   the neighbours of a sample above, below and in maps k - 1 and k + 1 are the samples of the other phase at the same j.
 */
#ifndef TOD_CONTEXTS_H
#define TOD_CONTEXTS_H

#include "kernels.h"
#include "pyramid.h"
#include "tables.h"

#define TOD_NO_SITE 127 /* the class of what is not coded */
#define TOD_N_CLASSES 128
#define TOD_MAX_ACTIVITY 1023

/* A stack of small images with zeros around each: rows -1 .. rows and columns -1 .. columns can be read. */
typedef struct TodStack {
    uint16_t *data;
    int32_t rows, columns;
} TodStack;

static inline size_t tod_stack_items(int32_t n_maps, int32_t rows, int32_t columns)
{
    return ((size_t)n_maps * ((size_t)rows + 1) + 1) * ((size_t)columns + 1) + 1;
}

static inline size_t tod_stack_at(int32_t rows, int32_t columns, int32_t k, int32_t y)
{
    return ((size_t)k * ((size_t)rows + 1) + (size_t)(y + 1)) * ((size_t)columns + 1) + 1;
}

static inline uint16_t *tod_stack_row(const TodStack *stack, int32_t k, int32_t y)
{
    return stack->data + tod_stack_at(stack->rows, stack->columns, k, y);
}

typedef struct TodContexts {
    const TodKernels *kernels;
    int32_t n_maps;
    int32_t above_finest; /* of the current level */
    uint32_t cap;
    int has_parents;
    TodStack parents[TOD_N_ORIENTATIONS]; /* capped magnitudes of the coarser level, in plain layout */
    TodStack current[TOD_N_ORIENTATIONS]; /* the same of this level, unless it is the finest */
    TodStack siblings[TOD_N_PHASES];      /* sums over the earlier orientations */
    TodStack first;                       /* capped magnitudes of phase 0 of this band */
    int8_t *signs;                        /* of phase 0, in a layout like `first` */
    uint16_t *activity[2];                /* sums of `first` over the maps of one parity of k, (y, j) */
    uint8_t *shift[2];                    /* class shift of phase 1 for the maps of one parity of k */
    uint8_t *outside[2];                  /* by column parity: TOD_NO_SITE where no site is, else 0 */
    uint8_t *has_sites;                   /* of every row */
    uint8_t *classes;                     /* (k, y, j) of the current phase; undefined in rows that hold no site */
    uint32_t *counts;                     /* [n_maps][TOD_N_CLASSES] samples of each class in the current phase */
    void *energies;                       /* of one row of parents */
    uint16_t *zeros;                      /* a row of them, and one before and after it */
    const TodLevel *level;
    int orientation;
    TodSize band; /* of the current band */
    int32_t half; /* columns of each of its phases */
    const uint8_t *mean_codes;
} TodContexts;

/* Take memory for a pyramid of n_maps maps. */
TodStatus tod_contexts_open(TodContexts *contexts, const TodPyramid *pyramid, int32_t n_maps, TodArena *scratch);

/* Begin the level `depth` above the finest. */
TodStatus tod_contexts_level(TodContexts *contexts, const TodLevel *level, int32_t depth, TodArena *scratch);

/* Begin a band of it; mean_codes are its [n_maps]. */
void tod_contexts_band(TodContexts *contexts, int orientation, const uint8_t *mean_codes);

/* Find the classes of a phase and count them. */
void tod_contexts_classes(TodContexts *contexts, int phase);

/* The phase 0 of the band is complete: its activity becomes shifts. */
void tod_contexts_after_first(TodContexts *contexts);

/* The band is complete. Its phase 1 was added to siblings[1] by the caller; phase 0 is added here. */
void tod_contexts_end_band(TodContexts *contexts);

/* Weights of an orientation and phase. */
const TodWeights *tod_context_weights(int orientation, int phase);

/* Whether row y of map k holds coefficients. */
static inline int tod_is_coded(const TodContexts *contexts, int32_t k, int32_t y)
{
    return contexts->mean_codes[k] && contexts->has_sites[y];
}

/* Parity of the columns of a phase in row y of map k. */
static inline int32_t tod_column_parity(int32_t k, int32_t y, int phase)
{
    return ((k + y) & 1) ^ phase;
}

#endif
