/* vsnprintf of what messages are made of: %s, %.*s, %d, and %zu %lu %lld %llu. That of the C library is 10 kB. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#define MAX_DIGITS 20

/* Bytes after what fits into the room are counted only. */
typedef struct Text {
    char *to;
    size_t room, n;
} Text;

static void put(Text *text, const char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++, text->n++)
        if (text->n + 1 < text->room)
            text->to[text->n] = bytes[i];
}

static void put_string(Text *text, const char *string, size_t most)
{
    size_t n = 0;
    while (n < most && string[n])
        n++;
    put(text, string, n);
}

static void put_integer(Text *text, int is_negative, uint64_t magnitude)
{
    char digits[MAX_DIGITS];
    size_t at = MAX_DIGITS;
    do
        digits[--at] = (char)('0' + magnitude % 10);
    while (magnitude /= 10);
    put(text, "-", (size_t)is_negative);
    put(text, digits + at, MAX_DIGITS - at);
}

static void put_signed(Text *text, int64_t number)
{
    put_integer(text, number < 0, number < 0 ? 0 - (uint64_t)number : (uint64_t)number);
}

int vsnprintf(char *restrict to, size_t room, const char *restrict format, va_list arguments)
{
    Text text = {to, room, 0};
    for (; *format; format++) {
        if (*format != '%') {
            put(&text, format, 1);
            continue;
        }
        size_t most = SIZE_MAX;
        if (format[1] == '.' && format[2] == '*') {
            most = (size_t)va_arg(arguments, int);
            format += 2;
        }
        const int is_long_long = format[1] == 'l' && format[2] == 'l', is_word = format[1] == 'z' || format[1] == 'l';
        format += is_long_long ? 3 : is_word ? 2 : 1;
        if (*format == 's')
            put_string(&text, va_arg(arguments, const char *), most);
        else if (is_long_long && *format == 'u')
            put_integer(&text, 0, va_arg(arguments, uint64_t));
        else if (is_long_long)
            put_signed(&text, va_arg(arguments, int64_t));
        else if (is_word)
            put_integer(&text, 0, va_arg(arguments, size_t));
        else
            put_signed(&text, va_arg(arguments, int));
    }
    if (room)
        to[text.n < room ? text.n : room - 1] = 0;
    return (int)text.n;
}
