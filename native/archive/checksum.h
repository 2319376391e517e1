/* CRC-32 as in zlib. FORMAT.md "Header", "Sections". */
#ifndef TOD_CHECKSUM_H
#define TOD_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

#define TOD_CRC_SLICES 4

/* Tables of the CRC-32 of every byte, followed by 0 to 3 zero bytes. */
typedef struct TodCrc {
    uint32_t table[TOD_CRC_SLICES][256];
} TodCrc;

void tod_fill_crc(TodCrc *crc);

/* Of n more bytes behind those of `before`, 0 at the beginning. */
uint32_t tod_crc32(const TodCrc *crc, uint32_t before, const uint8_t *data, size_t n);

/* Whether a checksum is the one that is stated. Fuzzers, which could not know it, are let through. */
static inline int tod_crc_matches(uint32_t found, uint32_t stated)
{
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
    (void)found;
    (void)stated;
    return 1;
#else
    return found == stated;
#endif
}

#endif
