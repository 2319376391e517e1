#include "sort.h"

#include <string.h>

static void swap(unsigned char *a, unsigned char *b, size_t n)
{
    unsigned char kept[TOD_MAX_SORTED_BYTES];
    memcpy(kept, a, n);
    memcpy(a, b, n);
    memcpy(b, kept, n);
}

static void sift_down(unsigned char *heap, size_t at, size_t n, size_t size, int (*compare)(const void *, const void *))
{
    for (size_t child; (child = 2 * at + 1) < n; at = child) {
        child += child + 1 < n && compare(heap + (child + 1) * size, heap + child * size) > 0;
        if (compare(heap + at * size, heap + child * size) >= 0)
            return;
        swap(heap + at * size, heap + child * size, size);
    }
}

void tod_sort(void *items, size_t n, size_t item_bytes, int (*compare)(const void *a, const void *b))
{
    unsigned char *heap = items;
    for (size_t i = n / 2; i-- > 0;)
        sift_down(heap, i, n, item_bytes, compare);
    for (size_t i = n; i-- > 1;) {
        swap(heap, heap + i * item_bytes, item_bytes);
        sift_down(heap, 0, i, item_bytes, compare);
    }
}
