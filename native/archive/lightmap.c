#include "lightmap.h"

#include <math.h>
#include <string.h>

#include "cost.h"
#include "rotations.h"
#include "standard_graph.h"
#include "stream.h"

#define NAME_BYTES 48
#define HELD_GRAIN ((size_t)1 << 10)
#define SCRATCH_GRAIN ((size_t)1 << 16)

static TodStatus invalid(TodError *error, const char *section, const char *problem)
{
    return tod_fail(error, TOD_INVALID_SECTION, "section %s: expected %s, found another", section, problem);
}

/* Read one of the lightmap's own sections. */
static TodStatus read_own(const TodLightmap *lightmap, const char *name, const TodSection **section, TodArena *scratch,
                          TodBytes *bytes, TodError *error)
{
    char whole[NAME_BYTES];
    tod_write(whole, sizeof whole, "%d/%s", lightmap->index, name);
    if (tod_find_section(lightmap->container, whole, section, error) != TOD_OK)
        return error->status;
    return tod_read_section(lightmap->container, *section, scratch, bytes, error);
}

/* Integers of a section of so many, the zigzag undone: u2 or i4 of a shape whose unused dimensions are 0. */
static TodStatus read_zigzag(const TodLightmap *lightmap, const char *name, const int64_t shape[TOD_SHAPE_KEPT],
                             TodArena *scratch, int64_t **codes, TodError *error)
{
    const TodSection *section;
    TodBytes bytes;
    if (read_own(lightmap, name, &section, scratch, &bytes, error) != TOD_OK)
        return error->status;
    int32_t rank = 0;
    size_t n = 1;
    for (; rank < TOD_SHAPE_KEPT && shape[rank] >= 0; rank++) {
        n *= (size_t)shape[rank];
        if (rank >= section->rank || section->shape[rank] != shape[rank])
            return invalid(error, section->name, "another shape");
    }
    if (rank != section->rank || (section->type != TOD_U2 && section->type != TOD_I4))
        return invalid(error, section->name, "u2 or i4 of another shape");
    *codes = tod_arena_take(scratch, n, sizeof **codes);
    if (!*codes)
        return tod_fail_at(error, TOD_NO_MEMORY, section->name);
    for (size_t i = 0; i < n; i++) {
        const uint8_t *at = bytes.data + i * (section->type == TOD_U2 ? 2 : 4);
        int64_t code = at[0] | at[1] << 8;
        if (section->type == TOD_I4)
            code = (int32_t)((uint32_t)code | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24);
        (*codes)[i] = code & 1 ? -((code + 1) >> 1) : code >> 1;
    }
    return TOD_OK;
}

static TodStatus read_graph(TodLightmap *lightmap, const TodArchiveInfo *archive, TodArena *scratch, TodError *error)
{
    const TodLightmapEntry *entry = lightmap->entry;
    const TodSection *section;
    TodBytes bytes;
    TodOutput *output = &lightmap->output;
    if (tod_find_section(lightmap->container, entry->frame_graph, &section, error) != TOD_OK)
        return error->status;
    if (section->codec == TOD_CODEC_STANDARD) { /* the metadata tell all of it */
        if (section->stored_bytes || section->crc32 || section->type != TOD_U1 || section->rank != 1 ||
            archive->transfer != TOD_SRGB8 || entry->curve != TOD_CURVE_NONE)
            return tod_fail(error, TOD_INVALID_SECTION, "section %s: expected the frame of 8-bit codes, found another",
                            section->name);
        output->curve = TOD_CURVE_NONE;
        output->highest = 255.0f;
        return TOD_OK;
    }
    if (tod_read_section(lightmap->container, section, scratch, &bytes, error) != TOD_OK)
        return error->status;
    TodGraph *graph = tod_arena_take(scratch, 1, sizeof *graph);
    if (!graph)
        return tod_fail_at(error, TOD_NO_MEMORY, section->name);
    if (!tod_read_graph(bytes, graph) || !tod_is_standard_graph(graph, entry->info.n_maps, archive->hours,
                                                                archive->n_hours, &output->curve, &output->knee))
        return tod_fail(error, TOD_UNSUPPORTED_GRAPH,
                        "section %s: this library decodes the standard graph, found another", section->name);
    if (output->curve != entry->curve)
        return tod_fail(error, TOD_INVALID_SECTION, "section %s: expected the curve of the metadata, found another",
                        section->name);
    output->highest = archive->transfer == TOD_SRGB8 ? 255.0f : INFINITY;
    return TOD_OK;
}

static TodStatus read_basis(TodLightmap *lightmap, const TodArchiveInfo *archive, TodArena *scratch, TodError *error)
{
    const TodLightmapEntry *entry = lightmap->entry;
    const int64_t shape[] = {entry->info.n_maps + 1, 3, archive->n_hours};
    int64_t *codes;
    if (read_zigzag(lightmap, "basis", shape, scratch, &codes, error) != TOD_OK)
        return error->status;
    const TodBasisSpec spec = {entry->info.n_maps, archive->n_hours, archive->hours, entry->gap_modes, codes,
                               entry->exponents,   entry->precision};
    return tod_fail_at(error, tod_basis_open(&spec, lightmap->allocator, &lightmap->basis), "basis");
}

static TodStatus read_rotations(TodLightmap *lightmap, TodArena *scratch, TodError *error)
{
    const int32_t n = lightmap->entry->info.n_maps, n_classes = lightmap->entry->n_classes;
    const int64_t shape[] = {n_classes, (int64_t)n * (n - 1) / 2, -1};
    int64_t *codes;
    if (n_classes == 1)
        return TOD_OK;
    if (read_zigzag(lightmap, "turns", shape, scratch, &codes, error) != TOD_OK)
        return error->status;
    float *rotations =
        tod_arena_take(&lightmap->arena, (size_t)n_classes * (size_t)n, (size_t)tod_lanes_of(n) * sizeof *rotations);
    if (!rotations)
        return tod_fail_at(error, TOD_NO_MEMORY, "turns");
    lightmap->rotations = rotations;
    return tod_fail_at(error, tod_rotations_of_codes(codes, n_classes, n, scratch, rotations), "turns");
}

static TodStatus read_mask(TodLightmap *lightmap, TodArena *scratch, TodError *error)
{
    const TodLightmapInfo *info = &lightmap->entry->info;
    const TodSection *section;
    TodBytes bytes;
    lightmap->mask = (TodMask){info->height, info->width, 0, NULL};
    if (lightmap->entry->mask) {
        if (tod_find_section(lightmap->container, lightmap->entry->mask, &section, error) != TOD_OK ||
            tod_read_section(lightmap->container, section, scratch, &bytes, error) != TOD_OK)
            return error->status;
        const TodStatus status =
            tod_read_mask(bytes, info->height, info->width, &lightmap->arena, scratch, &lightmap->mask);
        if (status == TOD_NO_MEMORY)
            return tod_fail_at(error, status, section->name);
        if (status != TOD_OK)
            return tod_fail(error, status, "section %s: expected a mask of %d x %d texels, found another",
                            section->name, info->width, info->height);
    }
    const int64_t n = tod_count_valid(&lightmap->mask, (TodRegion){0, info->height, 0, info->width});
    if (n != info->n_valid)
        return tod_fail(error, TOD_INVALID_METADATA, "lightmap %s: expected %d valid texels, found %lld", info->name,
                        info->n_valid, (long long)n);
    return TOD_OK;
}

static TodStatus read_outliers(TodLightmap *lightmap, const TodArchiveInfo *archive, TodArena *scratch, TodError *error)
{
    const TodSection *section;
    TodBytes bytes;
    if (!lightmap->entry->outliers)
        return TOD_OK;
    if (tod_find_section(lightmap->container, lightmap->entry->outliers, &section, error) != TOD_OK ||
        tod_read_section(lightmap->container, section, scratch, &bytes, error) != TOD_OK)
        return error->status;
    return tod_read_outliers(section, bytes, archive, &lightmap->entry->info, &lightmap->arena, &lightmap->outliers,
                             error);
}

/* In stages, each with its own scratch. */
static TodStatus fill(TodLightmap *lightmap, const TodPlan *plan, TodError *error)
{
    const TodLightmapInfo *info = &lightmap->entry->info;
    TodArena scratch;
    tod_arena_open(&scratch, plan->scratch, SCRATCH_GRAIN);
    read_graph(lightmap, &plan->metadata->info, &scratch, error);
    tod_arena_close(&scratch);
    if (error->status == TOD_OK)
        read_basis(lightmap, &plan->metadata->info, &scratch, error);
    tod_arena_close(&scratch);
    if (error->status == TOD_OK)
        read_rotations(lightmap, &scratch, error);
    tod_arena_close(&scratch);
    if (error->status == TOD_OK)
        read_mask(lightmap, &scratch, error);
    tod_arena_close(&scratch);
    if (error->status == TOD_OK)
        read_outliers(lightmap, &plan->metadata->info, &scratch, error);
    tod_arena_close(&scratch);
    lightmap->n_rows = (info->height - 1) / info->tile + 1;
    lightmap->n_columns = (info->width - 1) / info->tile + 1;
    const size_t n_tiles = (size_t)lightmap->n_rows * (size_t)lightmap->n_columns;
    if (error->status == TOD_OK && n_tiles > lightmap->container->n_sections)
        return tod_fail(error, TOD_INVALID_SECTION, "lightmap %s: expected a section for each of %zu tiles, found less",
                        info->name, n_tiles);
    if (error->status == TOD_OK) {
        lightmap->tiles = tod_arena_zeros(&lightmap->arena, n_tiles, sizeof *lightmap->tiles);
        if (!lightmap->tiles)
            tod_fail_at(error, TOD_NO_MEMORY, info->name);
    }
    return error->status;
}

TodStatus tod_open_lightmap(const TodPlan *plan, int32_t index, TodLightmap **lightmap, TodError *error)
{
    const TodLightmapEntry *entry = &plan->metadata->lightmaps[index];
    *lightmap = NULL;
    size_t tile_bytes;
    if (tod_check_cost(plan->container, entry, plan->metadata->info.n_hours, &tile_bytes, error) != TOD_OK)
        return error->status;
    TodLightmap *made = plan->held.allocate(plan->held.context, sizeof *made);
    if (!made)
        return tod_fail_at(error, TOD_NO_MEMORY, entry->info.name);
    memset(made, 0, sizeof *made);
    made->container = plan->container;
    made->entry = entry;
    made->index = index;
    made->tile_bytes = tile_bytes;
    made->gutters = plan->gutters;
    made->allocator = plan->held;
    tod_arena_open(&made->arena, plan->held, HELD_GRAIN);
    if (fill(made, plan, error) == TOD_OK)
        *lightmap = made;
    else
        tod_close_lightmap(made);
    return error->status;
}

void tod_drop_tiles(TodLightmap *lightmap)
{
    const size_t n = lightmap->tiles ? (size_t)lightmap->n_rows * (size_t)lightmap->n_columns : 0;
    for (size_t i = 0; i < n; i++) {
        TodTile *tile = tod_slot_get(&lightmap->tiles[i]);
        if (tile)
            tod_tile_free(tile);
    }
    if (n)
        memset(lightmap->tiles, 0, n * sizeof *lightmap->tiles);
}

void tod_close_lightmap(TodLightmap *lightmap)
{
    const TodAllocator allocator = lightmap->allocator;
    tod_drop_tiles(lightmap);
    if (lightmap->basis)
        tod_basis_free(lightmap->basis);
    tod_arena_close(&lightmap->arena);
    allocator.release(allocator.context, lightmap, sizeof *lightmap);
}

TodRegion tod_tile_region(const TodLightmap *lightmap, int32_t number)
{
    const TodLightmapInfo *info = &lightmap->entry->info;
    const int32_t y = number / lightmap->n_columns * info->tile, x = number % lightmap->n_columns * info->tile;
    return (TodRegion){y, info->height - y < info->tile ? info->height : y + info->tile, x,
                       info->width - x < info->tile ? info->width : x + info->tile};
}

/* Regions of the blocks of a tile, from `scratch`; of an empty one nobody looks at them. */
static TodStatus read_blocks(const TodLightmap *lightmap, int32_t number, int is_empty, TodTileSpec *spec,
                             TodArena *scratch, TodError *error)
{
    TodRegions *regions = &spec->regions;
    regions->n_regions = lightmap->entry->n_classes;
    regions->rows = (spec->height + TOD_BLOCK - 1) / TOD_BLOCK;
    regions->columns = (spec->width + TOD_BLOCK - 1) / TOD_BLOCK;
    if (!lightmap->rotations || is_empty)
        return TOD_OK;
    char name[NAME_BYTES];
    const TodSection *section;
    TodBytes bytes;
    tod_write(name, sizeof name, "%d/classes", number);
    if (read_own(lightmap, name, &section, scratch, &bytes, error) != TOD_OK)
        return error->status;
    if (section->type != TOD_U1 || section->rank != 2 || section->shape[0] != regions->rows ||
        section->shape[1] != regions->columns)
        return invalid(error, section->name, "u1 of a number for each block");
    for (size_t i = 0; i < bytes.n; i++)
        if (bytes.data[i] >= regions->n_regions)
            return invalid(error, section->name, "numbers below n_classes");
    regions->rotations = lightmap->rotations;
    regions->blocks = bytes.data;
    return TOD_OK;
}

static TodTileSpec spec_of(const TodLightmap *lightmap, TodRegion place)
{
    const TodLightmapEntry *entry = lightmap->entry;
    TodTileSpec spec;
    memset(&spec, 0, sizeof spec);
    spec.height = place.y1 - place.y0;
    spec.width = place.x1 - place.x0;
    spec.valid_stride = (size_t)spec.width;
    spec.n_maps = entry->info.n_maps;
    spec.n_levels = entry->n_levels;
    spec.q_step = entry->q_step;
    spec.centroids[0] = entry->centroids[0];
    spec.centroids[1] = entry->centroids[1];
    spec.precision = entry->precision;
    spec.exponents = entry->exponents;
    spec.smoothing = entry->smoothing;
    spec.dilates = lightmap->gutters == TOD_DILATE;
    spec.most_bytes = lightmap->tile_bytes;
    return spec;
}

static TodStatus decode_tile(const TodLightmap *lightmap, int32_t number, TodTileMemory memory, TodArena *scratch,
                             TodTile **tile, TodError *error)
{
    const TodRegion place = tod_tile_region(lightmap, number);
    TodTileSpec spec = spec_of(lightmap, place);
    const size_t n_texels = (size_t)spec.height * (size_t)spec.width;
    char name[NAME_BYTES];
    const TodSection *section;
    TodBytes bytes;
    TodStream stream;
    uint8_t *valid = tod_arena_take(scratch, n_texels, 1);
    if (!valid)
        return tod_fail_at(error, TOD_NO_MEMORY, lightmap->entry->info.name);
    tod_unpack_mask(&lightmap->mask, place, valid, spec.valid_stride);
    spec.valid = valid;
    size_t n_valid = 0;
    for (size_t i = 0; i < n_texels; i++)
        n_valid += valid[i];
    tod_write(name, sizeof name, "%d/coefficients", number);
    if (read_own(lightmap, name, &section, scratch, &bytes, error) != TOD_OK ||
        read_blocks(lightmap, number, n_valid == 0, &spec, scratch, error) != TOD_OK)
        return error->status;
    memset(&stream, 0, sizeof stream);
    TodStatus status = TOD_OK;
    if (n_valid)
        status = tod_split_stream(bytes, spec.n_maps, spec.n_levels, (uint64_t)n_valid * (uint64_t)spec.n_maps, scratch,
                                  &stream);
    if (stream.is_plain) /* what the streams decode to is the tile's too */
        spec.most_bytes = spec.most_bytes > stream.symbol_bytes ? spec.most_bytes - stream.symbol_bytes : 1;
    if (status == TOD_OK)
        status = tod_tile_decode(&spec, &stream, memory, tile);
    return tod_fail_at(error, status, section->name);
}

TodStatus tod_make_tile(const TodLightmap *lightmap, int32_t number, TodTileMemory memory, TodTile **tile,
                        TodError *error)
{
    TodArena scratch;
    *tile = NULL;
    tod_arena_open(&scratch, memory.scratch, SCRATCH_GRAIN);
    decode_tile(lightmap, number, memory, &scratch, tile, error);
    tod_arena_close(&scratch);
    return error->status;
}
