#include "tile.h"

#include <stdint.h>
#include <string.h>

#include "atomics.h"

#define HELD_GRAIN ((size_t)1 << 10)
#define SCRATCH_GRAIN ((size_t)1 << 16)
#define LARGE_TILE ((size_t)1 << 19) /* samples of all maps */

/* What a tile has from the caller's allocators, held and scratch together. */
typedef struct Budget {
    TodCount taken, refused;
    long long most;
} Budget;

/* An allocator that counts: the context of its functions. */
typedef struct Counted {
    TodAllocator inner;
    Budget *budget;
} Counted;

struct TodTile {
    TodTileSpec spec;
    TodTileMemory given, memory; /* the caller's, and what counts them */
    Budget budget;
    Counted counted[2];
    TodArena held, work; /* until the tile is freed, and until it is finished */
    TodPyramid pyramid;
    TodBands bands;
    TodMaps maps;
};

static void *take_counted(void *context, size_t n_bytes)
{
    const Counted *counted = context;
    Budget *budget = counted->budget;
    void *block = NULL;
    if (n_bytes > PTRDIFF_MAX / 2)
        return NULL;
    if (tod_count_add(&budget->taken, (long long)n_bytes) > budget->most)
        tod_count_add(&budget->refused, 1);
    else
        block = counted->inner.allocate(counted->inner.context, n_bytes);
    if (!block)
        tod_count_add(&budget->taken, -(long long)n_bytes);
    return block;
}

static void give_counted(void *context, void *block, size_t n_bytes)
{
    const Counted *counted = context;
    counted->inner.release(counted->inner.context, block, n_bytes);
    tod_count_add(&counted->budget->taken, -(long long)n_bytes);
}

/* Estimates may be too low for what nobody thought of; what a tile really takes is counted. */
static void count_memory(TodTile *tile, TodTileMemory memory)
{
    tile->given = tile->memory = memory;
    if (tile->spec.most_bytes == 0)
        return;
    tile->budget.most = tile->spec.most_bytes < PTRDIFF_MAX / 2 ? (long long)tile->spec.most_bytes : PTRDIFF_MAX / 2;
    TodAllocator *own[2] = {&tile->memory.held, &tile->memory.scratch};
    for (int i = 0; i < 2; i++) {
        tile->counted[i] = (Counted){*own[i], &tile->budget};
        *own[i] = (TodAllocator){take_counted, give_counted, &tile->counted[i]};
    }
}

/* Why there was no memory. */
static TodStatus told(TodTile *tile, TodStatus status)
{
    return status == TOD_NO_MEMORY && tod_count_add(&tile->budget.refused, 0) ? TOD_OVER_LIMIT : status;
}

static TodStatus take_maps(TodTile *tile, int is_wide)
{
    TodMaps *maps = &tile->maps;
    const size_t n_bytes = tod_maps_bytes(maps->runs.n_texels, maps->n_maps, is_wide);
    maps->is_wide = is_wide;
    maps->steps = tile->memory.held.allocate(tile->memory.held.context, n_bytes);
    return maps->steps ? TOD_OK : TOD_NO_MEMORY;
}

static void drop_maps(TodTile *tile)
{
    TodMaps *maps = &tile->maps;
    if (maps->steps)
        tile->memory.held.release(tile->memory.held.context, maps->steps,
                                  tod_maps_bytes(maps->runs.n_texels, maps->n_maps, maps->is_wide));
    maps->steps = NULL;
}

/* Large tiles take megabytes of scratch at once. */
static size_t grain_of(const TodTileSpec *spec)
{
    const size_t n_samples = (size_t)spec->height * (size_t)spec->width * (size_t)spec->n_maps;
    return n_samples < LARGE_TILE ? SCRATCH_GRAIN : TOD_LARGE_PAGE;
}

static int is_possible(const TodTileSpec *spec)
{
    return spec->height >= 1 && spec->height <= UINT16_MAX && spec->width >= 1 && spec->width <= UINT16_MAX &&
           spec->n_maps >= 1 && spec->n_maps <= UINT16_MAX && spec->n_levels >= 1 && spec->n_levels <= TOD_MAX_LEVELS;
}

static TodStatus decode(TodTile *tile, TodBandsSource source)
{
    const TodTileSpec *spec = &tile->spec;
    const int has_rotations = spec->regions.rotations != NULL;
    const TodBandsSpec bands = {spec->n_maps,
                                has_rotations ? spec->n_maps : TOD_LANES,
                                tod_largest_exact(spec->n_maps),
                                {spec->centroids[0], spec->centroids[1]}};
    TodArena scratch;
    tod_arena_open(&scratch, tile->memory.scratch, grain_of(&tile->spec));
    TodStatus status =
        tod_find_runs(spec->valid, spec->valid_stride, spec->height, spec->width, &tile->held, &tile->maps.runs);
    const int is_empty = tile->maps.runs.n_texels == 0;
    if (status == TOD_OK && spec->dilates)
        status = tod_find_gutter(spec->valid, spec->valid_stride, spec->height, spec->width, &tile->held, &scratch,
                                 &tile->maps.gutter);
    tod_arena_close(&scratch); /* what the gutter took, which is none of the sizes to come */
    if (status == TOD_OK && !is_empty)
        status =
            tod_build_pyramid(&tile->maps.runs, spec->n_levels, spec->q_step, &tile->work, &scratch, &tile->pyramid);
    if (status == TOD_OK && !is_empty)
        status = source.read(source.context, &bands, &tile->pyramid, &tile->work, &scratch, &tile->bands);
    tod_arena_close(&scratch);
    tile->maps.n_maps = spec->n_maps;
    tile->maps.reach = tod_arena_zeros(&tile->held, (size_t)tod_lanes_of(spec->n_maps), sizeof *tile->maps.reach);
    if (status == TOD_OK && !tile->maps.reach)
        status = TOD_NO_MEMORY;
    return status == TOD_OK ? take_maps(tile, 0) : status;
}

TodStatus tod_tile_open_from(const TodTileSpec *spec, TodBandsSource source, TodTileMemory memory, TodTile **tile)
{
    *tile = NULL;
    if (!is_possible(spec))
        return TOD_BAD_ARGUMENT;
    TodTile *made = memory.held.allocate(memory.held.context, sizeof *made);
    if (!made)
        return TOD_NO_MEMORY;
    memset(made, 0, sizeof *made);
    made->spec = *spec;
    count_memory(made, memory);
    tod_arena_open(&made->held, made->memory.held, HELD_GRAIN);
    tod_arena_open(&made->work, made->memory.scratch, grain_of(spec));
    const TodStatus status = told(made, decode(made, source));
    if (status == TOD_OK)
        *tile = made;
    else
        tod_tile_free(made);
    return status;
}

static TodStatus read_stream(void *stream, const TodBandsSpec *spec, const TodPyramid *pyramid, TodArena *keep,
                             TodArena *scratch, TodBands *bands)
{
    return tod_decode_bands((const TodStream *)stream, spec, pyramid, keep, scratch, bands);
}

TodStatus tod_tile_open(const TodTileSpec *spec, const TodStream *stream, TodTileMemory memory, TodTile **tile)
{
    TodStream copy = *stream;
    return tod_tile_open_from(spec, (TodBandsSource){read_stream, &copy}, memory, tile);
}

int32_t tod_tile_groups(const TodTile *tile)
{
    return tile->maps.runs.n_texels ? tod_lanes_of(tile->spec.n_maps) / TOD_LANES : 0;
}

static TodStatus restore_group(TodTile *tile, int32_t group, TodArena *scratch)
{
    const TodTileSpec *spec = &tile->spec;
    TodMapRows rows;
    TodMark mark = tod_arena_mark(scratch);
    TodStatus status =
        tod_open_map_rows(&rows, &tile->maps, group, spec->exponents, spec->precision, spec->smoothing, scratch);
    if (status == TOD_OK)
        status =
            tod_restore_group(&tile->pyramid, &tile->bands, &spec->regions, group, scratch, tod_map_row_sink(&rows));
    if (status == TOD_OK)
        status = tod_close_map_rows(&rows);
    tod_arena_rewind(scratch, mark);
    return status;
}

TodStatus tod_tile_restore(TodTile *tile, int32_t first, int32_t end)
{
    TodArena scratch;
    TodStatus status = TOD_OK;
    tod_arena_open(&scratch, tile->memory.scratch, grain_of(&tile->spec));
    for (int32_t group = first; group < end && status == TOD_OK; group++)
        status = restore_group(tile, group, &scratch);
    tod_arena_close(&scratch);
    return told(tile, status);
}

TodStatus tod_tile_widen(TodTile *tile)
{
    drop_maps(tile);
    return told(tile, take_maps(tile, 1));
}

void tod_tile_finish(TodTile *tile)
{
    tod_arena_close(&tile->work);
}

TodStatus tod_tile_decode_from(const TodTileSpec *spec, TodBandsSource source, TodTileMemory memory, TodTile **tile)
{
    TodStatus status = tod_tile_open_from(spec, source, memory, tile);
    if (status == TOD_OK) {
        status = tod_tile_restore(*tile, 0, tod_tile_groups(*tile));
        if (status == TOD_TOO_LARGE) {
            status = tod_tile_widen(*tile);
            if (status == TOD_OK)
                status = tod_tile_restore(*tile, 0, tod_tile_groups(*tile));
        }
    }
    if (status == TOD_OK) {
        tod_tile_finish(*tile);
    } else if (*tile) {
        tod_tile_free(*tile);
        *tile = NULL;
    }
    return status;
}

TodStatus tod_tile_decode(const TodTileSpec *spec, const TodStream *stream, TodTileMemory memory, TodTile **tile)
{
    TodStream copy = *stream;
    return tod_tile_decode_from(spec, (TodBandsSource){read_stream, &copy}, memory, tile);
}

const TodMaps *tod_tile_maps(const TodTile *tile)
{
    return &tile->maps;
}

size_t tod_tile_bytes(const TodTile *tile)
{
    const TodMaps *maps = &tile->maps;
    return sizeof *tile + tod_maps_bytes(maps->runs.n_texels, maps->n_maps, maps->is_wide) +
           tod_arena_bytes(&tile->held) + tod_arena_bytes(&tile->work);
}

void tod_tile_free(TodTile *tile)
{
    const TodAllocator held = tile->given.held;
    drop_maps(tile);
    tod_arena_close(&tile->work);
    tod_arena_close(&tile->held);
    held.release(held.context, tile, sizeof *tile);
}
