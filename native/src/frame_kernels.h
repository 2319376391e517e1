/* Texels of a frame, block by block; included by each kernels_*.c. FORMAT.md "Frame graph". */
#include <math.h>
#include <string.h>

#include "kernels.h"

/* Sums of products of 16-bit maps and matrices, two maps at a time. */
#ifdef TOD_USE_AVX2
static void product_narrow(const TodProduct *product, size_t first, size_t n, int32_t *sums)
{
    const int32_t n_pairs = (product->n_maps + 1) / 2;
    const size_t block_items = 16 * (size_t)n_pairs;
    const int16_t *block = (const int16_t *)product->steps + first * block_items;
    const int32_t *red = product->pairs, *green = red + n_pairs, *blue = green + n_pairs;
    size_t i = 0;
    for (; i + 2 <= n; i += 2, block += 2 * block_items) {
        __m256i r0 = _mm256_set1_epi32(product->offset[0]), r1 = r0;
        __m256i g0 = _mm256_set1_epi32(product->offset[1]), g1 = g0;
        __m256i b0 = _mm256_set1_epi32(product->offset[2]), b1 = b0;
        for (ptrdiff_t p = 0; p < n_pairs; p++) {
            const __m256i one = _mm256_loadu_si256((const __m256i *)(block + 16 * p));
            const __m256i two = _mm256_loadu_si256((const __m256i *)(block + block_items + 16 * p));
            const __m256i r = _mm256_set1_epi32(red[p]), g = _mm256_set1_epi32(green[p]);
            const __m256i b = _mm256_set1_epi32(blue[p]);
            r0 = _mm256_add_epi32(r0, _mm256_madd_epi16(one, r));
            g0 = _mm256_add_epi32(g0, _mm256_madd_epi16(one, g));
            b0 = _mm256_add_epi32(b0, _mm256_madd_epi16(one, b));
            r1 = _mm256_add_epi32(r1, _mm256_madd_epi16(two, r));
            g1 = _mm256_add_epi32(g1, _mm256_madd_epi16(two, g));
            b1 = _mm256_add_epi32(b1, _mm256_madd_epi16(two, b));
        }
        __m256i *to = (__m256i *)(sums + 24 * i);
        _mm256_storeu_si256(to, r0);
        _mm256_storeu_si256(to + 1, g0);
        _mm256_storeu_si256(to + 2, b0);
        _mm256_storeu_si256(to + 3, r1);
        _mm256_storeu_si256(to + 4, g1);
        _mm256_storeu_si256(to + 5, b1);
    }
    for (; i < n; i++, block += block_items) {
        for (int c = 0; c < 3; c++) {
            __m256i sum = _mm256_set1_epi32(product->offset[c]);
            for (ptrdiff_t p = 0; p < n_pairs; p++)
                sum = _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_loadu_si256((const __m256i *)(block + 16 * p)),
                                                              _mm256_set1_epi32(red[c * n_pairs + p])));
            _mm256_storeu_si256((__m256i *)(sums + 24 * i) + c, sum);
        }
    }
}
#else
static void product_narrow(const TodProduct *product, size_t first, size_t n, int32_t *sums)
{
    const int32_t n_pairs = (product->n_maps + 1) / 2;
    const size_t block_items = 16 * (size_t)n_pairs;
    const int16_t *restrict block = (const int16_t *)product->steps + first * block_items;
    for (size_t i = 0; i < n; i++, block += block_items) {
        int32_t red[8], green[8], blue[8];
        for (int t = 0; t < 8; t++) {
            red[t] = product->offset[0];
            green[t] = product->offset[1];
            blue[t] = product->offset[2];
        }
        for (ptrdiff_t p = 0; p < n_pairs; p++) {
            const int32_t r = product->pairs[p], g = product->pairs[n_pairs + p], b = product->pairs[2 * n_pairs + p];
            for (int t = 0; t < 8; t++) {
                const int16_t even = block[16 * p + 2 * t], odd = block[16 * p + 2 * t + 1];
                red[t] += even * (int16_t)(r & 0xFFFF) + odd * (int16_t)(r >> 16);
                green[t] += even * (int16_t)(g & 0xFFFF) + odd * (int16_t)(g >> 16);
                blue[t] += even * (int16_t)(b & 0xFFFF) + odd * (int16_t)(b >> 16);
            }
        }
        memcpy(sums + 24 * i, red, sizeof red);
        memcpy(sums + 24 * i + 8, green, sizeof green);
        memcpy(sums + 24 * i + 16, blue, sizeof blue);
    }
}
#endif

/* The same of any maps and matrices whose sums have 31 bits; unsigned, so that what is in between may wrap. */
static void product_wide(const TodProduct *product, size_t first, size_t n, int32_t *sums)
{
    const int32_t n_maps = product->n_maps;
    const size_t n_slots = product->is_wide ? (size_t)n_maps : 2 * (((size_t)n_maps + 1) / 2);
    for (size_t i = 0; i < n; i++) {
        for (int c = 0; c < 3; c++) {
            uint32_t sum[8];
            for (int t = 0; t < 8; t++)
                sum[t] = (uint32_t)product->offset[c];
            for (ptrdiff_t k = 0; k < n_maps; k++) {
                const uint32_t entry = (uint32_t)product->matrix[c * n_maps + k];
                const size_t at = (first + i) * n_slots * 8;
                if (product->is_wide) {
                    const int32_t *steps = (const int32_t *)product->steps + at + 8 * k;
                    for (int t = 0; t < 8; t++)
                        sum[t] += entry * (uint32_t)steps[t];
                } else {
                    const int16_t *steps = (const int16_t *)product->steps + at + 16 * (k / 2) + k % 2;
                    for (int t = 0; t < 8; t++)
                        sum[t] += entry * (uint32_t)(int32_t)steps[2 * t];
                }
            }
            memcpy(sums + 24 * i + 8 * c, sum, sizeof sum);
        }
    }
}

static inline float value_of(int32_t sum, float scale, float highest, const TodCurve curve, float knee)
{
    float value = (float)sum * scale;
    if (curve == TOD_CURVE_SQUARE) {
        value = value > 0.0f ? value : 0.0f;
        value *= value;
    } else if (curve == TOD_CURVE_EXP) {
        value = expf(value) - knee;
    }
    value = value > 0.0f ? value : 0.0f;
    return value < highest ? value : highest;
}

/* Values (block, channel, texel) of n blocks from their sums. */
static inline void values_as(const int32_t *restrict sums, size_t n, const TodOutput *output, float scale,
                             const TodCurve curve, float *restrict values)
{
    for (size_t i = 0; i < 24 * n; i++)
        values[i] = value_of(sums[i], scale, output->highest, curve, output->knee);
}

static void values_of(const int32_t *sums, size_t n, const TodOutput *output, float scale, float *values)
{
    if (output->curve == TOD_CURVE_NONE)
        values_as(sums, n, output, scale, TOD_CURVE_NONE, values);
    else if (output->curve == TOD_CURVE_SQUARE)
        values_as(sums, n, output, scale, TOD_CURVE_SQUARE, values);
    else
        values_as(sums, n, output, scale, TOD_CURVE_EXP, values);
}

/* Values in 0..255 of n blocks -> red, green, blue and 255 in the bytes of a word, rounded half to even. */
static void words_of(const float *restrict values, size_t n, uint32_t *restrict words)
{
    const float magic = 12582912.0f; /* 1.5 * 2^23: the sum's last bits are the integer */
    for (size_t i = 0; i < n; i++) {
        for (int t = 0; t < 8; t++) {
            const float rgb[3] = {values[24 * i + (size_t)t] + magic, values[24 * i + 8 + (size_t)t] + magic,
                                  values[24 * i + 16 + (size_t)t] + magic};
            uint32_t bits[3];
            memcpy(bits, rgb, sizeof bits);
            words[8 * i + (size_t)t] = (bits[0] & 0xFF) | (bits[1] & 0xFF) << 8 | (bits[2] & 0xFF) << 16 | 0xFF000000u;
        }
    }
}

/* n words -> the three lowest bytes of each; up to 4 bytes behind them are written too. */
static void pack_rgb(const uint32_t *words, size_t n, uint8_t *pixels)
{
    size_t i = 0;
#ifdef TOD_USE_AVX2
    const __m256i order = _mm256_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1, /**/
                                           0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1);
    for (; i + 8 <= n; i += 8) {
        const __m256i packed = _mm256_shuffle_epi8(_mm256_loadu_si256((const __m256i *)(words + i)), order);
        _mm_storeu_si128((__m128i *)(pixels + 3 * i), _mm256_castsi256_si128(packed));
        _mm_storeu_si128((__m128i *)(pixels + 3 * i + 12), _mm256_extracti128_si256(packed, 1));
    }
#endif
    for (; i < n; i++) {
        pixels[3 * i] = (uint8_t)words[i];
        pixels[3 * i + 1] = (uint8_t)(words[i] >> 8);
        pixels[3 * i + 2] = (uint8_t)(words[i] >> 16);
    }
}

static inline void put_float_pixel(TodFormat format, const float rgb[3], uint8_t *pixel)
{
    if (format == TOD_RGB32F) {
        memcpy(pixel, rgb, 12);
    } else if (format == TOD_RGB9E5) {
        const uint32_t word = tod_rgb9e5_of(rgb);
        memcpy(pixel, &word, sizeof word);
    } else {
        const uint16_t halves[4] = {tod_half_of(rgb[0]), tod_half_of(rgb[1]), tod_half_of(rgb[2]), 0x3C00};
        memcpy(pixel, halves, format == TOD_RGBA16F ? 8 : 6);
    }
}

static void pixels_of(const int32_t *sums, size_t n, const TodOutput *output, float scale, uint8_t *pixels)
{
    float values[24 * TOD_CHUNK_BLOCKS];
    uint32_t words[8 * TOD_CHUNK_BLOCKS];
    values_of(sums, n, output, scale, values);
    if (output->format == TOD_RGB8 || output->format == TOD_RGBA8) {
        words_of(values, n, words);
        if (output->format == TOD_RGB8)
            pack_rgb(words, 8 * n, pixels);
        else
            memcpy(pixels, words, 8 * n * sizeof *words);
        return;
    }
    const size_t n_bytes = tod_pixel_bytes(output->format);
    for (size_t i = 0; i < 8 * n; i++) {
        const float *at = values + i / 8 * 24 + i % 8, rgb[3] = {at[0], at[8], at[16]};
        put_float_pixel(output->format, rgb, pixels + i * n_bytes);
    }
}
