/* One tile from its coefficient stream to its maps. FORMAT.md "daybasis".

   1. tod_tile_open: the coded symbols, one after the other.
   2. tod_tile_restore for all groups of TOD_LANES maps: any order, several threads.
   3. tod_tile_finish: what only 1 and 2 need goes back. Only now maps can be used. */
#ifndef TOD_TILE_H
#define TOD_TILE_H

#include "maps.h"

/* How to decode a tile; what it points to is the caller's until tod_tile_finish. */
typedef struct TodTileSpec {
    int32_t height, width;
    const uint8_t *valid; /* rows of `width` bytes, 0 or 1, valid_stride bytes apart */
    size_t valid_stride;
    int32_t n_maps, n_levels;
    double q_step;
    float centroids[2];
    int32_t precision;
    const int32_t *exponents; /* [n_maps] */
    TodSmoothing smoothing;
    int dilates; /* gutters take the maps of the nearest valid texel */
    TodRegions regions;
    size_t most_bytes; /* that the tile may take at once while it is made, else TOD_OVER_LIMIT; 0: no matter */
} TodTileSpec;

typedef struct TodTile TodTile;

/* Where the memory comes from: of what the tile holds, and of what is given back until it is finished. */
typedef struct TodTileMemory {
    TodAllocator held, scratch;
} TodTileMemory;

/* A tile without a valid texel takes no stream, and has nothing to restore. */
TodStatus tod_tile_open(const TodTileSpec *spec, const TodStream *stream, TodTileMemory memory, TodTile **tile);

/* The same, of coefficients from elsewhere. */
TodStatus tod_tile_open_from(const TodTileSpec *spec, TodBandsSource source, TodTileMemory memory, TodTile **tile);

/* Groups there are to restore. */
int32_t tod_tile_groups(const TodTile *tile);

/* Groups first .. end - 1. TOD_TOO_LARGE: the maps need 32 bits, see tod_tile_widen. */
TodStatus tod_tile_restore(TodTile *tile, int32_t first, int32_t end);

/* Take 32-bit maps instead; every group is to be restored again. */
TodStatus tod_tile_widen(TodTile *tile);

void tod_tile_finish(TodTile *tile);

/* All of the above in one thread. */
TodStatus tod_tile_decode(const TodTileSpec *spec, const TodStream *stream, TodTileMemory memory, TodTile **tile);
TodStatus tod_tile_decode_from(const TodTileSpec *spec, TodBandsSource source, TodTileMemory memory, TodTile **tile);

const TodMaps *tod_tile_maps(const TodTile *tile);

/* Bytes that the tile holds. */
size_t tod_tile_bytes(const TodTile *tile);

void tod_tile_free(TodTile *tile);

#endif
