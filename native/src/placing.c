#include "placing.h"

#include <string.h>

/* How far a class is from its next nonzero. */
typedef struct Countdown {
    uint32_t left; /* samples of the class up to and with it */
    uint32_t rank; /* its place in coding order */
} Countdown;

/* One walk over some of the maps. */
typedef struct Walk {
    Countdown classes[TOD_N_CLASSES];
    size_t n; /* nonzeros found so far, in all walks before and this one */
} Walk;

/* Where what is found goes. */
typedef struct Trail {
    const uint32_t *restrict places;
    uint32_t *restrict ranks;
    uint16_t *restrict columns;
} Trail;

void tod_number_places(const TodContexts *contexts, TodNonzeros *found)
{
    found->first_place[0] = 0;
    for (int c = 0; c < TOD_N_FINE_CLASSES; c++) {
        uint32_t n = 0;
        for (int32_t k = 0; k < contexts->n_maps; k++)
            n += contexts->counts[(size_t)k * TOD_N_CLASSES + (size_t)c];
        found->first_place[c + 1] = found->first_place[c] + n;
    }
}

void tod_rank_classes(TodNonzeros *found)
{
    uint32_t rank = 0;
    for (int c = 0; c <= TOD_N_FINE_CLASSES; c++) {
        while (found->places[rank] < found->first_place[c])
            rank++;
        found->first_rank[c] = rank;
    }
}

/* First map of walk w. */
static int32_t first_map(const TodContexts *contexts, int w)
{
    return contexts->n_maps / TOD_N_WALKS * w;
}

/* Where each walk begins: what the walks before it have passed is known from the counts of classes. */
static void begin_walks(const TodContexts *contexts, const TodNonzeros *found, Walk walks[TOD_N_WALKS])
{
    memset(walks, 0xFF, TOD_N_WALKS * sizeof *walks); /* no other class ever gets to 0 */
    for (int w = 0; w < TOD_N_WALKS; w++)
        walks[w].n = 0;
    for (int c = 0; c < TOD_N_FINE_CLASSES; c++) {
        uint32_t rank = found->first_rank[c], place = found->first_place[c];
        for (int w = 0; w < TOD_N_WALKS; w++) {
            const uint32_t before = rank;
            walks[w].classes[c] = (Countdown){found->places[rank] - place + 1, rank};
            const int32_t end = w + 1 < TOD_N_WALKS ? first_map(contexts, w + 1) : contexts->n_maps;
            for (int32_t k = first_map(contexts, w); k < end; k++)
                place += contexts->counts[(size_t)k * TOD_N_CLASSES + (size_t)c];
            while (found->places[rank] < place)
                rank++;
            if (w + 1 < TOD_N_WALKS)
                walks[w + 1].n += rank - before;
        }
    }
    for (int w = 1; w < TOD_N_WALKS; w++)
        walks[w].n += walks[w - 1].n;
}

/* A nonzero is met in column j. */
static inline size_t meet(Countdown *countdown, const Trail trail, size_t n, int32_t j)
{
    const uint32_t rank = countdown->rank++;
    countdown->left = trail.places[rank + 1] - trail.places[rank];
    trail.ranks[n] = rank;
    trail.columns[n] = (uint16_t)j;
    return n + 1;
}

/* Row y of map k. */
static void walk_row(const TodContexts *contexts, int32_t k, int32_t y, const TodNonzeros *found, Walk *walk)
{
    const Trail trail = {found->places, found->ranks, found->columns};
    const size_t row = (size_t)k * (size_t)contexts->band.height + (size_t)y, before = walk->n;
    const int32_t half = contexts->half;
    const uint8_t *classes = contexts->classes + row * (size_t)half;
    size_t n = before;
    for (int32_t j = 0; tod_is_coded(contexts, k, y) && j < half; j++)
        if (--walk->classes[classes[j]].left == 0)
            n = meet(&walk->classes[classes[j]], trail, n, j);
    found->row_counts[row] = (uint16_t)(n - before);
    walk->n = n;
}

/* Rows y of map i of every walk, side by side: none waits for another's counts. */
static void walk_rows(const TodContexts *contexts, int32_t i, int32_t y, const TodNonzeros *found,
                      Walk walks[TOD_N_WALKS])
{
    const Trail trail = {found->places, found->ranks, found->columns};
    const size_t half = (size_t)contexts->half, rows = (size_t)contexts->band.height;
    const size_t apart = (size_t)(contexts->n_maps / TOD_N_WALKS) * rows, row = (size_t)i * rows + (size_t)y;
    const uint8_t *at = contexts->classes + row * half;
    size_t n0 = walks[0].n, n1 = walks[1].n, n2 = walks[2].n, n3 = walks[3].n;
    for (size_t j = 0; j < half; j++) {
        Countdown *a = &walks[0].classes[at[j]], *b = &walks[1].classes[at[j + apart * half]];
        Countdown *c = &walks[2].classes[at[j + 2 * apart * half]], *d = &walks[3].classes[at[j + 3 * apart * half]];
        if (--a->left == 0)
            n0 = meet(a, trail, n0, (int32_t)j);
        if (--b->left == 0)
            n1 = meet(b, trail, n1, (int32_t)j);
        if (--c->left == 0)
            n2 = meet(c, trail, n2, (int32_t)j);
        if (--d->left == 0)
            n3 = meet(d, trail, n3, (int32_t)j);
    }
    const size_t n[TOD_N_WALKS] = {n0, n1, n2, n3};
    for (size_t w = 0; w < TOD_N_WALKS; w++) {
        found->row_counts[row + w * apart] = (uint16_t)(n[w] - walks[w].n);
        walks[w].n = n[w];
    }
}

void tod_place_nonzeros(const TodContexts *contexts, TodNonzeros *found)
{
    Walk walks[TOD_N_WALKS];
    const int32_t rows = contexts->band.height, side_by_side = contexts->n_maps / TOD_N_WALKS;
    begin_walks(contexts, found, walks);
    for (int32_t i = 0; i < side_by_side; i++) {
        for (int32_t y = 0; y < rows; y++) {
            int coded = 1;
            for (int w = 0; w < TOD_N_WALKS; w++)
                coded &= tod_is_coded(contexts, first_map(contexts, w) + i, y);
            if (coded)
                walk_rows(contexts, i, y, found, walks);
            else
                for (int w = 0; w < TOD_N_WALKS; w++)
                    walk_row(contexts, first_map(contexts, w) + i, y, found, &walks[w]);
        }
    }
    for (int32_t k = TOD_N_WALKS * side_by_side; k < contexts->n_maps; k++)
        for (int32_t y = 0; y < rows; y++)
            walk_row(contexts, k, y, found, &walks[TOD_N_WALKS - 1]);
}
