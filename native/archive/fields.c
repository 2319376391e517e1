#include "fields.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "number.h"
#include "utf8.h"

#define MAX_SHOWN 40
#define MAX_INTEGER ((int64_t)1 << 62)

TodFields tod_all_fields(const TodJson *json, TodError *error)
{
    TodFields fields = {json, 0, "metadata.json", error};
    while (json->text[fields.object] != '{')
        fields.object++;
    return fields;
}

/* The value of a field; 0, and an error, where there is none. */
static TodPlace take(TodFields *fields, const char *name, const char *expected)
{
    if (fields->error->status != TOD_OK)
        return 0;
    const TodPlace value = tod_find(fields->json, fields->object, name);
    if (!value)
        tod_fail(fields->error, TOD_INVALID_METADATA, "%s: expected the field %s (%s), found none", fields->where, name,
                 expected);
    return value;
}

/* The field is none of what was expected. */
static void refuse(TodFields *fields, const char *name, const char *expected, TodPlace value)
{
    const size_t n = tod_extent(fields->json, value);
    int shown = n < MAX_SHOWN ? (int)n : MAX_SHOWN;
    while (shown > 0 && ((unsigned char)fields->json->text[value + (size_t)shown] & 0xC0) == 0x80)
        shown--; /* no half characters */
    tod_fail(fields->error, TOD_INVALID_METADATA, "%s.%s: expected %s, found %.*s%s", fields->where, name, expected,
             shown, fields->json->text + value, n > MAX_SHOWN ? "..." : "");
}

int tod_is_absent(const TodFields *fields, const char *name)
{
    const TodPlace value = fields->error->status == TOD_OK ? tod_find(fields->json, fields->object, name) : 0;
    return !value || fields->json->text[value] == 'n';
}

int tod_is_null(TodFields *fields, const char *name)
{
    const TodPlace value = take(fields, name, "null or a value");
    return value && fields->json->text[value] == 'n';
}

int tod_read_number(const TodJson *json, TodPlace value, double *number)
{
    const char first = json->text[value];
    if (first != '-' && !(first >= '0' && first <= '9'))
        return 0;
    *number = tod_double_of(json->text + value, tod_extent(json, value));
    return isfinite(*number) != 0;
}

/* Integers beyond +-2^62 become that. */
static int read_any_integer(const TodJson *json, TodPlace value, int64_t *integer)
{
    const size_t n = tod_extent(json, value);
    const char *text = json->text + value;
    const int negative = text[0] == '-';
    int64_t found = 0;
    if (n == (size_t)negative)
        return 0;
    for (size_t i = (size_t)negative; i < n; i++) {
        if (text[i] < '0' || text[i] > '9')
            return 0;
        found = found < MAX_INTEGER / 10 ? 10 * found + (text[i] - '0') : MAX_INTEGER + 1;
    }
    *integer = negative ? -found : found;
    return 1;
}

int tod_read_integer(const TodJson *json, TodPlace value, int64_t *integer)
{
    return read_any_integer(json, value, integer) && *integer < ((int64_t)1 << 53) && *integer > -((int64_t)1 << 53);
}

int64_t tod_integer(TodFields *fields, const char *name, int64_t low, int64_t high)
{
    char expected[80];
    int64_t found = low;
    tod_write(expected, sizeof expected, "an integer in %" PRId64 "..%" PRId64, low, high);
    const TodPlace value = take(fields, name, expected);
    if (!value)
        return low;
    if (read_any_integer(fields->json, value, &found) && found >= low && found <= high)
        return found;
    refuse(fields, name, expected, value);
    return low;
}

double tod_number(TodFields *fields, const char *name, double low, double high, const char *expected)
{
    double found = low;
    const TodPlace value = take(fields, name, expected);
    if (!value)
        return low;
    if (tod_read_number(fields->json, value, &found) && found >= low && found <= high)
        return found;
    refuse(fields, name, expected, value);
    return low;
}

const char *tod_text(TodFields *fields, const char *name, size_t max_characters, TodArena *arena)
{
    char expected[80];
    tod_write(expected, sizeof expected, "printable text of 1..%zu characters", max_characters);
    const TodPlace value = take(fields, name, expected);
    if (!value)
        return "";
    if (fields->json->text[value] == '"') {
        /* UTF-8 takes no more bytes than the text of JSON */
        const TodMark mark = tod_arena_mark(arena);
        const size_t extent = tod_extent(fields->json, value), most = 4 * max_characters + 1;
        const size_t room = extent < most ? extent : most;
        char *text = tod_arena_take(arena, room, 1);
        if (!text) {
            tod_fail_at(fields->error, TOD_NO_MEMORY, fields->where);
            return "";
        }
        const TodText read = tod_read_text(fields->json, value, text, room - 1);
        if (read.n_bytes > 0)
            text[read.n_bytes] = 0;
        if (read.n_bytes > 0 && read.n_characters <= max_characters &&
            tod_plain_bytes((const uint8_t *)text, (size_t)read.n_bytes) == (size_t)read.n_bytes)
            return text;
        tod_arena_rewind(arena, mark);
    }
    refuse(fields, name, expected, value);
    return "";
}

int tod_choice(TodFields *fields, const char *name, const char *const *names, int n)
{
    char expected[80] = "one of", found[32];
    for (int i = 0; i < n; i++)
        tod_write(expected + strlen(expected), sizeof expected - strlen(expected), "%s %s", i ? "," : "", names[i]);
    const TodPlace value = take(fields, name, expected);
    if (!value)
        return 0;
    if (fields->json->text[value] == '"') {
        const TodText read = tod_read_text(fields->json, value, found, sizeof found - 1);
        for (int i = 0; i < n && read.n_bytes >= 0; i++)
            if (strlen(names[i]) == (size_t)read.n_bytes && memcmp(names[i], found, (size_t)read.n_bytes) == 0)
                return i;
    }
    refuse(fields, name, expected, value);
    return 0;
}

TodFields tod_child(TodFields *fields, const char *name)
{
    TodFields child = {fields->json, fields->object, "", fields->error};
    tod_write(child.where, sizeof child.where, "%s.%s", fields->where, name);
    const TodPlace value = take(fields, name, "an object");
    if (value && fields->json->text[value] == '{')
        child.object = value;
    else if (value)
        refuse(fields, name, "an object", value);
    return child;
}

TodItems tod_items(TodFields *fields, const char *name, size_t low, size_t high)
{
    char expected[80];
    TodItems items = {0, 0};
    if (high == SIZE_MAX)
        tod_write(expected, sizeof expected, "an array");
    else if (low == high)
        tod_write(expected, sizeof expected, "an array of %zu values", low);
    else
        tod_write(expected, sizeof expected, "an array of %zu..%zu values", low, high);
    const TodPlace value = take(fields, name, expected);
    if (!value)
        return items;
    if (fields->json->text[value] == '[') {
        items.place = value;
        items.n = tod_count(fields->json, value);
        if (items.n >= low && items.n <= high)
            return items;
    }
    refuse(fields, name, expected, value);
    return (TodItems){0, 0};
}

TodFields tod_item(const TodFields *fields, const char *name, TodPlace item, size_t index)
{
    TodFields found = {fields->json, item, "", fields->error};
    tod_write(found.where, sizeof found.where, "%s.%s[%zu]", fields->where, name, index);
    if (fields->json->text[item] != '{')
        tod_fail(fields->error, TOD_INVALID_METADATA, "%s: expected an object", found.where);
    return found;
}

void tod_numbers(TodFields *fields, const char *name, size_t n, double *numbers)
{
    const TodItems items = tod_items(fields, name, n, n);
    TodPlace item = items.place;
    size_t i = 0;
    for (int found = items.n && tod_first(fields->json, &item, NULL); found;
         found = tod_next(fields->json, &item, NULL))
        if (!tod_read_number(fields->json, item, &numbers[i++]))
            refuse(fields, name, "numbers", items.place);
    for (; i < n; i++)
        numbers[i] = 0.0;
}

void tod_integers(TodFields *fields, const char *name, size_t n, int64_t low, int64_t high, int32_t *integers)
{
    const TodItems items = tod_items(fields, name, n, n);
    TodPlace item = items.place;
    int64_t value = 0;
    size_t i = 0;
    for (int found = items.n && tod_first(fields->json, &item, NULL); found;
         found = tod_next(fields->json, &item, NULL)) {
        if (!tod_read_integer(fields->json, item, &value) || value < low || value > high) {
            refuse(fields, name, "integers in their range", items.place);
            value = low;
        }
        integers[i++] = (int32_t)value;
    }
    for (; i < n; i++)
        integers[i] = 0;
}
