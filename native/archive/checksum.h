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

#endif
