#include "contexts.h"

#include <string.h>

#define FINE_CAP 48
#define COARSE_CAP 2047
#define N_FINE_LEVELS 2
#define MEAN_CAP 4095

/* [orientation][phase]: parent, ring, others, mean, sibling, cross, diagonal, left and right, above and below, maps */
static const TodWeights WEIGHTS[TOD_N_ORIENTATIONS][TOD_N_PHASES] = {
    {{269, 20, 65, 159, 0, 0, 0, 0, 0, 0}, {42, 0, 14, 11, 0, 0, 0, 298, 134, 18}},
    {{205, 18, 39, 53, 140, 60, 32, 0, 0, 0}, {45, 0, 7, 5, 35, 8, 0, 133, 272, 13}},
    {{88, 0, 0, 3, 183, 41, 0, 0, 0, 0}, {29, 0, 0, 6, 85, 4, 0, 166, 133, 13}},
};
static const uint8_t LEVEL_SHIFT[5] = {0, 1, 1, 2, 3};

const TodWeights *tod_context_weights(int orientation, int phase)
{
    return &WEIGHTS[orientation][phase];
}

static int take_stack(TodStack *stack, int32_t n_maps, int32_t rows, int32_t columns, TodArena *scratch)
{
    stack->rows = rows;
    stack->columns = columns;
    stack->data = tod_arena_zeros(scratch, tod_stack_items(n_maps, rows, columns), sizeof *stack->data);
    return stack->data != NULL;
}

TodStatus tod_contexts_open(TodContexts *contexts, const TodPyramid *pyramid, int32_t n_maps, TodArena *scratch)
{
    const TodSize size = pyramid->levels[0].size; /* bands of the finest level are the largest */
    const int32_t rows = (size.height + 1) / 2, columns = ((size.width + 1) / 2 + 1) / 2;
    const size_t area = (size_t)rows * (size_t)columns, stacked = tod_stack_items(n_maps, rows, columns);
    if (stacked > INT32_MAX)
        return TOD_TOO_LARGE;
    memset(contexts, 0, sizeof *contexts);
    contexts->kernels = tod_kernels();
    contexts->n_maps = n_maps;
    int taken = 1;
    for (int i = 0; i < 2; i++) {
        contexts->siblings[i].data = tod_arena_take(scratch, stacked, sizeof(uint16_t));
        contexts->activity[i] = tod_arena_take(scratch, area, sizeof(uint16_t));
        contexts->shift[i] = tod_arena_take(scratch, area, 1);
        contexts->outside[i] = tod_arena_take(scratch, area, 1);
        taken &= contexts->siblings[i].data && contexts->activity[i] && contexts->shift[i] && contexts->outside[i];
    }
    contexts->first.data = tod_arena_take(scratch, stacked, sizeof(uint16_t));
    contexts->signs = tod_arena_take(scratch, stacked, 1);
    contexts->has_sites = tod_arena_take(scratch, (size_t)rows, 1);
    contexts->classes = tod_arena_take(scratch, (size_t)n_maps * area, 1);
    contexts->counts = tod_arena_take(scratch, (size_t)n_maps * TOD_N_CLASSES, sizeof(uint32_t));
    contexts->energies = tod_arena_take(scratch, (size_t)columns, sizeof(uint32_t));
    contexts->zeros = tod_arena_zeros(scratch, 2 * (size_t)columns + 2, sizeof(uint16_t));
    taken &= contexts->first.data && contexts->signs && contexts->has_sites && contexts->classes && contexts->counts &&
             contexts->energies && contexts->zeros;
    return taken ? TOD_OK : TOD_NO_MEMORY;
}

TodStatus tod_contexts_level(TodContexts *contexts, const TodLevel *level, int32_t depth, TodArena *scratch)
{
    contexts->level = level;
    contexts->above_finest = depth;
    contexts->cap = depth < N_FINE_LEVELS ? FINE_CAP : COARSE_CAP;
    contexts->has_parents = contexts->current[0].data != NULL;
    memcpy(contexts->parents, contexts->current, sizeof contexts->parents);
    for (int o = 0; contexts->has_parents && o < TOD_N_ORIENTATIONS; o++) {
        TodStack *stack = &contexts->parents[o];
        const size_t n = tod_stack_items(contexts->n_maps, stack->rows, stack->columns);
        for (size_t i = 0; i < n; i++)
            stack->data[i] = (uint16_t)(stack->data[i] < contexts->cap ? stack->data[i] : contexts->cap);
    }
    for (int o = 0; depth > 0 && o < TOD_N_ORIENTATIONS; o++)
        if (!take_stack(&contexts->current[o], contexts->n_maps, level->bands[o].height, level->bands[o].width,
                        scratch))
            return TOD_NO_MEMORY;
    for (int phase = 0; phase < TOD_N_PHASES; phase++) {
        TodStack *sums = &contexts->siblings[phase];
        sums->rows = level->bands[TOD_HL].height;
        sums->columns = (level->bands[TOD_HL].width + 1) / 2;
        memset(sums->data, 0, tod_stack_items(contexts->n_maps, sums->rows, sums->columns) * sizeof *sums->data);
    }
    return TOD_OK;
}

static void find_sites(TodContexts *contexts, const uint8_t *sites)
{
    const int32_t width = contexts->band.width, half = contexts->half;
    for (int32_t y = 0; y < contexts->band.height; y++) {
        const uint8_t *row = sites + (size_t)y * (size_t)width;
        uint8_t *even = contexts->outside[0] + (size_t)y * (size_t)half;
        uint8_t *odd = contexts->outside[1] + (size_t)y * (size_t)half;
        for (int32_t j = 0; j < width / 2; j++) {
            even[j] = (uint8_t)(row[2 * j] ? 0 : TOD_NO_SITE);
            odd[j] = (uint8_t)(row[2 * j + 1] ? 0 : TOD_NO_SITE);
        }
        if (width % 2) {
            even[half - 1] = (uint8_t)(row[width - 1] ? 0 : TOD_NO_SITE);
            odd[half - 1] = TOD_NO_SITE;
        }
        contexts->has_sites[y] = memchr(row, 1, (size_t)width) != NULL;
    }
}

void tod_contexts_band(TodContexts *contexts, int orientation, const uint8_t *mean_codes)
{
    contexts->orientation = orientation;
    contexts->band = contexts->level->bands[orientation];
    contexts->half = (contexts->band.width + 1) / 2;
    contexts->mean_codes = mean_codes;
    const size_t area = (size_t)contexts->band.height * (size_t)contexts->half;
    const size_t n = tod_stack_items(contexts->n_maps, contexts->band.height, contexts->half);
    contexts->first.rows = contexts->band.height;
    contexts->first.columns = contexts->half;
    memset(contexts->first.data, 0, n * sizeof *contexts->first.data);
    memset(contexts->signs, 0, n);
    memset(contexts->activity[0], 0, area * sizeof(uint16_t));
    memset(contexts->activity[1], 0, area * sizeof(uint16_t));
    find_sites(contexts, contexts->level->sites[orientation]);
}

static uint32_t mean_energy(uint32_t code, uint32_t weight)
{
    const uint64_t root = code & 1 ? 92682 : 65536; /* 2^16 times the root of 2, or of 1 */
    const uint64_t energy = (weight * root << (code >> 1)) >> 28;
    return energy < MEAN_CAP ? (uint32_t)energy : MEAN_CAP;
}

static int32_t least(int32_t one, int32_t other)
{
    return one < other ? one : other;
}

/* Energies that row y of the parents of map k gives to the rows under it. */
static void find_parents(TodContexts *contexts, int32_t k, int32_t y, const TodWeights *weights)
{
    const TodStack *parents = contexts->parents;
    const int o = contexts->orientation, one = o == TOD_LH ? TOD_HL : TOD_LH, two = o == TOD_HH ? TOD_HL : TOD_HH;
    memset(contexts->energies, 0, (size_t)contexts->half * sizeof(uint32_t));
    if (!contexts->has_parents || y >= parents[o].rows)
        return;
    TodParentRow row = {.is_fine = contexts->cap == FINE_CAP, .weights = weights, .energies = contexts->energies};
    for (int i = 0; i < 3; i++)
        row.rows[i] = tod_stack_row(&parents[o], k, y - 1 + i);
    row.n = least(contexts->half, parents[o].columns);
    if (y < parents[TOD_HH].rows) {
        row.others[0] = tod_stack_row(&parents[one], k, y);
        row.others[1] = tod_stack_row(&parents[two], k, y);
        row.n_others = least(row.n, parents[TOD_HH].columns);
    }
    contexts->kernels->parent_row(&row);
}

/* Rows y - 1, y and y + 1 of map k. */
static void three_rows(const TodStack *stack, int32_t k, int32_t y, const uint16_t *rows[3])
{
    for (int i = 0; i < 3; i++)
        rows[i] = tod_stack_row(stack, k, y - 1 + i);
}

static void count_classes(const uint8_t *classes, int32_t n, uint32_t counts[4][TOD_N_CLASSES])
{
    int32_t j = 0;
    for (; j + 4 <= n; j += 4) { /* four counters: equal classes in a row need not wait for each other */
        counts[0][classes[j]]++;
        counts[1][classes[j + 1]]++;
        counts[2][classes[j + 2]]++;
        counts[3][classes[j + 3]]++;
    }
    for (; j < n; j++)
        counts[0][classes[j]]++;
}

static void row_classes(TodContexts *contexts, int phase, int32_t k, int32_t y, TodClassRow *row)
{
    const size_t half = (size_t)contexts->half, at = (size_t)y * half;
    const int32_t parity = tod_column_parity(k, y, phase);
    row->side = parity - 1;
    row->outside = contexts->outside[parity] + at;
    if (row->has_siblings) {
        three_rows(&contexts->siblings[phase], k, y, row->same);
        three_rows(&contexts->siblings[1 - phase], k, y, row->cross);
    }
    if (phase) {
        three_rows(&contexts->first, k, y, row->first);
        row->adjacent[0] = k > 0 ? tod_stack_row(&contexts->first, k - 1, y) : contexts->zeros + 1;
        row->adjacent[1] = k + 1 < contexts->n_maps ? tod_stack_row(&contexts->first, k + 1, y) : contexts->zeros + 1;
        row->shift = contexts->shift[k & 1] + at;
    }
    row->classes = contexts->classes + ((size_t)k * (size_t)contexts->band.height + (size_t)y) * half;
    contexts->kernels->class_row(row);
}

/* Classes of a map's rows, and how often each occurs. */
static void map_classes(TodContexts *contexts, int phase, int32_t k, TodClassRow *row)
{
    uint32_t counts[4][TOD_N_CLASSES], *sums = contexts->counts + (size_t)k * TOD_N_CLASSES;
    memset(counts, 0, sizeof counts);
    row->mean = mean_energy(contexts->mean_codes[k], row->weights->mean);
    for (int32_t y = 0; y < contexts->band.height; y++) {
        if (y % 2 == 0)
            find_parents(contexts, k, y / 2, row->weights);
        if (!contexts->has_sites[y])
            continue;
        row_classes(contexts, phase, k, y, row);
        count_classes(row->classes, row->n, counts);
    }
    for (int c = 0; c < TOD_N_CLASSES; c++)
        sums[c] = counts[0][c] + counts[1][c] + counts[2][c] + counts[3][c];
}

void tod_contexts_classes(TodContexts *contexts, int phase)
{
    TodClassRow row = {.is_fine = contexts->cap == FINE_CAP,
                       .phase = phase,
                       .has_siblings = contexts->orientation != TOD_LH,
                       .parents = contexts->energies,
                       .n = contexts->half,
                       .weights = &WEIGHTS[contexts->orientation][phase]};
    row.level_shift = phase ? 0 : LEVEL_SHIFT[least(contexts->above_finest, 4)];
    row.shift = (const uint8_t *)contexts->zeros;
    for (int i = 0; i < 3; i++)
        row.same[i] = row.cross[i] = row.first[i] = row.adjacent[i % 2] = contexts->zeros + 1;
    memset(contexts->counts, 0, (size_t)contexts->n_maps * TOD_N_CLASSES * sizeof *contexts->counts);
    for (int32_t k = 0; k < contexts->n_maps; k++)
        if (contexts->mean_codes[k])
            map_classes(contexts, phase, k, &row);
}

void tod_contexts_after_first(TodContexts *contexts)
{
    const size_t area = (size_t)contexts->band.height * (size_t)contexts->half;
    for (int parity = 0; parity < 2; parity++) {
        const uint16_t *restrict sums = contexts->activity[1 - parity];
        uint8_t *restrict shift = contexts->shift[parity];
        for (size_t i = 0; i < area; i++)
            shift[i] = (uint8_t)((sums[i] >= 1) + (sums[i] >= 4) + (sums[i] >= 11) + (sums[i] >= 31) + (sums[i] >= 85) +
                                 (sums[i] >= 231) + (sums[i] >= 624));
    }
}

void tod_contexts_end_band(TodContexts *contexts)
{
    TodStack *sums = &contexts->siblings[0];
    const int32_t columns = sums->columns < contexts->half ? sums->columns : contexts->half;
    /* what lies under the last row of hh is none of its neighbours */
    const int32_t rows =
        contexts->orientation == TOD_HL ? contexts->level->bands[TOD_HH].height : contexts->band.height;
    for (int32_t k = 0; k < contexts->n_maps; k++) {
        for (int32_t y = 0; contexts->mean_codes[k] && y < rows; y++) {
            uint16_t *restrict to = tod_stack_row(sums, k, y);
            const uint16_t *restrict from = tod_stack_row(&contexts->first, k, y);
            for (int32_t j = 0; j < columns; j++)
                to[j] = (uint16_t)(to[j] + from[j]);
        }
    }
}
