#include "cost.h"

#include <stdint.h>

/* Measured peaks rounded up; tests/native/library holds them to it. */
#define TEXEL_BYTES 40.0       /* of a tile */
#define SAMPLE_BYTES 8.0       /* of each map of a tile */
#define MASK_BYTES 2.5         /* of a texel of the lightmap, while its mask is read */
#define BASIS_ENTRY_BYTES 48.0 /* of the temporal matrix */
#define ROTATION_BYTES 24.0    /* of each entry of the regional rotations */
#define OUTLIERS_BYTES 6e6     /* of all that there may be */

/* Seconds on one core. */
#define TILE_S 1e-4
#define LEVEL_S 2e-5
#define CODE_S                                                                                                         \
    1.5e-7 /* of a tile's packed model: one for each map, level and orientation; of an integer of a section */
#define TEXEL_S 6e-8
#define SAMPLE_S 2e-8
#define MASK_S 4e-9
#define BASIS_ENTRY_S 2e-8
#define ROTATION_STEP_S 2e-9
#define TURN_S 4e-10 /* a product of a coefficient and an entry of its rotation */

#define PIECE_S 2e-5 /* a zstd stream of a tile: each is decompressed by itself */
#define PIECE_BYTES 5.0
#define MOST_PIECES 512.0

#define FRAME_SIDE 256
#define OWN_SECTIONS 5  /* graph, basis, rotations, mask, outliers */
#define TILE_SECTIONS 2 /* coefficients, regions */

static double smaller(double a, double b)
{
    return a < b ? a : b;
}

/* Tiles of so many texels along a side that FRAME_SIDE texels of it touch, if they begin where one does. */
static double tiles_of_frame(int32_t side, int32_t tile)
{
    const int32_t seen = side < FRAME_SIDE ? side : FRAME_SIDE;
    return (seen - 1) / tile + 1;
}

TodStatus tod_check_cost(const TodContainer *container, const TodLightmapEntry *entry, int32_t n_hours,
                         size_t *tile_bytes, TodError *error)
{
    const TodLimits *limits = &container->limits;
    const TodLightmapInfo *info = &entry->info;
    const double n_bytes = (double)container->reader.n_bytes, k = info->n_maps;
    const double tile = smaller(info->height, info->tile) * smaller(info->width, info->tile);
    const double entries = 3.0 * (k + 1.0) * n_hours, turns = entry->n_classes > 1 ? entry->n_classes * k * k : 0.0;
    const double of_a_tile = tile * (TEXEL_BYTES + SAMPLE_BYTES * k);
    const double masked = entry->mask ? (double)info->height * info->width : 0.0;
    const double memory = BASIS_ENTRY_BYTES * entries + ROTATION_BYTES * turns + MASK_BYTES * masked +
                          (entry->outliers ? OUTLIERS_BYTES : 0.0) + of_a_tile + (double)container->largest;
    const double most = (double)limits->free_memory_bytes + n_bytes * (double)limits->memory_per_byte;
    if (memory > most)
        return tod_fail(error, TOD_OVER_LIMIT,
                        "lightmap %s: decoding would take about %llu bytes, over the limit of %llu", info->name,
                        (unsigned long long)memory, (unsigned long long)most);
    const double left = most - memory + of_a_tile;
    *tile_bytes = left < (double)(SIZE_MAX / 2) ? (size_t)left : SIZE_MAX / 2;
    const double turned = entry->n_classes > 1 ? TURN_S * k * k : 0.0;
    const double n_tiles = tiles_of_frame(info->height, info->tile) * tiles_of_frame(info->width, info->tile);
    const double model = entry->n_levels * (LEVEL_S + 3.0 * k * CODE_S);
    const double of_tile = TILE_SECTIONS * CODE_S * (double)container->most_of_tiles;
    const double pieces = smaller(MOST_PIECES, (double)container->longest_stream / PIECE_BYTES);
    const double tile_s = TILE_S + PIECE_S * pieces + of_tile + model + tile * (TEXEL_S + SAMPLE_S * k + turned);
    const double seconds = OWN_SECTIONS * CODE_S * (double)container->most_integers + n_tiles * tile_s +
                           MASK_S * masked + BASIS_ENTRY_S * entries + ROTATION_STEP_S * turns * k;
    const double longest = limits->free_seconds + n_bytes * limits->seconds_per_byte;
    if (seconds > longest)
        return tod_fail(error, TOD_OVER_LIMIT, "lightmap %s: decoding would take about %llu ms, over the limit of %llu",
                        info->name, (unsigned long long)(1e3 * seconds), (unsigned long long)(1e3 * longest));
    return TOD_OK;
}
