/* Texels of single hours that are stored as they are. FORMAT.md "Outliers". */
#ifndef TOD_OUTLIERS_H
#define TOD_OUTLIERS_H

#include "mask.h"

/* Values of a texel at a stored time. */
typedef struct TodOutlier {
    int32_t hour, y, x;
    float rgb[3];
} TodOutlier;

/* Ascending by hour, y and x. */
typedef struct TodOutliers {
    int32_t n;
    const TodOutlier *rows;
} TodOutliers;

/* Read their section, of a lightmap of so many hours, rows and columns; TOD_INVALID_SECTION: something else. */
TodStatus tod_read_outliers(const TodSection *section, TodBytes bytes, const TodArchiveInfo *archive,
                            const TodLightmapInfo *info, TodArena *held, TodOutliers *outliers, TodError *error);

/* Put those of a time into the pixels of a region, rows `stride` bytes apart; between stored times there are none.
   mask: NULL, or texels outside of it are left as they are. */
void tod_put_outliers(const TodOutliers *outliers, const TodArchiveInfo *archive, double time_h, TodRegion region,
                      const TodMask *mask, TodFormat format, void *pixels, size_t stride);

#endif
