#include "error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "utf8.h"

/* Cut off half a character that is left at the end. */
static void end_whole(char *text, size_t n)
{
    size_t at = n;
    while (at > 0 && ((unsigned char)text[at - 1] & 0xC0) == 0x80)
        at--;
    if (at > 0 && (unsigned char)text[at - 1] >= 0xC0)
        text[at - 1] = 0;
}

/* What a file says may be shown by a terminal, which must not obey it. */
static void hide(char *text)
{
    size_t at = 0, n = strlen(text);
    while ((at += tod_plain_bytes((const uint8_t *)text + at, n - at)) < n)
        text[at++] = '?';
}

static void write(char *to, size_t room, const char *format, va_list arguments)
{
    const int n = vsnprintf(to, room, format, arguments);
    if (n < 0)
        to[0] = 0;
    else if ((size_t)n >= room)
        end_whole(to, room - 1);
}

void tod_write(char *to, size_t room, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    write(to, room, format, arguments);
    va_end(arguments);
}

TodStatus tod_fail(TodError *error, TodStatus status, const char *format, ...)
{
    if (error->status != TOD_OK)
        return error->status;
    va_list arguments;
    va_start(arguments, format);
    write(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    hide(error->text);
    return error->status = status;
}

TodStatus tod_fail_at(TodError *error, TodStatus status, const char *where)
{
    return status == TOD_OK ? error->status : tod_fail(error, status, "%s: %s", where, tod_status_text(status));
}

TodStatus tod_report(const TodError *error, TodError *to)
{
    if (to)
        *to = *error;
    return error->status;
}
