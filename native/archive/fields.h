/* Typed access to the fields of a JSON object, with one clear line for the first that is wrong. FORMAT.md "Metadata".
 */
#ifndef TOD_FIELDS_H
#define TOD_FIELDS_H

#include <stdint.h>

#include "json.h"

#define TOD_MAX_TEXT 255 /* characters */

/* An object, with a name for messages. Once `error` is set, every function returns its least value and does nothing:
   callers look at it at the end. */
typedef struct TodFields {
    const TodJson *json;
    TodPlace object;
    char where[96];
    TodError *error;
} TodFields;

/* The whole of metadata.json. */
TodFields tod_all_fields(const TodJson *json, TodError *error);

/* Whether it is not there or null; whether it is there and null. */
int tod_is_absent(const TodFields *fields, const char *name);
int tod_is_null(TodFields *fields, const char *name);

int64_t tod_integer(TodFields *fields, const char *name, int64_t low, int64_t high);
double tod_number(TodFields *fields, const char *name, double low, double high, const char *expected);

/* Printable text of 1..max_characters characters: UTF-8 that ends with a 0, from the arena. */
const char *tod_text(TodFields *fields, const char *name, size_t max_characters, TodArena *arena);

/* Which of n names it is. */
int tod_choice(TodFields *fields, const char *name, const char *const *names, int n);

TodFields tod_child(TodFields *fields, const char *name);

/* An array of low..high values: its place, and how many. */
typedef struct TodItems {
    TodPlace place;
    size_t n;
} TodItems;
TodItems tod_items(TodFields *fields, const char *name, size_t low, size_t high);

/* Item `index` of an array, which must be an object. */
TodFields tod_item(const TodFields *fields, const char *name, TodPlace item, size_t index);

/* Whether a value is a number, or an integer of at most 53 bits; what it is. */
int tod_read_number(const TodJson *json, TodPlace value, double *number);
int tod_read_integer(const TodJson *json, TodPlace value, int64_t *integer);

/* Arrays of exactly n numbers. */
void tod_numbers(TodFields *fields, const char *name, size_t n, double *numbers);
void tod_integers(TodFields *fields, const char *name, size_t n, int64_t low, int64_t high, int32_t *integers);

#endif
