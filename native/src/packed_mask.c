#include "packed_mask.h"

#include <string.h>

#include "adaptive.h"

#define N_NEAR 16
#define N_WIDE (1 << 12)
#define MOST_TEXELS (1 << 20)
#define N_ROWS 4 /* a row, and what is known of the three above it */

typedef struct Texels {
    TodAdaptive coder;
    TodAdaptiveModel near[N_NEAR], wide[N_WIDE]; /* a probability of 0: not yet seen */
} Texels;

/* A row from those above it; two zeros lie before and after each. */
static void unpack_row(Texels *texels, const uint8_t *third, const uint8_t *second, const uint8_t *above, int32_t width,
                       uint8_t *row)
{
    uint32_t left = 0, higher = (uint32_t)second[1] << 1 | second[2];
    uint32_t over = (uint32_t)above[0] << 3 | (uint32_t)above[1] << 2 | (uint32_t)above[2] << 1 | above[3];
    for (int32_t x = 2; x < width + 2; x++) {
        over = (over << 1 | above[x + 2]) & 31;
        higher = (higher << 1 | second[x + 1]) & 7;
        TodAdaptiveModel *common = &texels->near[(left & 1) | (over & 14)];
        TodAdaptiveModel *model = &texels->wide[(uint32_t)third[x] << 11 | higher << 8 | over << 3 | left];
        if (!model->probability)
            *model = (TodAdaptiveModel){common->probability, common->seen > 0};
        row[x] = (uint8_t)tod_adaptive_bit(&texels->coder, model);
        tod_adaptive_learn(common, row[x]);
        left = (left << 1 | row[x]) & 7;
    }
}

TodStatus tod_unpack_texels(const uint8_t *data, size_t n_bytes, int32_t height, int32_t width, TodArena *scratch,
                          uint8_t *valid)
{
    const size_t padded = (size_t)width + 4;
    if ((int64_t)height * width > MOST_TEXELS)
        return TOD_TOO_LARGE;
    Texels *texels = tod_arena_take(scratch, 1, sizeof *texels);
    uint8_t *rows = tod_arena_zeros(scratch, N_ROWS, padded);
    if (!texels || !rows)
        return TOD_NO_MEMORY;
    TodAdaptiveModel repeats;
    tod_adaptive_reset(&repeats, 1);
    tod_adaptive_reset(texels->near, N_NEAR);
    memset(texels->wide, 0, sizeof texels->wide);
    tod_adaptive_open(&texels->coder, data, n_bytes);
    for (int32_t y = 0; y < height; y++) {
        uint8_t *row = rows + (size_t)(y & 3) * padded;
        const uint8_t *above = rows + (size_t)((y + 3) & 3) * padded, *second = rows + (size_t)((y + 2) & 3) * padded;
        if (tod_adaptive_bit(&texels->coder, &repeats))
            memcpy(row, above, padded);
        else
            unpack_row(texels, rows + (size_t)((y + 1) & 3) * padded, second, above, width, row);
        memcpy(valid + (size_t)y * (size_t)width, row + 2, (size_t)width);
    }
    return TOD_OK;
}
