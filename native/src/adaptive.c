#include "adaptive.h"

#include <string.h>

#define EVEN 32768
#define MOST_SEEN 60
#define MOST_NEIGHBORHOOD 15
#define OTHER_SIGNS 2

void tod_adaptive_open(TodAdaptive *coder, const uint8_t *data, size_t n_bytes)
{
    *coder = (TodAdaptive){data, n_bytes, UINT32_MAX, 0};
    for (int i = 0; i < 4; i++) {
        coder->code <<= 8;
        if (coder->left) {
            coder->code |= *coder->data++;
            coder->left--;
        }
    }
}

void tod_adaptive_reset(TodAdaptiveModel *models, size_t count)
{
    for (size_t i = 0; i < count; i++)
        models[i] = (TodAdaptiveModel){EVEN, 0};
}

void tod_integers_reset(TodIntegers *integers)
{
    tod_adaptive_reset(integers->nonzero, TOD_INTEGER_CLASSES);
    tod_adaptive_reset(integers->signs, TOD_SIGN_CLASSES);
    for (int kind = 0; kind < TOD_INTEGER_CLASSES; kind++)
        tod_adaptive_reset(integers->octaves[kind], TOD_MOST_OCTAVES);
    tod_adaptive_reset(integers->halves, TOD_MOST_OCTAVES + 1);
}

void tod_adaptive_learn(TodAdaptiveModel *model, int bit)
{
    const uint32_t rate = 131072u / (2u * model->seen + 3u), p = model->probability;
    model->probability = (uint16_t)(bit ? p + ((65536u - p) * rate >> 16) : p - (p * rate >> 16));
    model->seen = (uint16_t)(model->seen + (model->seen < MOST_SEEN));
}

int tod_adaptive_bit(TodAdaptive *coder, TodAdaptiveModel *model)
{
    const uint32_t bound = (coder->range >> 16) * (model ? model->probability : EVEN);
    const int bit = coder->code < bound;
    if (bit) {
        coder->range = bound;
    } else {
        coder->code -= bound;
        coder->range -= bound;
    }
    while (coder->range < 1u << 24) {
        coder->range <<= 8;
        coder->code <<= 8;
        if (coder->left) {
            coder->code |= *coder->data++;
            coder->left--;
        }
    }
    if (model)
        tod_adaptive_learn(model, bit);
    return bit;
}

int64_t tod_adaptive_integer(TodAdaptive *coder, TodIntegers *integers, int kind, int sign)
{
    if (!tod_adaptive_bit(coder, &integers->nonzero[kind]))
        return 0;
    const int is_negative = sign >= 0 && tod_adaptive_bit(coder, &integers->signs[sign]);
    int octave = 0;
    while (octave < TOD_MOST_OCTAVES && tod_adaptive_bit(coder, &integers->octaves[kind][octave]))
        octave++;
    int64_t found = 1;
    for (int place = octave - 1; place >= 0; place--)
        found = found << 1 | tod_adaptive_bit(coder, place == octave - 1 ? &integers->halves[octave] : NULL);
    return is_negative ? -found : found;
}

int tod_half_octave(uint64_t magnitude, int most)
{
    int octave = 0;
    while ((1 + magnitude) >> octave > 1)
        octave++;
    const int half = octave ? (int)((1 + magnitude) >> (octave - 1) & 1) : 0;
    return 2 * octave + half < most ? 2 * octave + half : most;
}

static uint64_t size_of(int64_t value)
{
    return (uint64_t)(value < 0 ? -value : value);
}

/* A plane: what is left of the sums along each row goes to `rests`, after two zeros, to be the `above` of the next. */
static void unpack_plane(TodAdaptive *coder, TodIntegers *integers, int mode, size_t n_rows, size_t n_columns,
                         int64_t *above, int64_t *rests, int64_t *out)
{
    for (size_t row = 0; row < n_rows; row++) {
        int64_t total = 0;
        const int first_kind = row ? MOST_NEIGHBORHOOD + 1 : 0;
        rests[0] = rests[1] = 0;
        for (size_t i = 0; i < n_columns; i++) {
            const int64_t odd = total & 1, half = (total - odd) / 2 + odd;
            const int64_t predicted = mode == 0 ? total : mode == 1 ? half : 0;
            const int64_t over = row ? above[i + 2] : 0;
            const uint64_t energy = 2 * size_of(rests[i + 1]) + size_of(rests[i]) + 2 * size_of(over);
            const int sign = row ? OTHER_SIGNS + (over > 0) - (over < 0) : 0;
            const int64_t rest = tod_adaptive_integer(
                coder, integers, first_kind + tod_half_octave(energy, MOST_NEIGHBORHOOD), sign);
            rests[i + 2] = rest;
            out[row * n_columns + i] = predicted + rest - total;
            total = predicted + rest;
        }
        int64_t *swap = above;
        above = rests;
        rests = swap;
    }
}

void tod_unpack_integers(const uint8_t *data, size_t n_bytes, size_t n_planes, size_t n_rows, size_t n_columns,
                         int64_t *above, int64_t *out)
{
    TodAdaptive coder;
    TodIntegers integers;
    TodAdaptiveModel modes[2];
    tod_adaptive_open(&coder, data, n_bytes);
    tod_integers_reset(&integers);
    tod_adaptive_reset(modes, 2);
    for (size_t plane = 0; plane < n_planes; plane++) {
        int mode = tod_adaptive_bit(&coder, &modes[0]);
        if (mode)
            mode += tod_adaptive_bit(&coder, &modes[1]);
        unpack_plane(&coder, &integers, mode, n_rows, n_columns, above, above + n_columns + 2,
                     out + plane * n_rows * n_columns);
    }
}
