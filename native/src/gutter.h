/* Gutters: texels outside the mask that take the maps of their nearest valid texel. FORMAT.md "Gutters". */
#ifndef TOD_GUTTER_H
#define TOD_GUTTER_H

#include <stddef.h>
#include <stdint.h>

#include "memory.h"
#include "status.h"

#define TOD_GUTTER_REACH 16 /* texels */

/* Where the source of a texel is, from the texel on. */
typedef struct TodShift {
    int8_t rows, columns;
} TodShift;

/* n texels of a row from column x on; their sources are shifts[first] .. shifts[first + n - 1] away. */
typedef struct TodGutterRun {
    uint16_t x, n;
    uint32_t first;
} TodGutterRun;

/* The runs of row y are row[y] .. row[y + 1] - 1; row is NULL where gutters are left as they are. */
typedef struct TodGutter {
    const int32_t *row;
    const TodGutterRun *runs;
    const TodShift *shifts;
} TodGutter;

/* Find the gutter of a mask of bytes 0 or 1. The nearest by the squared distance, at most 16 texels away; of several,
   the one in the upper row, then in the left column. */
TodStatus tod_find_gutter(const uint8_t *valid, size_t stride, int32_t height, int32_t width, TodArena *keep,
                          TodArena *scratch, TodGutter *gutter);

#endif
