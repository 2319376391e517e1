/* Which texels are valid: a section to one bit per texel. FORMAT.md "Mask". */
#ifndef TOD_MASK_H
#define TOD_MASK_H

#include "container.h"

/* Rows of `stride` bytes; texel x of a row is the bit x % 8 from the highest on of byte x / 8. */
typedef struct TodMask {
    int32_t height, width;
    size_t stride;
    uint8_t *bits; /* NULL where all are valid */
} TodMask;

/* From a section: its kind byte, then the payload. TOD_INVALID_SECTION: no mask of this size. */
TodStatus tod_read_mask(TodBytes section, int32_t height, int32_t width, TodArena *held, TodArena *scratch,
                        TodMask *mask);

int tod_is_valid(const TodMask *mask, int32_t y, int32_t x);
int64_t tod_count_valid(const TodMask *mask, TodRegion region);

/* A region as bytes 0 or 1, rows `stride` bytes apart. */
void tod_unpack_mask(const TodMask *mask, TodRegion region, uint8_t *valid, size_t stride);

#endif
