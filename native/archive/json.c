#include "json.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "number.h"
#include "sort.h"
#include "utf8.h"

#define MAX_NESTING 16
#define MAX_INTEGER_DIGITS 4300 /* what Python's int() takes */

/* ------------------------------------------------------------------------------------------------ finding values */

static size_t skip_space(const char *text, size_t at)
{
    while (text[at] == ' ' || text[at] == '\t' || text[at] == '\n' || text[at] == '\r')
        at++;
    return at;
}

static size_t skip_string(const char *text, size_t at)
{
    for (at++; text[at] != '"'; at++)
        at += text[at] == '\\';
    return at + 1;
}

static size_t skip_value(const char *text, size_t at)
{
    size_t depth = 0;
    do {
        if (text[at] == '"') {
            at = skip_string(text, at);
        } else if (text[at] == '{' || text[at] == '[') {
            depth++;
            at++;
        } else if (text[at] == '}' || text[at] == ']') {
            depth--;
            at++;
        } else if (depth) {
            at++;
        } else {
            while (text[at] && !strchr(",]} \t\n\r", text[at]))
                at++;
        }
    } while (depth);
    return at;
}

/* The value at `at`, which may be behind its key. */
static int arrive(const char *text, size_t at, TodPlace *value, TodPlace *key)
{
    at = skip_space(text, at);
    if (text[at] == ']' || text[at] == '}')
        return 0;
    if (text[at] == '"') {
        const size_t end = skip_space(text, skip_string(text, at));
        if (text[end] == ':') {
            if (key)
                *key = at;
            at = skip_space(text, end + 1);
        }
    }
    *value = at;
    return 1;
}

int tod_first(const TodJson *json, TodPlace *value, TodPlace *key)
{
    return arrive(json->text, *value + 1, value, key);
}

int tod_next(const TodJson *json, TodPlace *value, TodPlace *key)
{
    const size_t end = skip_space(json->text, skip_value(json->text, *value));
    return json->text[end] == ',' ? arrive(json->text, end + 1, value, key) : 0;
}

size_t tod_count(const TodJson *json, TodPlace array)
{
    size_t n = 0;
    TodPlace item = array;
    for (int found = tod_first(json, &item, NULL); found; found = tod_next(json, &item, NULL))
        n++;
    return n;
}

TodPlace tod_find(const TodJson *json, TodPlace object, const char *name)
{
    const size_t n = strlen(name);
    char text[256];
    TodPlace value = object, key = 0;
    for (int found = tod_first(json, &value, &key); found; found = tod_next(json, &value, &key)) {
        const TodText read = tod_read_text(json, key, text, sizeof text);
        if (read.n_bytes == (ptrdiff_t)n && memcmp(text, name, n) == 0)
            return value;
    }
    return 0;
}

size_t tod_extent(const TodJson *json, TodPlace value)
{
    return skip_value(json->text, value) - value;
}

/* ------------------------------------------------------------------------------------------------ text */

static uint32_t hex_of(const char *text)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) {
        const char c = text[i];
        value = value << 4 | (uint32_t)(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
    }
    return value;
}

static size_t put_utf8(uint32_t code, char *to)
{
    if (code < 0x80) {
        to[0] = (char)code;
        return 1;
    }
    const int n = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (int i = n - 1; i > 0; i--, code >>= 6)
        to[i] = (char)(0x80 | (code & 0x3F));
    to[0] = (char)(0xF0u << (4 - n) | code);
    return (size_t)n;
}

/* The character of an escape behind its backslash, and how many characters of text it takes. */
static uint32_t read_escape(const char *text, size_t *taken)
{
    static const char LETTERS[] = "\"\"\\\\//b\bf\fn\nr\rt\t";
    *taken = 1;
    if (text[0] != 'u') {
        const char *found = LETTERS;
        while (*found != text[0])
            found += 2;
        return (uint32_t)found[1];
    }
    *taken = 5;
    const uint32_t first = hex_of(text + 1);
    if (first < 0xD800 || first > 0xDBFF || text[5] != '\\' || text[6] != 'u')
        return first;
    const uint32_t second = hex_of(text + 7);
    if (second < 0xDC00 || second > 0xDFFF)
        return first;
    *taken = 11;
    return 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
}

TodText tod_read_text(const TodJson *json, TodPlace string, char *to, size_t room)
{
    const char *text = json->text;
    TodText read = {0, 0};
    size_t n = 0;
    for (size_t at = string + 1; text[at] != '"';) {
        size_t taken = 1, made = 1;
        char bytes[4] = {text[at]};
        if (text[at] == '\\') {
            const uint32_t code = read_escape(text + at + 1, &taken);
            taken++;
            if (code >= 0xD800 && code <= 0xDFFF)
                return (TodText){-1, 0};
            made = put_utf8(code, bytes);
        }
        read.n_characters += ((unsigned char)bytes[0] & 0xC0) != 0x80;
        if (made > room - n)
            return (TodText){-1, 0};
        memcpy(to + n, bytes, made);
        n += made;
        at += taken;
    }
    read.n_bytes = (ptrdiff_t)n;
    return read;
}

/* ------------------------------------------------------------------------------------------------ checking */

typedef struct Check {
    const char *text;
    size_t n, at;
    TodArena *scratch;
    const char *problem;
} Check;

static int stop(Check *check, const char *problem)
{
    if (!check->problem)
        check->problem = problem;
    return 0;
}

static int is_hex(char c)
{
    return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'f');
}

static int check_escape(Check *check)
{
    const char c = check->text[check->at++];
    if (c == 'u') {
        for (int i = 0; i < 4; i++)
            if (!is_hex(check->text[check->at++]))
                return stop(check, "a bad escape");
        return 1;
    }
    return c && strchr("\"\\/bfnrt", c) ? 1 : stop(check, "a bad escape");
}

static int check_string(Check *check)
{
    for (check->at++; check->text[check->at] != '"';) {
        const unsigned char c = (unsigned char)check->text[check->at];
        if (c < 0x20)
            return stop(check, "a string that does not end, or a control character in it");
        const size_t n = tod_utf8_bytes((const uint8_t *)check->text + check->at, check->n - check->at);
        if (n == 0)
            return stop(check, "not UTF-8");
        check->at += n;
        if (c == '\\' && !check_escape(check))
            return 0;
    }
    check->at++;
    return 1;
}

static size_t check_digits(Check *check)
{
    const size_t start = check->at;
    while (check->text[check->at] >= '0' && check->text[check->at] <= '9')
        check->at++;
    return check->at - start;
}

static int check_number(Check *check)
{
    const size_t start = check->at;
    int is_integer = 1;
    check->at += check->text[check->at] == '-';
    const int is_zero = check->text[check->at] == '0';
    check->at += (size_t)is_zero;
    const size_t n = is_zero ? 1 : check_digits(check);
    if (n == 0)
        return stop(check, "something that is no value");
    if (check->text[check->at] == '.') {
        check->at++;
        is_integer = 0;
        if (!check_digits(check))
            return stop(check, "a bad number");
    }
    if ((check->text[check->at] | 32) == 'e') {
        check->at++;
        is_integer = 0;
        check->at += check->text[check->at] == '-' || check->text[check->at] == '+';
        if (!check_digits(check))
            return stop(check, "a bad number");
    }
    if (is_integer && n > MAX_INTEGER_DIGITS)
        return stop(check, "a number of too many digits");
    if (!is_integer && isinf(tod_double_of(check->text + start, check->at - start)))
        return stop(check, "a number out of range");
    return 1;
}

static int check_value(Check *check, int room);

/* FNV-1a of the characters of a key, escapes undone: two with the same are the same key, as far as anyone can tell who
   does not try to make them so; such archives are refused. */
static uint64_t hash_key(const Check *check, TodPlace key)
{
    uint64_t hash = 0xCBF29CE484222325u;
    const char *text = check->text;
    for (size_t at = key + 1; text[at] != '"';) {
        size_t taken = 0, n = 1;
        char bytes[4] = {text[at]};
        if (text[at] == '\\')
            n = put_utf8(read_escape(text + at + 1, &taken), bytes);
        at += 1 + taken;
        for (size_t i = 0; i < n; i++)
            hash = (hash ^ (unsigned char)bytes[i]) * 0x100000001B3u;
    }
    return hash;
}

static int compare_hashes(const void *a, const void *b)
{
    const uint64_t one = *(const uint64_t *)a, other = *(const uint64_t *)b;
    return one < other ? -1 : one > other;
}

static int check_keys(Check *check, TodPlace object, size_t n)
{
    const TodJson json = {check->text, check->n};
    const TodMark mark = tod_arena_mark(check->scratch);
    uint64_t *hashes = tod_arena_take(check->scratch, n, sizeof *hashes);
    if (!hashes)
        return stop(check, NULL);
    TodPlace value = object, key = 0;
    size_t i = 0;
    for (int found = tod_first(&json, &value, &key); found; found = tod_next(&json, &value, &key))
        hashes[i++] = hash_key(check, key);
    tod_sort(hashes, n, sizeof *hashes, compare_hashes);
    int is_twice = 0;
    for (i = 1; i < n; i++)
        is_twice |= hashes[i] == hashes[i - 1];
    tod_arena_rewind(check->scratch, mark);
    return is_twice ? stop(check, "a key that stands twice in one object") : 1;
}

/* The values of an array, or the pairs of an object. */
static int check_items(Check *check, int is_object, int room)
{
    const char *text = check->text, end = is_object ? '}' : ']';
    const TodPlace start = check->at;
    size_t n = 0;
    if (room == 0)
        return stop(check, "values nested deeper than 16 levels");
    check->at = skip_space(text, check->at + 1);
    while (text[check->at] != end || n) {
        if (is_object) {
            if (text[check->at] != '"')
                return stop(check, "an object without a key");
            if (!check_string(check))
                return 0;
            check->at = skip_space(text, check->at);
            if (text[check->at] != ':')
                return stop(check, "a key without a value");
            check->at = skip_space(text, check->at + 1);
        }
        if (!check_value(check, room - 1))
            return 0;
        n++;
        check->at = skip_space(text, check->at);
        if (text[check->at] == end)
            break;
        if (text[check->at] != ',')
            return stop(check, "values without a comma between them");
        check->at = skip_space(text, check->at + 1);
    }
    check->at++;
    return !is_object || n < 2 || check_keys(check, start, n);
}

static int check_value(Check *check, int room)
{
    const char *at = check->text + check->at;
    if (*at == '{' || *at == '[')
        return check_items(check, *at == '{', room);
    if (*at == '"')
        return check_string(check);
    for (int i = 0; i < 3; i++) {
        static const char *const WORDS[] = {"true", "false", "null"};
        if (strncmp(at, WORDS[i], strlen(WORDS[i])) == 0) {
            check->at += strlen(WORDS[i]);
            return 1;
        }
    }
    return check_number(check);
}

TodStatus tod_check_json(const TodJson *json, TodArena *scratch, TodError *error)
{
    Check check = {json->text, json->n, 0, scratch, NULL};
    if (json->text[0] != '{')
        check.at = skip_space(json->text, 0);
    if (json->text[check.at] != '{') {
        stop(&check, "something that is no object");
    } else if (check_value(&check, MAX_NESTING)) {
        check.at = skip_space(json->text, check.at);
        if (check.at == json->n)
            return TOD_OK;
        stop(&check, "more behind its end");
    } else if (!check.problem) {
        return tod_fail_at(error, TOD_NO_MEMORY, "metadata.json");
    }
    return tod_fail(error, TOD_INVALID_METADATA, "metadata.json: expected JSON, found %s at byte %zu", check.problem,
                    check.at);
}
