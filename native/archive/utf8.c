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

static uint32_t code_of(const uint8_t *text, size_t n)
{
    static const uint8_t OF_FIRST[] = {0x7F, 0x7F, 0x1F, 0x0F, 0x07};
    uint32_t code = text[0] & OF_FIRST[n];
    for (size_t i = 1; i < n; i++)
        code = code << 6 | (text[i] & 0x3F);
    return code;
}

static int is_hidden(uint32_t code)
{
    static const uint32_t HIDDEN[][2] = {
        {0x0000, 0x001F}, {0x007F, 0x00A0}, {0x00AD, 0x00AD}, {0x061C, 0x061C}, {0x1680, 0x1680},
        {0x180E, 0x180E}, {0x2000, 0x200F}, {0x2028, 0x202F}, {0x205F, 0x206F}, {0x3000, 0x3000},
        {0xD800, 0xF8FF}, {0xFEFF, 0xFEFF}, {0xFFF0, 0xFFFB}, {0xFFFE, 0xFFFF}, {0xE0000, 0x10FFFF},
    };
    for (size_t i = 0; i < sizeof HIDDEN / sizeof HIDDEN[0]; i++)
        if (code >= HIDDEN[i][0] && code <= HIDDEN[i][1])
            return 1;
    return 0;
}

size_t tod_plain_bytes(const uint8_t *text, size_t n)
{
    size_t at = 0, step;
    for (; at < n; at += step)
        if ((step = tod_utf8_bytes(text + at, n - at)) == 0 || is_hidden(code_of(text + at, step)))
            break;
    return at;
}
