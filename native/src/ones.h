/* Places of the ones in a run of packed bits. */
#ifndef TOD_ONES_H
#define TOD_ONES_H

#include <stddef.h>
#include <stdint.h>

/* How many of `n_bytes` packed bytes' bits are 1. */
size_t tod_count_ones(const uint8_t *packed, size_t n_bytes);

/* Write base + place of each 1, ascending; returns how many. */
size_t tod_find_ones(const uint8_t *packed, size_t n_bytes, uint32_t base, uint32_t *places);

#endif
