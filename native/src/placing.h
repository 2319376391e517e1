/* Where the nonzero coefficients of a phase are: a walk over the classes of its samples. FORMAT.md "Context model".

   Symbols come in coding order, by fine class, then map, row and column. The number of each nonzero in that order is
   known before its place is; so every class counts down to its next one while the samples are walked over by map, row
   and column, and no sample is ever sorted. */
#ifndef TOD_PLACING_H
#define TOD_PLACING_H

#include "contexts.h"

#define TOD_N_WALKS 4 /* groups of maps that are walked over side by side */

/* The nonzero coefficients of a phase. */
typedef struct TodNonzeros {
    size_t n;
    uint32_t first_place[TOD_N_FINE_CLASSES + 1]; /* number of the first coefficient of each fine class */
    uint32_t first_rank[TOD_N_FINE_CLASSES + 1];  /* nonzero ones before it */
    uint32_t *places;                             /* [n + 1] their numbers in coding order, then a sentinel */
    uint32_t *ranks;                              /* [n] by map, row and column: place in coding order */
    uint16_t *columns;                            /* [n] by map, row and column: j */
    uint16_t *row_counts;                         /* (k, y) */
} TodNonzeros;

/* Number the coefficients: fill first_place from the contexts' counts of classes. */
void tod_number_places(const TodContexts *contexts, TodNonzeros *found);

/* Fill first_rank, once `places` is known. */
void tod_rank_classes(TodNonzeros *found);

/* Fill ranks, columns and row_counts, which the caller took. */
void tod_place_nonzeros(const TodContexts *contexts, TodNonzeros *found);

#endif
