/* Masks in adaptive bits. FORMAT.md "Packed mask". */
#ifndef TOD_PACKED_MASK_H
#define TOD_PACKED_MASK_H

#include <stdint.h>

#include "memory.h"
#include "status.h"

/* Decode (height, width) texels, 0 or 1 each; at most 2^20 of them. */
TodStatus tod_unpack_texels(const uint8_t *data, size_t n_bytes, int32_t height, int32_t width, TodArena *scratch,
                          uint8_t *valid);

#endif
