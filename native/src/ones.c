#include "ones.h"

#include <string.h>

static uint64_t load_big_endian(const uint8_t *at)
{
    uint64_t word = 0;
    for (int i = 0; i < 8; i++)
        word = word << 8 | at[i];
    return word;
}

static unsigned leading_zeros(uint64_t word)
{
#if defined(__GNUC__) || defined(__clang__)
    return (unsigned)__builtin_clzll(word);
#else
    unsigned n = 0;
    for (uint64_t top = (uint64_t)1 << 63; !(word & top); top >>= 1)
        n++;
    return n;
#endif
}

static size_t ones_of(uint64_t word)
{
    word -= word >> 1 & 0x5555555555555555u;
    word = (word & 0x3333333333333333u) + (word >> 2 & 0x3333333333333333u);
    word = (word + (word >> 4)) & 0x0F0F0F0F0F0F0F0Fu;
    return (size_t)(word * 0x0101010101010101u >> 56);
}

size_t tod_count_ones(const uint8_t *packed, size_t n_bytes)
{
    size_t n = 0, i = 0;
    for (; i + 8 <= n_bytes; i += 8) {
        uint64_t word;
        memcpy(&word, packed + i, 8);
        n += ones_of(word);
    }
    for (; i < n_bytes; i++)
        n += ones_of(packed[i]);
    return n;
}

static size_t ones_in(uint64_t word, uint32_t base, uint32_t *places)
{
    size_t n = 0;
    while (word) {
        const unsigned at = leading_zeros(word);
        places[n++] = base + at;
        word &= ~((uint64_t)1 << (63 - at));
    }
    return n;
}

size_t tod_find_ones(const uint8_t *packed, size_t n_bytes, uint32_t base, uint32_t *places)
{
    size_t n = 0, i = 0;
    for (; i + 8 <= n_bytes; i += 8)
        n += ones_in(load_big_endian(packed + i), base + 8 * (uint32_t)i, places + n);
    uint64_t rest = 0;
    for (size_t j = i; j < n_bytes; j++)
        rest |= (uint64_t)packed[j] << (56 - 8 * (j - i));
    return n + ones_in(rest, base + 8 * (uint32_t)i, places + n);
}
