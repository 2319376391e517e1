/* Rows of TOD_LANES maps side by side; included by each kernels_*.c. FORMAT.md "Coefficients to maps". */
#include <string.h>

#include "kernels.h"
#include "lanes.h"
#include "pyramid.h"

static void rotate_row(const TodEntry *entries, size_t n, const uint8_t *regions, const float *rotations,
                       size_t region_items, size_t map_items, float *row)
{
    for (size_t i = 0; i < n; i++) {
        const TodEntry entry = entries[i];
        const float *rotation = rotations + regions[entry.x] * region_items + entry.map * map_items;
        float *site = row + (size_t)entry.x * TOD_LANES;
        store(site, add(load(site), multiply(all(entry.value), load(rotation))));
    }
}

static void rotate_row_in_double(const TodEntry *entries, size_t n, const uint8_t *regions, const float *rotations,
                                 size_t region_items, size_t map_items, double *row)
{
    for (size_t i = 0; i < n; i++) {
        const TodEntry entry = entries[i];
        const float *restrict rotation = rotations + regions[entry.x] * region_items + entry.map * map_items;
        double *restrict site = row + (size_t)entry.x * TOD_LANES;
        for (int lane = 0; lane < TOD_LANES; lane++)
            site[lane] += (double)entry.value * (double)rotation[lane];
    }
}

static void scale_row(const float *scale, int32_t n, float *row)
{
    for (ptrdiff_t x = 0; x < n; x++)
        store(row + x * TOD_LANES, multiply(load(row + x * TOD_LANES), all(scale[x])));
}

static inline void lift_as(const TodLift *lift, const ptrdiff_t out_step, const ptrdiff_t side_step)
{
    const float *in = lift->in, *left = lift->left, *right = lift->right;
    const uint8_t *joins = lift->joins;
    float *out = lift->out;
    const float w = lift->weight, weights[TOD_N_JOINS] = {0.0f, 2 * w, 2 * w, w, 0.0f};
    const ptrdiff_t n = lift->n;
    for (ptrdiff_t i = 0; i < n; i++) {
        const Lanes sides = add(load(left + i * side_step * TOD_LANES), load(right + i * side_step * TOD_LANES));
        const Lanes moved = multiply(all(weights[joins[i]]), sides);
        store(out + i * out_step * TOD_LANES, subtract(load(in + i * TOD_LANES), moved));
    }
}

static void lift_crossed(const TodLift *lift)
{
    const float w = lift->weight, lefts[TOD_N_JOINS] = {0.0f, 2 * w, 0.0f, w, 0.0f};
    const float rights[TOD_N_JOINS] = {0.0f, 0.0f, 2 * w, w, 0.0f};
    for (ptrdiff_t i = 0; i < lift->n; i++) {
        const ptrdiff_t side = i * lift->side_step * TOD_LANES;
        const Lanes left = multiply(load(lift->left + side), all(lefts[lift->joins[i]]));
        const Lanes right = multiply(load(lift->right + side), all(rights[lift->joins[i]]));
        const Lanes moved = subtract(load(lift->in + i * TOD_LANES), left);
        store(lift->out + i * lift->out_step * TOD_LANES, subtract(moved, right));
    }
}

static void lift(const TodLift *lift)
{
    if (lift->crossed)
        lift_crossed(lift);
    else if (lift->out_step == 1)
        lift_as(lift, 1, 1);
    else if (lift->side_step == 1)
        lift_as(lift, 2, 1);
    else
        lift_as(lift, 2, 2);
}

/* In this order: the step to the right, to the left, below, above; differences are those of the rows as they came. */
static void smooth(const TodSmooth *s)
{
    const Lanes highest = all(s->bound), lowest = all(-s->bound);
    Lanes to_left = all(0.0f);
    for (ptrdiff_t x = 0; x < s->n; x++) {
        const ptrdiff_t at = x * TOD_LANES;
        const int has_right = x + 1 < s->n && s->valid[x] && s->valid[x + 1];
        const int has_below = s->below && s->valid[x] && s->valid_below[x];
        const Lanes value = load(s->row + at);
        const Lanes right = has_right ? subtract(load(s->row + at + TOD_LANES), value) : all(0.0f);
        const Lanes below = has_below ? subtract(load(s->below + at), value) : all(0.0f);
        const Lanes dx = multiply(least(most(right, lowest), highest), all(s->along_x));
        const Lanes dy = multiply(least(most(below, lowest), highest), all(s->along_y));
        store(s->out + at, subtract(add(subtract(add(value, dx), to_left), dy), load(s->over + at)));
        store(s->over + at, dy);
        to_left = dx;
    }
}

/* Steps of one texel. The sum has no bits for anything finer than one step, and counts steps in its last bits. */
static inline void snap_texel(const float *texel, const float magic[TOD_LANES], int32_t steps[TOD_LANES],
                              int32_t reach[TOD_LANES])
{
    for (int lane = 0; lane < TOD_LANES; lane++) {
        const float sum = texel[lane] + magic[lane];
        uint32_t bits, base;
        memcpy(&bits, &sum, sizeof bits);
        memcpy(&base, &magic[lane], sizeof base);
        steps[lane] = (int32_t)(bits - base);
        reach[lane] |= steps[lane] ^ (steps[lane] >> 31);
    }
}

#ifdef TOD_USE_AVX2
/* Pairs of 16-bit steps of a block, transposed. */
static void snap_narrow(const TodSnap *snap, int32_t reach[TOD_LANES])
{
    const __m256 base = _mm256_loadu_ps(snap->magic);
    __m256i seen = _mm256_loadu_si256((const __m256i *)(const void *)reach);
    int16_t *block = snap->steps;
    for (size_t i = 0; i < snap->n_blocks; i++, block += snap->block_items) {
        const float *texels = snap->texels + i * 8 * TOD_LANES;
        __m256 pairs[4];
        for (int t = 0; t < 4; t++) {
            const __m256 even = _mm256_add_ps(_mm256_loadu_ps(texels + 16 * t), base);
            const __m256 odd = _mm256_add_ps(_mm256_loadu_ps(texels + 16 * t + 8), base);
            const __m256i a = _mm256_sub_epi32(_mm256_castps_si256(even), _mm256_castps_si256(base));
            const __m256i b = _mm256_sub_epi32(_mm256_castps_si256(odd), _mm256_castps_si256(base));
            seen = _mm256_or_si256(seen, _mm256_xor_si256(a, _mm256_srai_epi32(a, 31)));
            seen = _mm256_or_si256(seen, _mm256_xor_si256(b, _mm256_srai_epi32(b, 31)));
            pairs[t] = _mm256_castsi256_ps(_mm256_packs_epi32(a, b));
        }
        const __m256 even_low = _mm256_shuffle_ps(pairs[0], pairs[1], 0x88);
        const __m256 odd_low = _mm256_shuffle_ps(pairs[0], pairs[1], 0xDD);
        const __m256 even_high = _mm256_shuffle_ps(pairs[2], pairs[3], 0x88);
        const __m256 odd_high = _mm256_shuffle_ps(pairs[2], pairs[3], 0xDD);
        float *to = (float *)(void *)block;
        _mm256_storeu_ps(to, _mm256_permute2f128_ps(even_low, even_high, 0x20));
        if (snap->n_maps > 2)
            _mm256_storeu_ps(to + 8, _mm256_permute2f128_ps(odd_low, odd_high, 0x20));
        if (snap->n_maps > 4)
            _mm256_storeu_ps(to + 16, _mm256_permute2f128_ps(even_low, even_high, 0x31));
        if (snap->n_maps > 6)
            _mm256_storeu_ps(to + 24, _mm256_permute2f128_ps(odd_low, odd_high, 0x31));
    }
    _mm256_storeu_si256((__m256i *)(void *)reach, seen);
}
#else
static void snap_narrow(const TodSnap *snap, int32_t reach[TOD_LANES])
{
    int16_t *block = snap->steps;
    for (size_t i = 0; i < snap->n_blocks; i++, block += snap->block_items) {
        for (size_t t = 0; t < 8; t++) {
            int32_t steps[TOD_LANES];
            snap_texel(snap->texels + (8 * i + t) * TOD_LANES, snap->magic, steps, reach);
            for (size_t k = 0; k < snap->n_maps; k++)
                block[16 * (k / 2) + 2 * t + k % 2] = (int16_t)steps[k];
        }
    }
}
#endif

static void snap_wide(const TodSnap *snap, int32_t reach[TOD_LANES])
{
    int32_t *block = snap->steps;
    for (size_t i = 0; i < snap->n_blocks; i++, block += snap->block_items) {
        for (size_t t = 0; t < 8; t++) {
            int32_t steps[TOD_LANES];
            snap_texel(snap->texels + (8 * i + t) * TOD_LANES, snap->magic, steps, reach);
            for (size_t k = 0; k < snap->n_maps; k++)
                block[8 * k + t] = steps[k];
        }
    }
}
