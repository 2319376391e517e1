#include "utf8.h"

size_t tod_utf8_bytes(const uint8_t *text, size_t left)
{
    const uint8_t first = text[0];
    if (first < 0x80)
        return 1;
    const size_t n = first >= 0xC2 && first < 0xE0   ? 2
                     : first >= 0xE0 && first < 0xF0 ? 3
                     : first >= 0xF0 && first < 0xF5 ? 4
                                                     : 0;
    if (n == 0 || n > left)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((text[i] & 0xC0) != 0x80)
            return 0;
    const int is_longer = (first == 0xE0 && text[1] < 0xA0) || (first == 0xF0 && text[1] < 0x90);
    const int is_none = (first == 0xED && text[1] >= 0xA0) || (first == 0xF4 && text[1] >= 0x90);
    return is_longer || is_none ? 0 : n;
}
