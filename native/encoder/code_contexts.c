#include "code_contexts.h"

#include <math.h>
#include <string.h>

TodStatus tod_take_codes(TodCodes *codes, const TodPyramid *pyramid, int32_t n_maps, TodArena *arena)
{
    codes->n_maps = n_maps;
    const size_t k = (size_t)n_maps;
    codes->low = tod_arena_zeros(arena, (size_t)pyramid->low.height * (size_t)pyramid->low.width * k, sizeof(int32_t));
    int taken = codes->low != NULL;
    for (int32_t depth = 0; depth < pyramid->n_levels; depth++)
        for (int o = 0; o < TOD_N_ORIENTATIONS; o++) {
            const TodSize size = pyramid->levels[depth].bands[o];
            codes->details[depth][o] =
                tod_arena_zeros(arena, (size_t)size.height * (size_t)size.width * k, sizeof(int32_t));
            taken &= codes->details[depth][o] != NULL;
        }
    return taken ? TOD_OK : TOD_NO_MEMORY;
}

void tod_mean_codes(const int32_t *codes, TodSize size, int32_t n_maps, int32_t n_sites, uint8_t *mean_codes)
{
    const size_t area = (size_t)size.height * (size_t)size.width;
    for (int32_t k = 0; k < n_maps; k++) {
        int64_t total = 0;
        for (size_t i = 0; i < area; i++) {
            const int32_t code = codes[i * (size_t)n_maps + (size_t)k];
            total += code < 0 ? -(int64_t)code : code;
        }
        double found = rint(24.0 + 2.0 * log2((double)(total > 1 ? total : 1) / (double)(n_sites > 1 ? n_sites : 1)));
        found = found < 1.0 ? 1.0 : found > TOD_MAX_MEAN_CODE ? TOD_MAX_MEAN_CODE : found;
        mean_codes[k] = total ? (uint8_t)found : 0;
    }
}

static uint32_t magnitude_of(int32_t code)
{
    return (uint32_t)(code < 0 ? -code : code);
}

void tod_put_phase(TodContexts *contexts, int phase, const int32_t *codes)
{
    const int32_t n_maps = contexts->n_maps, width = contexts->band.width;
    const uint32_t cap = contexts->cap;
    const int o = contexts->orientation;
    for (int32_t y = 0; y < contexts->band.height; y++) {
        if (!contexts->has_sites[y])
            continue;
        const int adds = phase == 1 && o != TOD_HH && y < contexts->level->bands[TOD_HH].height;
        const int32_t last = adds ? contexts->siblings[1].columns : 0;
        for (int32_t x = 0; x < width; x++) {
            const int32_t *at = codes + ((size_t)y * (size_t)width + (size_t)x) * (size_t)n_maps;
            for (int32_t k = (x + y + phase) & 1; k < n_maps; k += 2) {
                if (at[k] == 0)
                    continue;
                const uint32_t magnitude = magnitude_of(at[k]);
                const uint16_t capped = (uint16_t)(magnitude < cap ? magnitude : cap);
                const int32_t j = x >> 1;
                if (phase == 0) {
                    uint16_t *activity = contexts->activity[k & 1] + (size_t)y * (size_t)contexts->half + j;
                    const uint32_t sum = (uint32_t)*activity + capped;
                    *activity = (uint16_t)(sum < TOD_MAX_ACTIVITY ? sum : TOD_MAX_ACTIVITY);
                    tod_stack_row(&contexts->first, k, y)[j] = capped;
                } else if (j < last) {
                    uint16_t *sum = tod_stack_row(&contexts->siblings[1], k, y) + j;
                    *sum = (uint16_t)(*sum + capped);
                }
                if (contexts->above_finest)
                    tod_stack_row(&contexts->current[o], k, y)[x] = capped;
            }
        }
    }
}

/* Count a phase, and keep its classes. */
static void count_phase(const TodContexts *contexts, int phase, const int32_t *codes, const uint8_t *sites,
                        uint8_t *classes, uint8_t *shifts, int64_t (*counts)[TOD_N_COSTS])
{
    const int32_t n_maps = contexts->n_maps, width = contexts->band.width;
    for (int32_t y = 0; y < contexts->band.height; y++)
        for (int32_t x = 0; x < width; x++) {
            const size_t place = (size_t)y * (size_t)width + (size_t)x, at = place * (size_t)n_maps;
            if (!sites[place])
                continue;
            for (int32_t k = (x + y + phase) & 1; k < n_maps; k += 2) {
                const uint8_t class = tod_class_at(contexts, k, y, x);
                if (classes)
                    classes[at + (size_t)k] = class;
                if (class >= TOD_N_FINE_CLASSES)
                    continue;
                const uint32_t magnitude = magnitude_of(codes[at + (size_t)k]);
                counts[class][magnitude < TOD_LAST_MAGNITUDE ? magnitude : TOD_LAST_MAGNITUDE]++;
            }
            if (classes && phase == 1)
                for (int parity = 0; parity < 2; parity++)
                    shifts[2 * place + (size_t)parity] =
                        contexts->shift[parity][(size_t)y * (size_t)contexts->half + (size_t)(x >> 1)];
        }
}

static int32_t count_sites(const uint8_t *sites, TodSize size)
{
    int32_t n = 0;
    for (size_t i = 0; i < (size_t)size.height * (size_t)size.width; i++)
        n += sites[i];
    return n;
}

TodStatus tod_count_codes(const TodPyramid *pyramid, const TodCodes *codes, TodArena *scratch, TodClassMaps *maps,
                          int64_t (*counts)[TOD_N_COSTS])
{
    TodContexts contexts;
    uint8_t *mean_codes = tod_arena_take(scratch, (size_t)codes->n_maps, 1);
    TodStatus status = tod_contexts_open(&contexts, pyramid, codes->n_maps, scratch);
    if (!mean_codes)
        return TOD_NO_MEMORY;
    for (int32_t depth = pyramid->n_levels - 1; depth >= 0 && status == TOD_OK; depth--) {
        const TodLevel *level = &pyramid->levels[depth];
        status = tod_contexts_level(&contexts, level, depth, scratch);
        for (int o = 0; o < TOD_N_ORIENTATIONS && status == TOD_OK; o++) {
            const TodSize size = level->bands[o];
            const int32_t *band = codes->details[depth][o];
            uint8_t *classes = maps ? maps->classes[depth][o] : NULL, *shifts = maps ? maps->shifts[depth][o] : NULL;
            const size_t area = (size_t)size.height * (size_t)size.width;
            if (classes)
                memset(classes, TOD_NO_SITE, area * (size_t)codes->n_maps);
            if (area == 0)
                continue;
            tod_mean_codes(band, size, codes->n_maps, count_sites(level->sites[o], size), mean_codes);
            tod_contexts_band(&contexts, o, mean_codes);
            for (int phase = 0; phase < TOD_N_PHASES; phase++) {
                if (phase)
                    tod_contexts_after_first(&contexts);
                tod_contexts_classes(&contexts, phase);
                count_phase(&contexts, phase, band, level->sites[o], classes, shifts, counts);
                tod_put_phase(&contexts, phase, band);
            }
            tod_contexts_end_band(&contexts);
        }
    }
    return status;
}
