/* One pass of the pyramid: samples split along an axis into even and odd ones. FORMAT.md "Charts and pyramid". */
#ifndef TOD_SPLIT_H
#define TOD_SPLIT_H

#include "pyramid.h"

/* Label of the chart (0: none) and share of the picture of every sample of a half, in rows. */
typedef struct TodSamples {
    TodSize size;
    int32_t *labels;
    double *mass; /* those of a float32 pass hold float32 values */
} TodSamples;

/* Working lines of a pass. */
typedef struct TodSplitLines {
    int32_t *even, *odd, *none;
    double *even_mass, *odd_mass, *no_mass, *given, *given_before;
    uint8_t *no_joins;
} TodSplitLines;

/* Room for lines of up to `width` samples; 0 where memory ends. */
int tod_take_split_lines(TodSplitLines *lines, int32_t width, TodArena *scratch);

/* Along the rows: (h, w) to (h, ceil(w / 2)) and (h, floor(w / 2)); a float32 pass. */
void tod_split_rows(const TodSamples *from, TodSamples *low, TodSamples *high, TodPass *pass, TodSplitLines *lines);

/* Along the columns; `single`: a float32 pass. */
void tod_split_columns(const TodSamples *from, TodSamples *low, TodSamples *high, int single, TodPass *pass,
                       TodSplitLines *lines);

#endif
