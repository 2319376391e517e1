/* What a lightmap may cost, from the metadata alone, before any of it is read. */
#ifndef TOD_COST_H
#define TOD_COST_H

#include "metadata.h"

/* TOD_OVER_LIMIT: its tables and one of its tiles would take more memory, or a region of up to 256 x 256 texels more
   time, than TodLimits grants to a file of this size. `tile_bytes` is what is left to a tile, at least its estimate. */
TodStatus tod_check_cost(const TodContainer *container, const TodLightmapEntry *entry, int32_t n_hours,
                         size_t *tile_bytes, TodError *error);

#endif
