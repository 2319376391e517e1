#include "mask.h"

#include <string.h>

#include "packed_mask.h"

enum { ROWS, COLUMNS, PACKED, ADAPTIVE };

static TodStatus take_bits(int32_t height, int32_t width, TodArena *arena, TodMask *mask)
{
    *mask = (TodMask){height, width, ((size_t)width + 7) / 8, NULL};
    mask->bits = tod_arena_zeros(arena, (size_t)height * mask->stride, 1);
    return mask->bits ? TOD_OK : TOD_NO_MEMORY;
}

static int bit_at(const uint8_t *bits, size_t i)
{
    return bits[i / 8] >> (7 - i % 8) & 1;
}

/* Rows that follow one another without padding. */
static void unpack_rows(const uint8_t *packed, TodMask *mask)
{
    const size_t width = (size_t)mask->width;
    for (size_t y = 0; y < (size_t)mask->height; y++)
        for (size_t x = 0; x < width; x++)
            mask->bits[y * mask->stride + x / 8] |= (uint8_t)(bit_at(packed, y * width + x) << (7 - x % 8));
}

/* Corners as bits; distances between them in bytes, 255 for 255 texels without one. */
static TodStatus place_corners(TodBytes distances, TodMask *mask)
{
    const uint64_t width = (uint64_t)mask->width, n_texels = width * (uint64_t)mask->height;
    uint64_t at = 0;
    for (size_t i = 0; i < distances.n; i++) {
        at += distances.data[i];
        if (distances.data[i] == 255)
            continue;
        if (at >= n_texels)
            return TOD_INVALID_SECTION;
        const size_t y = (size_t)(at / width), x = (size_t)(at % width);
        mask->bits[y * mask->stride + x / 8] |= (uint8_t)(0x80 >> x % 8);
    }
    return TOD_OK;
}

/* A texel is the exclusive or of the corners above and before it: down the columns, then along the rows. */
static void fill_from_corners(TodMask *mask)
{
    for (int32_t y = 1; y < mask->height; y++) {
        uint8_t *row = mask->bits + (size_t)y * mask->stride;
        const uint8_t *above = row - mask->stride;
        for (size_t i = 0; i < mask->stride; i++)
            row[i] ^= above[i];
    }
    for (int32_t y = 0; y < mask->height; y++) {
        uint8_t *row = mask->bits + (size_t)y * mask->stride, carry = 0;
        for (size_t i = 0; i < mask->stride; i++) {
            uint8_t byte = row[i];
            byte ^= (uint8_t)(byte >> 1);
            byte ^= (uint8_t)(byte >> 2);
            byte ^= (uint8_t)(byte >> 4);
            byte ^= carry;
            carry = byte & 1 ? 0xFF : 0;
            row[i] = byte;
        }
        if (mask->width % 8)
            row[mask->stride - 1] &= (uint8_t)(0xFF00 >> mask->width % 8);
    }
}

static void transpose(const TodMask *from, TodMask *to)
{
    for (size_t y = 0; y < (size_t)to->height; y++)
        for (size_t x = 0; x < (size_t)to->width; x++)
            to->bits[y * to->stride + x / 8] |= (uint8_t)(bit_at(from->bits + x * from->stride, y) << (7 - x % 8));
}

static TodStatus read_adaptive(TodBytes payload, int32_t height, int32_t width, TodArena *held, TodArena *scratch,
                               TodMask *mask)
{
    if ((int64_t)height * width > (int64_t)1 << 20)
        return TOD_INVALID_SECTION;
    uint8_t *texels = tod_arena_take(scratch, (size_t)height * (size_t)width, 1);
    TodStatus status = texels ? tod_unpack_texels(payload.data, payload.n, height, width, scratch, texels)
                              : TOD_NO_MEMORY;
    if (status == TOD_OK)
        status = take_bits(height, width, held, mask);
    for (size_t y = 0; status == TOD_OK && y < (size_t)height; y++)
        for (size_t x = 0; x < (size_t)width; x++)
            mask->bits[y * mask->stride + x / 8] |= (uint8_t)(texels[y * (size_t)width + x] << (7 - x % 8));
    return status;
}

TodStatus tod_read_mask(TodBytes section, int32_t height, int32_t width, TodArena *held, TodArena *scratch,
                        TodMask *mask)
{
    const uint64_t n_texels = (uint64_t)height * (uint64_t)width;
    if (section.n == 0 || section.data[0] > ADAPTIVE)
        return TOD_INVALID_SECTION;
    const int kind = section.data[0];
    const TodBytes payload = {section.data + 1, section.n - 1};
    if (kind == ADAPTIVE)
        return read_adaptive(payload, height, width, held, scratch, mask);
    if (kind == PACKED ? payload.n != (n_texels + 7) / 8 : payload.n > n_texels + n_texels / 255 + 1)
        return TOD_INVALID_SECTION;
    if (take_bits(height, width, held, mask) != TOD_OK)
        return TOD_NO_MEMORY;
    if (kind == PACKED) {
        unpack_rows(payload.data, mask);
        return TOD_OK;
    }
    TodMask turned = *mask;
    if (kind == COLUMNS && take_bits(width, height, scratch, &turned) != TOD_OK)
        return TOD_NO_MEMORY;
    const TodStatus status = place_corners(payload, &turned);
    if (status == TOD_OK)
        fill_from_corners(&turned);
    if (status == TOD_OK && kind == COLUMNS)
        transpose(&turned, mask);
    return status;
}

int tod_is_valid(const TodMask *mask, int32_t y, int32_t x)
{
    return !mask->bits || bit_at(mask->bits + (size_t)y * mask->stride, (size_t)x);
}

int64_t tod_count_valid(const TodMask *mask, TodRegion region)
{
    const int is_whole = region.x0 == 0 && region.x1 == mask->width;
    int64_t n = 0;
    if (!mask->bits)
        return (int64_t)(region.y1 - region.y0) * (region.x1 - region.x0);
    for (int32_t y = region.y0; y < region.y1; y++) {
        const uint8_t *row = mask->bits + (size_t)y * mask->stride;
        for (size_t i = 0; is_whole && i < mask->stride; i++)
            for (unsigned byte = row[i]; byte; byte &= byte - 1)
                n++;
        for (int32_t x = region.x0; !is_whole && x < region.x1; x++)
            n += bit_at(row, (size_t)x);
    }
    return n;
}

void tod_unpack_mask(const TodMask *mask, TodRegion region, uint8_t *valid, size_t stride)
{
    for (int32_t y = region.y0; y < region.y1; y++) {
        uint8_t *to = valid + (size_t)(y - region.y0) * stride;
        if (!mask->bits) {
            memset(to, 1, (size_t)(region.x1 - region.x0));
            continue;
        }
        const uint8_t *row = mask->bits + (size_t)y * mask->stride;
        for (int32_t x = region.x0; x < region.x1; x++)
            *to++ = (uint8_t)bit_at(row, (size_t)x);
    }
}
