/* Texels of a frame, block by block; included by each kernels_*.c. FORMAT.md "Frame graph". */
#include <math.h>
#include <string.h>

#include "lanes.h"

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
#elif defined(__ARM_NEON) && defined(__aarch64__)
/* Texels 0 .. 3, then 4 .. 7, of one pair of maps; even and odd maps stay apart until the end. */
typedef struct PairSums {
    int32x4_t of[4];
} PairSums;

static inline void add_products(PairSums *sums, int16x8_t low, int16x8_t high, int16x8_t entries)
{
    sums->of[0] = vmlal_s16(sums->of[0], vget_low_s16(low), vget_low_s16(entries));
    sums->of[1] = vmlal_high_s16(sums->of[1], low, entries);
    sums->of[2] = vmlal_s16(sums->of[2], vget_low_s16(high), vget_low_s16(entries));
    sums->of[3] = vmlal_high_s16(sums->of[3], high, entries);
}

static inline void store_sums(const PairSums *sums, int32_t offset, int32_t *to)
{
    const int32x4_t start = vdupq_n_s32(offset);
    vst1q_s32(to, vaddq_s32(start, vpaddq_s32(sums->of[0], sums->of[1])));
    vst1q_s32(to + 4, vaddq_s32(start, vpaddq_s32(sums->of[2], sums->of[3])));
}

static void product_narrow(const TodProduct *product, size_t first, size_t n, int32_t *sums)
{
    const int32_t n_pairs = (product->n_maps + 1) / 2;
    const int32_t *red = product->pairs, *green = red + n_pairs, *blue = green + n_pairs;
    const int16_t *pairs = (const int16_t *)product->steps + first * 16 * (size_t)n_pairs;
    for (size_t i = 0; i < n; i++) {
        PairSums r = {{vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0)}}, g = r, b = r;
        for (ptrdiff_t p = 0; p < n_pairs; p++, pairs += 16) {
            const int16x8_t low = vld1q_s16(pairs), high = vld1q_s16(pairs + 8);
            add_products(&r, low, high, vreinterpretq_s16_s32(vdupq_n_s32(red[p])));
            add_products(&g, low, high, vreinterpretq_s16_s32(vdupq_n_s32(green[p])));
            add_products(&b, low, high, vreinterpretq_s16_s32(vdupq_n_s32(blue[p])));
        }
        store_sums(&r, product->offset[0], sums + 24 * i);
        store_sums(&g, product->offset[1], sums + 24 * i + 8);
        store_sums(&b, product->offset[2], sums + 24 * i + 16);
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

/* Values of one channel of a block from its sums. */
static inline Lanes values_of(const int32_t *sums, const TodOutput *output, float scale)
{
    Lanes values = multiply(of_integers(sums), all(scale));
    if (output->curve == TOD_CURVE_SQUARE) {
        values = most(values, all(0.0f));
        values = multiply(values, values);
    } else if (output->curve == TOD_CURVE_EXP) {
        float each[8];
        store(each, values);
        for (int t = 0; t < 8; t++)
            each[t] = expf(each[t]) - output->knee;
        values = load(each);
    }
    return least(most(values, all(0.0f)), all(output->highest));
}

/* Values in 0..255 of a block as 8-bit pixels, rounded half to even; RGB: 4 bytes behind them are written too. */
#if defined(TOD_USE_AVX2)
static inline void put_bytes(Lanes red, Lanes green, Lanes blue, TodFormat format, uint8_t *pixels)
{
    const __m256i order = _mm256_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1, /**/
                                           0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1);
    const __m256i r = _mm256_cvtps_epi32(red), g = _mm256_slli_epi32(_mm256_cvtps_epi32(green), 8);
    const __m256i b = _mm256_slli_epi32(_mm256_cvtps_epi32(blue), 16),
                  words = _mm256_or_si256(_mm256_or_si256(r, g), b);
    if (format == TOD_RGBA8) {
        const __m256i opaque = _mm256_set1_epi32((int)0xFF000000u);
        _mm256_storeu_si256((__m256i *)pixels, _mm256_or_si256(words, opaque));
        return;
    }
    const __m256i packed = _mm256_shuffle_epi8(words, order);
    _mm_storeu_si128((__m128i *)pixels, _mm256_castsi256_si128(packed));
    _mm_storeu_si128((__m128i *)(pixels + 12), _mm256_extracti128_si256(packed, 1));
}
#elif defined(__ARM_NEON) && defined(__aarch64__)
static inline uint8x8_t bytes_of(Lanes values)
{
    const uint16x4_t low = vmovn_u32(vcvtnq_u32_f32(values.low)), high = vmovn_u32(vcvtnq_u32_f32(values.high));
    return vmovn_u16(vcombine_u16(low, high));
}

static inline void put_bytes(Lanes red, Lanes green, Lanes blue, TodFormat format, uint8_t *pixels)
{
    const uint8x8x4_t rgba = {{bytes_of(red), bytes_of(green), bytes_of(blue), vdup_n_u8(255)}};
    const uint8x8x3_t rgb = {{rgba.val[0], rgba.val[1], rgba.val[2]}};
    if (format == TOD_RGBA8)
        vst4_u8(pixels, rgba);
    else
        vst3_u8(pixels, rgb);
}
#else
static inline void put_bytes(Lanes red, Lanes green, Lanes blue, TodFormat format, uint8_t *pixels)
{
    const Lanes magic = all(12582912.0f), *channels[] = {&red, &green, &blue}; /* 1.5 * 2^23 */
    const size_t n_bytes = format == TOD_RGBA8 ? 4 : 3;
    for (size_t c = 0; c < 3; c++) {
        const Lanes sums = add(*channels[c], magic); /* whose last bits are the integer */
        for (size_t t = 0; t < 8; t++) {
            uint32_t bits;
            memcpy(&bits, &sums.of[t], sizeof bits);
            pixels[n_bytes * t + c] = (uint8_t)bits;
        }
    }
    for (size_t t = 0; format == TOD_RGBA8 && t < 8; t++)
        pixels[4 * t + 3] = 255;
}
#endif

static inline void put_floats(Lanes red, Lanes green, Lanes blue, TodFormat format, uint8_t *pixels)
{
    float values[24], rgb[24];
    store(values, red);
    store(values + 8, green);
    store(values + 16, blue);
    for (int t = 0; t < 8; t++)
        for (int c = 0; c < 3; c++)
            rgb[3 * t + c] = values[8 * c + t];
    if (format == TOD_RGB32F)
        memcpy(pixels, rgb, sizeof rgb);
    for (int t = 0; format == TOD_RGB9E5 && t < 8; t++) {
        const uint32_t word = tod_rgb9e5_of(rgb + 3 * t);
        memcpy(pixels + 4 * t, &word, sizeof word);
    }
    for (int t = 0; (format == TOD_RGB16F || format == TOD_RGBA16F) && t < 8; t++) {
        const float *at = rgb + 3 * t;
        const uint16_t halves[4] = {tod_half_of(at[0]), tod_half_of(at[1]), tod_half_of(at[2]), 0x3C00};
        const size_t n_bytes = format == TOD_RGBA16F ? 8 : 6;
        memcpy(pixels + n_bytes * (size_t)t, halves, n_bytes);
    }
}

/* A block's pixels; what is constant at the call is chosen where it is compiled. */
static inline void put_block(const int32_t *sums, const TodOutput *output, float scale, uint8_t *pixels)
{
    const Lanes red = values_of(sums, output, scale), green = values_of(sums + 8, output, scale);
    const Lanes blue = values_of(sums + 16, output, scale);
    if (output->format == TOD_RGB8 || output->format == TOD_RGBA8)
        put_bytes(red, green, blue, output->format, pixels);
    else
        put_floats(red, green, blue, output->format, pixels);
}

static inline void put_blocks(const int32_t *sums, size_t n, TodOutput output, float scale, uint8_t *pixels)
{
    const size_t n_bytes = 8 * tod_pixel_bytes(output.format);
    for (size_t i = 0; i < n; i++)
        put_block(sums + 24 * i, &output, scale, pixels + n_bytes * i);
}

static void pixels_of(const int32_t *sums, size_t n, const TodOutput *output, float scale, uint8_t *pixels)
{
    const TodOutput codes = {TOD_RGB8, TOD_CURVE_NONE, 0.0f, output->highest};
    const TodOutput squares = {TOD_RGB8, TOD_CURVE_SQUARE, 0.0f, output->highest};
    if (output->format == TOD_RGB8 && output->curve == TOD_CURVE_NONE)
        put_blocks(sums, n, codes, scale, pixels);
    else if (output->format == TOD_RGB8 && output->curve == TOD_CURVE_SQUARE)
        put_blocks(sums, n, squares, scale, pixels);
    else
        put_blocks(sums, n, *output, scale, pixels);
}
