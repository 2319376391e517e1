#include "context_slopes.h"

#include <math.h>
#include <string.h>

#define RADIUS 4 /* classes that costs are averaged over, so that their slopes mean something */

static size_t area_of(TodSize size)
{
    return (size_t)size.height * (size_t)size.width;
}

TodStatus tod_take_prices(TodPrices *prices, const TodPyramid *pyramid, int32_t n_maps, TodArena *arena)
{
    int taken = 1;
    for (int32_t depth = 0; depth < pyramid->n_levels; depth++)
        for (int o = 0; o < TOD_N_ORIENTATIONS; o++) {
            const size_t area = area_of(pyramid->levels[depth].bands[o]);
            prices->energies[depth][o] = tod_arena_take(arena, area * (size_t)n_maps, sizeof(int16_t));
            prices->maps[depth][o] = tod_arena_take(arena, 2 * area, sizeof(float));
            taken &= prices->energies[depth][o] && prices->maps[depth][o];
        }
    return taken ? TOD_OK : TOD_NO_MEMORY;
}

/* Differences from class to class of the costs, averaged over neighboring classes. */
static void class_slopes(const float (*bits)[TOD_N_COSTS], float (*slopes)[TOD_N_COSTS])
{
    float smooth[TOD_N_FINE_CLASSES];
    for (int m = 0; m < TOD_N_COSTS; m++) {
        for (int c = 0; c < TOD_N_FINE_CLASSES; c++) {
            float sum = 0.0f, total = 0.0f;
            for (int i = -RADIUS; i <= RADIUS; i++) {
                const int other = c + i < 0 ? 0 : c + i >= TOD_N_FINE_CLASSES ? TOD_N_FINE_CLASSES - 1 : c + i;
                const float weight = (float)(1 + RADIUS - (i < 0 ? -i : i));
                sum += weight * bits[other][m];
                total += weight;
            }
            smooth[c] = sum / total;
        }
        for (int c = 0; c < TOD_N_FINE_CLASSES; c++) {
            const int row = c < TOD_N_FINE_CLASSES - 1 ? c : c - 1;
            slopes[c][m] = smooth[row + 1] - smooth[row];
        }
    }
}

/* A class is 1 + 4 log2(energy) rounded down, and shifts: its slope in the energy at the middle of its quarter octave,
   and in the number n of units in the other maps, ln(1 + 1.8 n) being near to the shifts. */
void tod_find_prices(const TodPyramid *pyramid, const TodCodes *codes, const TodClassMaps *classes,
                     const float (*bits)[TOD_N_COSTS], float floor, TodPrices *prices)
{
    static const float UNITS[8] = {0.0f, 2.0f, 6.0f, 18.0f, 52.0f, 140.0f, 380.0f, 800.0f};
    static const int LEVEL_SHIFT[5] = {0, 1, 1, 2, 3};
    float slopes[TOD_N_FINE_CLASSES][TOD_N_COSTS], by_energy[TOD_N_FINE_CLASSES];
    class_slopes(bits, slopes);
    for (int c = 0; c < TOD_N_FINE_CLASSES; c++) {
        const float energy = c ? exp2f(((float)c - 0.5f) / 4.0f) : 0.0f;
        by_energy[c] = 4.0f / (0.6931472f * (energy + floor)) * TOD_SLOPE_SCALE;
    }
    for (int32_t depth = 0; depth < pyramid->n_levels; depth++)
        for (int o = 0; o < TOD_N_ORIENTATIONS; o++) {
            const TodSize size = pyramid->levels[depth].bands[o];
            const uint8_t *class_of = classes->classes[depth][o], *shifts = classes->shifts[depth][o];
            const int32_t *code_of = codes->details[depth][o];
            int16_t *price = prices->energies[depth][o];
            const int level_shift = LEVEL_SHIFT[depth < 4 ? depth : 4];
            for (int32_t y = 0; y < size.height; y++)
                for (int32_t x = 0; x < size.width; x++) {
                    const size_t place = (size_t)y * (size_t)size.width + (size_t)x;
                    const size_t at = place * (size_t)codes->n_maps;
                    float sums[2] = {0.0f, 0.0f};
                    for (int32_t k = 0; k < codes->n_maps; k++) {
                        const int class = class_of[at + (size_t)k];
                        price[at + (size_t)k] = 0;
                        if (class >= TOD_N_FINE_CLASSES)
                            continue;
                        const int phase = (x + y + k) & 1;
                        int shift = phase ? shifts[2 * place + (size_t)(k & 1)] : level_shift;
                        const uint32_t code = (uint32_t)(code_of[at + (size_t)k] < 0 ? -code_of[at + (size_t)k]
                                                                                    : code_of[at + (size_t)k]);
                        const float slope = slopes[class][code < TOD_LAST_MAGNITUDE ? code : TOD_LAST_MAGNITUDE];
                        const int bare = class > shift ? class - shift : 0;
                        const float found = slope * by_energy[bare];
                        price[at + (size_t)k] = (int16_t)(found < -32767.0f ? -32767.0f : found > 32767.0f ? 32767.0f
                                                                                                            : found);
                        if (phase)
                            sums[k & 1] += slope * 1.8f / (1.0f + 1.8f * UNITS[shift < 7 ? shift : 7]);
                    }
                    memcpy(prices->maps[depth][o] + 2 * place, sums, sizeof sums);
                }
        }
}

typedef struct Band {
    const int16_t *prices;
    int32_t height, width, n_maps;
} Band;

static inline float price_at(const Band *band, int32_t y, int32_t x, int32_t k)
{
    if (y < 0 || y >= band->height || x < 0 || x >= band->width || k < 0 || k >= band->n_maps)
        return 0.0f;
    return (float)band->prices[((size_t)y * (size_t)band->width + (size_t)x) * (size_t)band->n_maps + (size_t)k];
}

static float cross(const Band *band, int32_t y, int32_t x, int32_t k)
{
    return price_at(band, y - 1, x, k) + price_at(band, y + 1, x, k) + price_at(band, y, x - 1, k) +
           price_at(band, y, x + 1, k);
}

static float diagonal(const Band *band, int32_t y, int32_t x, int32_t k)
{
    return price_at(band, y - 1, x - 1, k) + price_at(band, y - 1, x + 1, k) + price_at(band, y + 1, x - 1, k) +
           price_at(band, y + 1, x + 1, k);
}

/* Those of the children of (y, x) and, where `ring`, of its neighbors' children of phase 0. */
static float children(const Band *band, int32_t y, int32_t x, int32_t k, const float weights[TOD_N_PHASES], float ring)
{
    float sum = 0.0f;
    const int32_t reach = ring != 0.0f ? 2 : 0;
    for (int32_t row = 2 * y - reach; row < 2 * y + 2 + reach; row++)
        for (int32_t column = 2 * x - reach; column < 2 * x + 2 + reach; column++) {
            const int own = row >> 1 == y && column >> 1 == x, phase = (row + column + k) & 1;
            if (own)
                sum += weights[phase] * price_at(band, row, column, k);
            else if (phase == 0)
                sum += ring * price_at(band, row, column, k);
        }
    return sum;
}

float tod_context_slope(const TodPyramid *pyramid, const TodPrices *prices, int32_t n_maps, int32_t depth,
                        int orientation, int32_t y, int32_t x, int32_t k)
{
    const int phase = (x + y + k) & 1;
    float sum = 0.0f, bits = 0.0f;
    for (int o = orientation; o < TOD_N_ORIENTATIONS; o++) {
        const TodSize size = pyramid->levels[depth].bands[o];
        const Band band = {prices->energies[depth][o], size.height, size.width, n_maps};
        const TodWeights *own = tod_context_weights(o, phase), *other = tod_context_weights(o, 1 - phase);
        if (o > orientation) {
            sum += own->sibling * price_at(&band, y, x, k) + other->sibling_cross * cross(&band, y, x, k);
            if (own->sibling_diagonal)
                sum += own->sibling_diagonal * diagonal(&band, y, x, k);
        } else if (phase == 0) {
            sum += other->left_right * (price_at(&band, y, x - 1, k) + price_at(&band, y, x + 1, k));
            sum += other->above_below * (price_at(&band, y - 1, x, k) + price_at(&band, y + 1, x, k));
            sum += other->adjacent_maps * (price_at(&band, y, x, k - 1) + price_at(&band, y, x, k + 1));
            bits += prices->maps[depth][o][2 * ((size_t)y * (size_t)size.width + (size_t)x) + (size_t)(1 - (k & 1))];
        }
    }
    for (int o = 0; depth > 0 && o < TOD_N_ORIENTATIONS; o++) {
        const TodSize size = pyramid->levels[depth - 1].bands[o];
        const Band band = {prices->energies[depth - 1][o], size.height, size.width, n_maps};
        const TodWeights *first = tod_context_weights(o, 0), *second = tod_context_weights(o, 1);
        if (o == orientation) {
            const float weights[TOD_N_PHASES] = {first->parent, second->parent};
            sum += children(&band, y, x, k, weights, first->parent_ring);
        } else if (first->parent_others || second->parent_others) {
            const float weights[TOD_N_PHASES] = {first->parent_others, second->parent_others};
            sum += children(&band, y, x, k, weights, 0.0f);
        }
    }
    return sum / TOD_SLOPE_SCALE + bits;
}
