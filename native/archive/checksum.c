#include "checksum.h"

#define POLYNOMIAL 0xEDB88320u

void tod_fill_crc(TodCrc *crc)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t value = i;
        for (int bit = 0; bit < 8; bit++)
            value = value >> 1 ^ (value & 1 ? POLYNOMIAL : 0);
        crc->table[0][i] = value;
    }
    for (int slice = 1; slice < TOD_CRC_SLICES; slice++)
        for (uint32_t i = 0; i < 256; i++) {
            const uint32_t before = crc->table[slice - 1][i];
            crc->table[slice][i] = before >> 8 ^ crc->table[0][before & 0xFF];
        }
}

uint32_t tod_crc32(const TodCrc *crc, uint32_t before, const uint8_t *data, size_t n)
{
    uint32_t value = ~before;
    for (; n >= 4; n -= 4, data += 4) {
        value ^= (uint32_t)data[0] | (uint32_t)data[1] << 8 | (uint32_t)data[2] << 16 | (uint32_t)data[3] << 24;
        value = crc->table[3][value & 0xFF] ^ crc->table[2][value >> 8 & 0xFF] ^ crc->table[1][value >> 16 & 0xFF] ^
                crc->table[0][value >> 24];
    }
    for (; n; n--, data++)
        value = value >> 8 ^ crc->table[0][(value ^ *data) & 0xFF];
    return ~value;
}
