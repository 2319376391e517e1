/* A lightmap of an open archive: what all its tiles need, and its tiles. FORMAT.md "daybasis". */
#ifndef TOD_LIGHTMAP_H
#define TOD_LIGHTMAP_H

#include "atomics.h"
#include "basis.h"
#include "mask.h"
#include "metadata.h"
#include "outliers.h"
#include "tile.h"

/* Made when a lightmap is first used; never changes but for `tiles`. */
typedef struct TodLightmap {
    const TodContainer *container;
    const TodLightmapEntry *entry;
    int32_t index;
    TodGutters gutters;
    TodAllocator allocator;
    TodArena arena;
    TodMask mask;
    TodOutliers outliers;
    TodBasis *basis;
    const float *rotations; /* NULL for none */
    TodOutput output;
    size_t tile_bytes;         /* that a tile may take */
    int32_t n_rows, n_columns; /* of tiles */
    TodSlot *tiles;            /* [n_rows * n_columns] TodTile that are held */
} TodLightmap;

/* What all lightmaps of an archive share. */
typedef struct TodPlan {
    const TodContainer *container;
    const TodMetadata *metadata;
    TodAllocator held, scratch;
    TodGutters gutters;
    TodCount *n_held; /* bytes that `held` gave */
} TodPlan;

TodStatus tod_open_lightmap(const TodPlan *plan, int32_t index, TodLightmap **lightmap, TodError *error);

/* Give back the tiles that are held, all of it. */
void tod_drop_tiles(TodLightmap *lightmap);
void tod_close_lightmap(TodLightmap *lightmap);

/* The place of a tile. */
TodRegion tod_tile_region(const TodLightmap *lightmap, int32_t number);

/* Decode a tile; its maps come from `memory.held`. */
TodStatus tod_make_tile(const TodLightmap *lightmap, int32_t number, TodTileMemory memory, TodTile **tile,
                        TodError *error);

#endif
