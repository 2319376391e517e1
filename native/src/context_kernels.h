/* Rows of the context model; included by each kernels_*.c. FORMAT.md "Context model". */
#include <string.h>

#include "kernels.h"

#define MAX_ENERGY ((1u << 20) - 1)

/* 0 for 0, else 1 + quarter octaves: the exponent and the two bits under the leading one are the top bits of a float.
 */
static inline int32_t log_class(uint32_t energy)
{
    const float value = (float)(int32_t)energy;
    int32_t bits;
    memcpy(&bits, &value, sizeof bits);
    const int32_t found = (bits >> 21) - 507;
    return found > 0 ? found : 0;
}

static inline void parent_energies_fine(const TodParentRow *row)
{
    const uint16_t *restrict above = row->rows[0], *restrict at = row->rows[1], *restrict below = row->rows[2];
    const uint16_t *restrict one = row->others[0], *restrict two = row->others[1];
    const uint16_t w_parent = row->weights->parent, w_ring = row->weights->parent_ring;
    const uint16_t w_others = row->weights->parent_others;
    uint16_t *restrict energies = row->energies;
    const ptrdiff_t n = row->n, n_others = row->n_others;
    for (ptrdiff_t j = 0; j < n; j++) {
        uint16_t sum = (uint16_t)(at[j] * w_parent);
        const uint16_t ring = (uint16_t)(above[j - 1] + above[j] + above[j + 1] + at[j - 1] + at[j + 1] + below[j - 1] +
                                         below[j] + below[j + 1]);
        energies[j] = (uint16_t)(sum + ring * w_ring);
    }
    for (ptrdiff_t j = 0; j < n_others; j++)
        energies[j] = (uint16_t)(energies[j] + (one[j] + two[j]) * w_others);
}

static inline void parent_energies_coarse(const TodParentRow *row)
{
    const uint16_t *restrict above = row->rows[0], *restrict at = row->rows[1], *restrict below = row->rows[2];
    const uint16_t *restrict one = row->others[0], *restrict two = row->others[1];
    const uint32_t w_parent = row->weights->parent, w_ring = row->weights->parent_ring;
    const uint32_t w_others = row->weights->parent_others;
    uint32_t *restrict energies = row->energies;
    const ptrdiff_t n = row->n, n_others = row->n_others;
    for (ptrdiff_t j = 0; j < n; j++) {
        const uint32_t ring = (uint32_t)(above[j - 1] + above[j] + above[j + 1] + at[j - 1] + at[j + 1] + below[j - 1] +
                                         below[j] + below[j + 1]);
        energies[j] = at[j] * w_parent + ring * w_ring;
    }
    for (ptrdiff_t j = 0; j < n_others; j++)
        energies[j] += (uint32_t)(one[j] + two[j]) * w_others;
}

static void parent_row(const TodParentRow *row)
{
    if (row->is_fine)
        parent_energies_fine(row);
    else
        parent_energies_coarse(row);
}

#define CHUNK 128 /* columns whose energies are held at a time */

/* Classes of n columns from `at` on, from their energies. */
static inline void classes_of(const TodClassRow *row, ptrdiff_t at, ptrdiff_t n, const uint32_t *energies)
{
    const uint8_t *restrict outside = row->outside + at, *restrict shift = row->shift + at;
    uint8_t *restrict classes = row->classes + at;
    const int32_t level_shift = row->level_shift;
    for (ptrdiff_t j = 0; j < n; j++)
        classes[j] = (uint8_t)((log_class(energies[j]) + level_shift + shift[j]) | outside[j]);
}

/* At the finest two levels sums of weighted magnitudes are below 2^16. */
static inline void add_siblings(const TodClassRow *row, ptrdiff_t at, ptrdiff_t n, uint16_t *restrict energies)
{
    const uint16_t *same = row->same[1] + at, *above = row->cross[0] + at, *below = row->cross[2] + at;
    const uint16_t *beside = row->cross[1] + at + row->side;
    const uint16_t w_same = row->weights->sibling, w_cross = row->weights->sibling_cross;
    for (ptrdiff_t j = 0; j < n; j++) {
        const uint16_t cross = (uint16_t)(above[j] + below[j] + beside[j] + beside[j + 1]);
        energies[j] = (uint16_t)(energies[j] + (uint16_t)(same[j] * w_same) + (uint16_t)(cross * w_cross));
    }
}

static inline void add_diagonals(const TodClassRow *row, ptrdiff_t at, ptrdiff_t n, uint16_t *restrict energies)
{
    const uint16_t *above = row->same[0] + at + row->side, *below = row->same[2] + at + row->side;
    const uint16_t w_diagonal = row->weights->sibling_diagonal;
    for (ptrdiff_t j = 0; j < n; j++) {
        const uint16_t diagonal = (uint16_t)(above[j] + above[j + 1] + below[j] + below[j + 1]);
        energies[j] = (uint16_t)(energies[j] + (uint16_t)(diagonal * w_diagonal));
    }
}

static inline void add_first_phase(const TodClassRow *row, ptrdiff_t at, ptrdiff_t n, uint16_t *restrict energies)
{
    const uint16_t *above = row->first[0] + at, *below = row->first[2] + at, *beside = row->first[1] + at + row->side;
    const uint16_t *before = row->adjacent[0] + at, *after = row->adjacent[1] + at;
    const uint16_t w_beside = row->weights->left_right, w_over = row->weights->above_below;
    const uint16_t w_maps = row->weights->adjacent_maps;
    for (ptrdiff_t j = 0; j < n; j++) {
        const uint16_t sides = (uint16_t)(beside[j] + beside[j + 1]), over = (uint16_t)(above[j] + below[j]);
        const uint16_t maps = (uint16_t)(before[j] + after[j]);
        energies[j] = (uint16_t)(energies[j] + (uint16_t)(sides * w_beside) + (uint16_t)(over * w_over) +
                                 (uint16_t)(maps * w_maps));
    }
}

static void fine_class_row(const TodClassRow *row)
{
    uint16_t energies[CHUNK];
    for (ptrdiff_t at = 0; at < row->n; at += CHUNK) {
        const ptrdiff_t n = row->n - at < CHUNK ? row->n - at : CHUNK;
        const uint16_t *parents = (const uint16_t *)row->parents + at, mean = (uint16_t)row->mean;
        for (ptrdiff_t j = 0; j < n; j++)
            energies[j] = (uint16_t)(parents[j] + mean);
        if (row->has_siblings)
            add_siblings(row, at, n, energies);
        if (row->has_siblings && row->weights->sibling_diagonal)
            add_diagonals(row, at, n, energies);
        if (row->phase)
            add_first_phase(row, at, n, energies);
        uint32_t wide[CHUNK];
        for (ptrdiff_t j = 0; j < n; j++)
            wide[j] = energies[j];
        classes_of(row, at, n, wide);
    }
}

/* The same where sums take up to 32 bits: a small part of all samples, so with all terms, some of them 0. */
static void coarse_class_row(const TodClassRow *row)
{
    const TodWeights w = *row->weights;
    const ptrdiff_t side = row->side;
    const uint16_t *same = row->same[1], *above = row->same[0] + side, *below = row->same[2] + side;
    const uint16_t *cross = row->cross[1] + side, *cross_above = row->cross[0], *cross_below = row->cross[2];
    const uint16_t *first = row->first[1] + side, *first_above = row->first[0], *first_below = row->first[2];
    const uint16_t *before = row->adjacent[0], *after = row->adjacent[1];
    uint32_t energies[CHUNK];
    for (ptrdiff_t at = 0; at < row->n; at += CHUNK) {
        const ptrdiff_t n = row->n - at < CHUNK ? row->n - at : CHUNK;
        const uint32_t *parents = (const uint32_t *)row->parents + at, mean = row->mean;
        for (ptrdiff_t j = 0, i = at; j < n; j++, i++) {
            energies[j] = parents[j] + mean + (uint32_t)same[i] * w.sibling;
            energies[j] += (uint32_t)(cross_above[i] + cross_below[i] + cross[i] + cross[i + 1]) * w.sibling_cross;
            energies[j] += (uint32_t)(above[i] + above[i + 1] + below[i] + below[i + 1]) * w.sibling_diagonal;
        }
        for (ptrdiff_t j = 0, i = at; j < n; j++, i++) {
            uint32_t energy = energies[j] + (uint32_t)(first[i] + first[i + 1]) * w.left_right;
            energy += (uint32_t)(first_above[i] + first_below[i]) * w.above_below;
            energy += (uint32_t)(before[i] + after[i]) * w.adjacent_maps;
            energies[j] = energy < MAX_ENERGY ? energy : MAX_ENERGY;
        }
        classes_of(row, at, n, energies);
    }
}

static void class_row(const TodClassRow *row)
{
    if (row->is_fine)
        fine_class_row(row);
    else
        coarse_class_row(row);
}
