#include "pixels.h"

#include <math.h>
#include <string.h>

size_t tod_pixel_bytes(TodFormat format)
{
    static const uint8_t BYTES[TOD_N_FORMATS] = {3, 4, 12, 6, 8, 4};
    return (unsigned)format < TOD_N_FORMATS ? BYTES[format] : 0;
}

static uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static float float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

uint16_t tod_half_of(float value)
{
    const uint32_t bits = bits_of(value), sign = bits >> 16 & 0x8000u, magnitude = bits & 0x7FFFFFFFu;
    if (magnitude > 0x7F800000u)
        return (uint16_t)(sign | 0x7E00u);
    if (magnitude >= 0x47800000u) /* 2^16 */
        return (uint16_t)(sign | 0x7C00u);
    if (magnitude < 0x38800000u) { /* 2^-14: the float32 adder rounds to multiples of 2^-24 */
        const uint32_t shifted = bits_of(float_of(magnitude) + 0.5f) - bits_of(0.5f);
        return (uint16_t)(sign | shifted);
    }
    const uint32_t rounded = magnitude - (112u << 23) + 0xFFFu + (magnitude >> 13 & 1u);
    return (uint16_t)(sign | rounded >> 13);
}

/* Source: OpenGL extension EXT_texture_shared_exponent. */
uint32_t tod_rgb9e5_of(const float rgb[3])
{
    const float most = 65408.0f; /* 511 / 512 * 2^16 */
    float clipped[3], largest = 0.0f;
    for (int c = 0; c < 3; c++) {
        clipped[c] = rgb[c] > 0.0f ? (rgb[c] < most ? rgb[c] : most) : 0.0f;
        largest = clipped[c] > largest ? clipped[c] : largest;
    }
    int32_t exponent = (int32_t)(bits_of(largest) >> 23) - 127; /* floor(log2) of normal numbers */
    exponent = (exponent > -16 ? exponent : -16) + 16;
    float scale = float_of((uint32_t)(127 + 24 - exponent) << 23); /* 2^(9 + 15 - exponent) */
    if ((int32_t)(largest * scale + 0.5f) == 512) {
        exponent++;
        scale *= 0.5f;
    }
    uint32_t word = (uint32_t)exponent << 27;
    for (int c = 0; c < 3; c++)
        word |= (uint32_t)(int32_t)(clipped[c] * scale + 0.5f) << 9 * c;
    return word;
}
