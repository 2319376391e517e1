/* Rows of detail coefficients of TOD_LANES maps: codes times their regional rotation and step. */
#ifndef TOD_DETAILS_H
#define TOD_DETAILS_H

#include "lifting.h"

/* Where the rows of one level's bands come from. */
typedef struct TodDetails {
    const TodKernels *kernels;
    const TodLevel *level;
    const TodBand *bands;
    const TodRegions *regions;
    int32_t n_maps, group, depth;
    uint8_t *sites;    /* region of every site of a row, as far as the widest band goes */
    int32_t block_row; /* the row of blocks that they are of */
    double *sums;      /* of a row whose sums float32 does not hold */
} TodDetails;

TodStatus tod_open_details(TodDetails *details, const TodPyramid *pyramid, const TodBands *bands,
                           const TodRegions *regions, int32_t group, int32_t depth, TodArena *scratch);

/* Row y of a band: (width, TOD_LANES). */
void tod_detail_row(TodDetails *details, int orientation, int32_t y, float *row);

#endif
