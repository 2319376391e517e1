/* Heapsort: takes no memory, calls nothing of the system, and is never slow, whatever the order. */
#ifndef TOD_SORT_H
#define TOD_SORT_H

#include <stddef.h>

#define TOD_MAX_SORTED_BYTES 128 /* of an item */

/* Sort n items of so many bytes, ascending by `compare` (negative, 0 or positive). */
void tod_sort(void *items, size_t n, size_t item_bytes, int (*compare)(const void *a, const void *b));

#endif
