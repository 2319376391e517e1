/* Inverse lifting of TOD_LANES maps side by side, coarse to fine, row by row. FORMAT.md "Coefficients to maps".

   Only the low bands between the levels are held whole; rows of details are made where they are needed, and the rows of
   the finest level go to a sink. */
#ifndef TOD_LIFTING_H
#define TOD_LIFTING_H

#include "bands.h"
#include "rotations.h"

/* Regional rotations of a tile; n_regions 1 means none. */
typedef struct TodRegions {
    int32_t n_regions;
    const float *rotations; /* see tod_rotations_of_codes; NULL for none */
    const uint8_t *blocks;  /* (rows, columns) of blocks */
    int32_t rows, columns;
} TodRegions;

/* Takes the rows of a tile in order: (width, TOD_LANES) float32 each. */
typedef struct TodRowSink {
    void (*take)(void *context, int32_t y, const float *row);
    void *context;
} TodRowSink;

/* Restore maps TOD_LANES * group and up. */
TodStatus tod_restore_group(const TodPyramid *pyramid, const TodBands *bands, const TodRegions *regions, int32_t group,
                            TodArena *scratch, TodRowSink sink);

#endif
