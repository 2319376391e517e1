/* Strict JSON in place: the text is checked once, then values are found in it; nothing is built. FORMAT.md "Header". */
#ifndef TOD_JSON_H
#define TOD_JSON_H

#include <stddef.h>

#include "error.h"
#include "memory.h"

/* Text that was checked. */
typedef struct TodJson {
    const char *text;
    size_t n;
} TodJson;

/* A value's place in the text. */
typedef size_t TodPlace;

/* UTF-8, one object, no NaN or infinity, no key twice in an object, at most 16 levels deep. */
TodStatus tod_check_json(const TodJson *json, TodArena *scratch, TodError *error);

/* Walk over the values of an array or of an object; 0 at its end.

       TodPlace item = array;
       for (int found = tod_first(json, &item, NULL); found; found = tod_next(json, &item, NULL)) ...

   key: NULL, or where the place of each value's key goes. */
int tod_first(const TodJson *json, TodPlace *value, TodPlace *key);
int tod_next(const TodJson *json, TodPlace *value, TodPlace *key);

/* Values of an array. */
size_t tod_count(const TodJson *json, TodPlace array);

/* The place of a field of an object, or 0 where there is none. */
TodPlace tod_find(const TodJson *json, TodPlace object, const char *name);

/* Characters of a value. */
size_t tod_extent(const TodJson *json, TodPlace value);

/* A string as UTF-8 of at most `room` bytes: how many bytes and characters it has; -1 where it does not fit or is no
   text (half of a surrogate pair). */
typedef struct TodText {
    ptrdiff_t n_bytes;
    size_t n_characters;
} TodText;
TodText tod_read_text(const TodJson *json, TodPlace string, char *to, size_t room);

#endif
