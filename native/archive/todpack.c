/* The public functions: todpack.h. */
#include "todpack.h"

#include <math.h>
#include <string.h>

#include "frame.h"
#include "lightmap.h"

#define HELD_GRAIN ((size_t)1 << 10)
#define SCRATCH_GRAIN ((size_t)1 << 16)
#define VERSION ((uint32_t)(TODPACK_VERSION_MAJOR << 16 | TODPACK_VERSION_MINOR << 8 | TODPACK_VERSION_PATCH))

struct TodArchive {
    TodOptions options;
    TodAllocator allocator; /* the caller's, for this struct */
    TodCount n_held;
    TodArena arena;
    TodContainer container;
    TodMetadata metadata;
    TodPlan plan;
    TodSlot *lightmaps; /* [n_lightmaps] TodLightmap that were used */
};

uint32_t tod_version(void)
{
    return VERSION;
}

void tod_default_options_of(TodOptions *options, uint32_t version)
{
    const uint64_t kib = 1 << 10, mib = 1 << 20;
    memset(options, 0, sizeof *options);
    options->version = version;
    options->gutters = TOD_DILATE;
    options->held = tod_default_allocator();
    options->scratch = tod_scratch_allocator();
    options->limits = (TodLimits){
        .metadata_bytes = 16 * mib,
        .metadata_expansion = 64,
        .free_metadata_bytes = 256 * kib,
        .sections = 1 << 20,
        .section_bytes = 1024 * mib,
        .section_expansion = 2048,
        .free_expansion_bytes = 16 * mib,
        .free_decoded_bytes = 2 * mib,
        .texels = 1 << 28,
        .free_memory_bytes = 64 * mib,
        .memory_per_byte = 200,
        .free_held_bytes = 64 * mib,
        .held_per_byte = 48 * kib,
        .free_seconds = 1.0,
        .seconds_per_byte = 20e-6,
    };
}

/* ------------------------------------------------------------------------------------------------ memory that is held
 */

static void *allocate_counted(void *context, size_t n_bytes)
{
    TodArchive *archive = context;
    void *block = archive->allocator.allocate(archive->allocator.context, n_bytes);
    if (block)
        tod_count_add(&archive->n_held, (long long)n_bytes);
    return block;
}

static void release_counted(void *context, void *block, size_t n_bytes)
{
    TodArchive *archive = context;
    archive->allocator.release(archive->allocator.context, block, n_bytes);
    tod_count_add(&archive->n_held, -(long long)n_bytes);
}

uint64_t tod_held_bytes(const TodArchive *archive)
{
    return (uint64_t)tod_count_add(archive->plan.n_held, 0);
}

/* ------------------------------------------------------------------------------------------------ opening */

static TodStatus read_archive(TodArchive *archive, TodError *error)
{
    TodArena scratch;
    TodJson json;
    tod_arena_open(&scratch, archive->options.scratch, SCRATCH_GRAIN);
    if (tod_read_metadata(&archive->container, &scratch, &json, error) == TOD_OK &&
        tod_read_sections(&archive->container, &json, &archive->arena, error) == TOD_OK &&
        tod_read_entries(&archive->container, &json, &archive->arena, &scratch, &archive->metadata, error) == TOD_OK) {
        const size_t n = (size_t)archive->metadata.info.n_lightmaps;
        archive->lightmaps = tod_arena_zeros(&archive->arena, n, sizeof *archive->lightmaps);
        if (!archive->lightmaps)
            tod_fail_at(error, TOD_NO_MEMORY, "lightmaps");
    }
    tod_arena_close(&scratch);
    return error->status;
}

static TodStatus open_archive(const TodReader *reader, const uint8_t *memory, const TodOptions *given,
                              TodArchive **archive, TodError *to)
{
    TodOptions options;
    TodError error = {TOD_OK, ""};
    *archive = NULL;
    tod_default_options(&options);
    if (given && (given->version == 0 || given->version >> 16 != TODPACK_VERSION_MAJOR)) {
        tod_fail(&error, TOD_BAD_ARGUMENT, "options: expected those of version %d, see tod_default_options",
                 TODPACK_VERSION_MAJOR);
        return tod_report(&error, to);
    }
    options = given ? *given : options;
    if (options.gutters != TOD_DILATE && options.gutters != TOD_MEAN && options.gutters != TOD_BLACK) {
        tod_fail(&error, TOD_BAD_ARGUMENT, "gutters: expected one of TodGutters, found %d", (int)options.gutters);
        return tod_report(&error, to);
    }
    TodArchive *made = options.held.allocate(options.held.context, sizeof *made);
    if (!made) {
        tod_fail_at(&error, TOD_NO_MEMORY, "archive");
        return tod_report(&error, to);
    }
    memset(made, 0, sizeof *made);
    made->options = options;
    made->allocator = options.held;
    tod_count_add(&made->n_held, (long long)sizeof *made);
    const TodAllocator counted = {allocate_counted, release_counted, made};
    tod_arena_open(&made->arena, counted, HELD_GRAIN);
    made->container.reader = *reader;
    made->container.memory = memory;
    made->container.limits = options.limits;
    made->plan = (TodPlan){&made->container, &made->metadata, counted, options.scratch, options.gutters, &made->n_held};
    if (read_archive(made, &error) == TOD_OK)
        *archive = made;
    else
        tod_close(&made);
    return tod_report(&error, to);
}

static TodStatus refuse(TodArchive **archive, TodError *to, const char *line)
{
    TodError error = {TOD_OK, ""};
    *archive = NULL;
    tod_fail(&error, TOD_BAD_ARGUMENT, "%s", line);
    return tod_report(&error, to);
}

TodStatus tod_open(const void *data, size_t n_bytes, const TodOptions *options, TodArchive **archive, TodError *error)
{
    static const uint8_t NOTHING[1];
    const TodReader reader = {NULL, NULL, n_bytes};
    if (!data && n_bytes)
        return refuse(archive, error, "data: expected bytes, found NULL");
    return open_archive(&reader, data ? data : NOTHING, options, archive, error);
}

TodStatus tod_open_reader(const TodReader *reader, const TodOptions *options, TodArchive **archive, TodError *error)
{
    if (!reader || !reader->read)
        return refuse(archive, error, "reader: expected one with a function, found NULL");
    return open_archive(reader, NULL, options, archive, error);
}

void tod_close(TodArchive **archive)
{
    TodArchive *closed = archive ? *archive : NULL;
    if (!closed)
        return;
    *archive = NULL;
    const int32_t n = closed->lightmaps ? closed->metadata.info.n_lightmaps : 0;
    for (int32_t i = 0; i < n; i++) {
        TodLightmap *lightmap = tod_slot_get(&closed->lightmaps[i]);
        if (lightmap)
            tod_close_lightmap(lightmap);
    }
    tod_arena_close(&closed->arena);
    closed->allocator.release(closed->allocator.context, closed, sizeof *closed);
}

const TodArchiveInfo *tod_archive(const TodArchive *archive)
{
    return &archive->metadata.info;
}

const TodLightmapInfo *tod_lightmap(const TodArchive *archive, int32_t index)
{
    return index >= 0 && index < archive->metadata.info.n_lightmaps ? &archive->metadata.lightmaps[index].info : NULL;
}

int32_t tod_find_lightmap(const TodArchive *archive, const char *name)
{
    for (int32_t i = 0; name && i < archive->metadata.info.n_lightmaps; i++)
        if (strcmp(archive->metadata.lightmaps[i].info.name, name) == 0)
            return i;
    return -1;
}

/* ------------------------------------------------------------------------------------------------ decoding */

/* Refuse to hold more than the caller's limits allow. */
static TodStatus check_held(const TodArchive *archive, uint64_t more, const char *lightmap, const char *what,
                            TodError *error)
{
    const TodLimits *limits = &archive->options.limits;
    const uint64_t most = tod_budget(limits->free_held_bytes, limits->held_per_byte, archive->container.reader.n_bytes);
    if (tod_held_bytes(archive) + more > most)
        return tod_fail(error, TOD_OVER_LIMIT, "lightmap %s: its %s would take more than the limit of %llu bytes",
                        lightmap, what, (unsigned long long)most);
    return TOD_OK;
}

/* The lightmap, made when it is first used, by whichever thread comes first. */
static TodLightmap *use_lightmap(const TodArchive *archive, int32_t index, TodError *error)
{
    if (!tod_lightmap(archive, index)) {
        tod_fail(error, TOD_BAD_ARGUMENT, "lightmap: expected 0..%d, found %d", archive->metadata.info.n_lightmaps - 1,
                 index);
        return NULL;
    }
    TodLightmap *lightmap = tod_slot_get(&archive->lightmaps[index]), *made;
    if (lightmap || tod_open_lightmap(&archive->plan, index, &made, error) != TOD_OK)
        return lightmap;
    if (check_held(archive, 0, made->entry->info.name, "mask and tables", error) != TOD_OK) {
        tod_close_lightmap(made);
        return NULL;
    }
    lightmap = tod_slot_put(&archive->lightmaps[index], made);
    if (lightmap != made)
        tod_close_lightmap(made);
    return lightmap;
}

/* The region that is meant; checked. */
static TodStatus check_region(const TodLightmapInfo *info, const TodRegion *region, TodRegion *checked, TodError *error)
{
    *checked = region ? *region : (TodRegion){0, info->height, 0, info->width};
    if (checked->y0 < 0 || checked->y0 >= checked->y1 || checked->y1 > info->height || checked->x0 < 0 ||
        checked->x0 >= checked->x1 || checked->x1 > info->width)
        return tod_fail(error, TOD_BAD_ARGUMENT,
                        "region: expected rows within 0:%d and columns within 0:%d, found %d:%d, %d:%d", info->height,
                        info->width, checked->y0, checked->y1, checked->x0, checked->x1);
    return TOD_OK;
}

static TodRegion overlap(TodRegion a, TodRegion b)
{
    return (TodRegion){a.y0 > b.y0 ? a.y0 : b.y0, a.y1 < b.y1 ? a.y1 : b.y1, a.x0 > b.x0 ? a.x0 : b.x0,
                       a.x1 < b.x1 ? a.x1 : b.x1};
}

/* What is decoded: the same region at n times. */
typedef struct Job {
    const TodLightmap *lightmap;
    TodRegion region;
    const uint8_t *kept; /* [n_maps] or NULL */
    int32_t n;
    const TodTarget *targets;
    const size_t *strides;
    TodAffine **affines;
} Job;

/* Texels outside the mask become black. */
static void blacken(const TodLightmap *lightmap, TodRegion part, TodFormat format, uint8_t *out, size_t stride)
{
    static const uint8_t BLACK_8[4] = {0, 0, 0, 255}, BLACK_16F[8] = {0, 0, 0, 0, 0, 0, 0, 0x3C}, ZEROS[12];
    const size_t n_bytes = tod_pixel_bytes(format);
    const uint8_t *black = format == TOD_RGBA8 ? BLACK_8 : format == TOD_RGBA16F ? BLACK_16F : ZEROS;
    for (int32_t y = part.y0; y < part.y1; y++)
        for (int32_t x = part.x0; x < part.x1; x++)
            if (!tod_is_valid(&lightmap->mask, y, x))
                memcpy(out + (size_t)(y - part.y0) * stride + (size_t)(x - part.x0) * n_bytes, black, n_bytes);
}

static TodStatus draw_tile(const Job *job, const TodTile *tile, TodRegion place, TodError *error)
{
    const TodLightmap *lightmap = job->lightmap;
    const TodRegion part = overlap(place, job->region);
    const TodRegion in_tile = {part.y0 - place.y0, part.y1 - place.y0, part.x0 - place.x0, part.x1 - place.x0};
    for (int32_t i = 0; i < job->n; i++) {
        TodOutput output = lightmap->output;
        output.format = job->targets[i].format;
        uint8_t *out = (uint8_t *)job->targets[i].pixels + (size_t)(part.y0 - job->region.y0) * job->strides[i] +
                       (size_t)(part.x0 - job->region.x0) * tod_pixel_bytes(output.format);
        const TodStatus status =
            tod_frame(tod_tile_maps(tile), job->affines[i], &output, in_tile, out, job->strides[i]);
        if (status != TOD_OK)
            return tod_fail_at(error, status, lightmap->entry->info.name);
        if (lightmap->gutters == TOD_BLACK)
            blacken(lightmap, part, output.format, out, job->strides[i]);
    }
    return TOD_OK;
}

/* A tile that is held, or else one that is decoded for the caller alone; return_tile gives it back. */
static TodTile *borrow_tile(const TodLightmap *lightmap, int32_t number, TodAllocator scratch, TodError *error)
{
    const TodTileMemory memory = {scratch, scratch};
    TodTile *tile = tod_slot_get(&lightmap->tiles[number]);
    if (!tile)
        tod_make_tile(lightmap, number, memory, &tile, error);
    return tile;
}

static void return_tile(const TodLightmap *lightmap, int32_t number, TodTile *tile)
{
    if (tile != tod_slot_get(&lightmap->tiles[number]))
        tod_tile_free(tile);
}

/* Tile by tile: those that are held, and others, which are decoded for it alone. */
static TodStatus draw(const Job *job, TodAllocator scratch, TodError *error)
{
    const TodLightmap *lightmap = job->lightmap;
    const int32_t side = lightmap->entry->info.tile;
    for (int32_t row = job->region.y0 / side; row <= (job->region.y1 - 1) / side; row++) {
        for (int32_t column = job->region.x0 / side; column <= (job->region.x1 - 1) / side; column++) {
            const int32_t number = row * lightmap->n_columns + column;
            TodTile *tile = borrow_tile(lightmap, number, scratch, error);
            if (!tile)
                return error->status;
            draw_tile(job, tile, tod_tile_region(lightmap, number), error);
            return_tile(lightmap, number, tile);
            if (error->status != TOD_OK)
                return error->status;
        }
    }
    return TOD_OK;
}

static TodStatus check_target(const TodArchive *archive, const TodTarget *target, TodRegion region, size_t *stride,
                              TodError *error)
{
    const size_t rows = (size_t)(region.y1 - region.y0);
    const size_t row = (size_t)(region.x1 - region.x0) * tod_pixel_bytes(target->format);
    *stride = target->stride ? target->stride : row;
    if (row == 0)
        return tod_fail(error, TOD_BAD_ARGUMENT, "format: expected one of TodFormat, found %d", (int)target->format);
    if (archive->metadata.info.transfer == TOD_LINEAR && (target->format == TOD_RGB8 || target->format == TOD_RGBA8))
        return tod_fail(error, TOD_BAD_ARGUMENT, "format: expected floats for a linear lightmap, found 8-bit codes");
    if (*stride < row || target->n_bytes < row || (target->n_bytes - row) / *stride < rows - 1 || !target->pixels)
        return tod_fail(error, TOD_BAD_ARGUMENT, "target: expected room for %zu rows of %zu bytes, found %zu bytes",
                        rows, row, target->n_bytes);
    return TOD_OK;
}

static TodStatus no_time(double hours, TodError *error)
{
    const char *expected = "time: expected hours in [0, 24), found";
    if (fabs(hours) <= 1e15)
        return tod_fail(error, TOD_BAD_ARGUMENT, "%s %lld", expected, (long long)floor(hours));
    return tod_fail(error, TOD_BAD_ARGUMENT, "%s %s", expected, isnan(hours) ? "NaN" : hours < 0.0 ? "less than -1e15" : "more than 1e15");
}

static TodStatus decode(const TodArchive *archive, Job *job, const double *times_h, TodArena *scratch, TodError *error)
{
    const size_t n = (size_t)job->n, n_bytes = tod_affine_bytes(job->lightmap->entry->info.n_maps);
    size_t *strides = tod_arena_take(scratch, n, sizeof *strides);
    TodAffine **affines = tod_arena_take(scratch, n, sizeof *affines);
    if (!strides || !affines)
        return tod_fail_at(error, TOD_NO_MEMORY, "times");
    for (size_t i = 0; i < n; i++) {
        if (!(times_h[i] >= 0.0 && times_h[i] < 24.0))
            return no_time(times_h[i], error);
        if (check_target(archive, &job->targets[i], job->region, &strides[i], error) != TOD_OK)
            return error->status;
        affines[i] = tod_arena_take(scratch, n_bytes, 1);
        if (!affines[i])
            return tod_fail_at(error, TOD_NO_MEMORY, "times");
        const TodStatus status = tod_basis_at(job->lightmap->basis, times_h[i], affines[i]);
        if (status != TOD_OK)
            return tod_fail_at(error, status, job->lightmap->entry->info.name);
        if (job->kept)
            tod_affine_keep(affines[i], job->kept);
    }
    job->strides = strides;
    job->affines = affines;
    if (draw(job, archive->options.scratch, error) != TOD_OK)
        return error->status;
    const TodMask *mask = job->lightmap->gutters == TOD_BLACK ? &job->lightmap->mask : NULL;
    for (size_t i = 0; i < n; i++)
        tod_put_outliers(&job->lightmap->outliers, &archive->metadata.info, times_h[i], job->region, mask,
                         job->targets[i].format, job->targets[i].pixels, strides[i]);
    return TOD_OK;
}

static TodStatus decode_times(const TodArchive *archive, int32_t lightmap, const double *times_h, int32_t n,
                              const uint8_t *kept, const TodRegion *region, const TodTarget *targets, TodError *to)
{
    TodError error = {TOD_OK, ""};
    Job job = {use_lightmap(archive, lightmap, &error), {0, 0, 0, 0}, kept, n, targets, NULL, NULL};
    if (job.lightmap && n < 0)
        tod_fail(&error, TOD_BAD_ARGUMENT, "times: expected some, found %d", n);
    else if (job.lightmap && n && (!times_h || !targets))
        tod_fail(&error, TOD_BAD_ARGUMENT, "times, targets: expected %d of each, found NULL", n);
    else if (job.lightmap && check_region(&job.lightmap->entry->info, region, &job.region, &error) == TOD_OK && n) {
        TodArena scratch;
        tod_arena_open(&scratch, archive->options.scratch, HELD_GRAIN);
        decode(archive, &job, times_h, &scratch, &error);
        tod_arena_close(&scratch);
    }
    return tod_report(&error, to);
}

TodStatus tod_decode_times(const TodArchive *archive, int32_t lightmap, const double *times_h, int32_t n,
                           const TodRegion *region, const TodTarget *targets, TodError *error)
{
    return decode_times(archive, lightmap, times_h, n, NULL, region, targets, error);
}

TodStatus tod_decode(const TodArchive *archive, int32_t lightmap, double time_h, const TodRegion *region,
                     const TodTarget *target, TodError *error)
{
    return decode_times(archive, lightmap, &time_h, 1, NULL, region, target, error);
}

TodStatus tod_decode_maps(const TodArchive *archive, int32_t lightmap, double time_h, const uint8_t *kept,
                          const TodRegion *region, const TodTarget *target, TodError *error)
{
    return decode_times(archive, lightmap, &time_h, 1, kept, region, target, error);
}

/* A tile's part of a map. */
static TodStatus copy_map(const TodLightmap *lightmap, int32_t number, int32_t k, TodRegion region, float *map,
                          size_t stride, TodAllocator allocator, TodError *error)
{
    const TodRegion place = tod_tile_region(lightmap, number), part = overlap(place, region);
    const size_t width = (size_t)(place.x1 - place.x0), n_bytes = (size_t)(part.x1 - part.x0) * sizeof *map;
    TodTile *tile = borrow_tile(lightmap, number, allocator, error);
    TodArena scratch;
    if (!tile)
        return error->status;
    tod_arena_open(&scratch, allocator, SCRATCH_GRAIN);
    float *whole = tod_arena_take(&scratch, (size_t)(place.y1 - place.y0) * width, sizeof *whole);
    if (whole) {
        tod_latent(tod_tile_maps(tile), k, lightmap->entry->exponents, lightmap->entry->precision, whole, width);
        for (int32_t y = part.y0; y < part.y1; y++)
            memcpy((uint8_t *)map + (size_t)(y - region.y0) * stride + (size_t)(part.x0 - region.x0) * sizeof *map,
                   whole + (size_t)(y - place.y0) * width + (size_t)(part.x0 - place.x0), n_bytes);
    } else {
        tod_fail_at(error, TOD_NO_MEMORY, lightmap->entry->info.name);
    }
    tod_arena_close(&scratch);
    return_tile(lightmap, number, tile);
    return error->status;
}

TodStatus tod_map(const TodArchive *archive, int32_t lightmap, int32_t k, const TodRegion *region, float *map,
                  size_t stride, TodError *to)
{
    TodError error = {TOD_OK, ""};
    TodRegion checked;
    const TodLightmap *used = use_lightmap(archive, lightmap, &error);
    if (used && (k < 0 || k >= used->entry->info.n_maps))
        tod_fail(&error, TOD_BAD_ARGUMENT, "map: expected 0..%d, found %d", used->entry->info.n_maps - 1, k);
    else if (used && !map)
        tod_fail(&error, TOD_BAD_ARGUMENT, "map: expected room for it, found NULL");
    else if (used && check_region(&used->entry->info, region, &checked, &error) == TOD_OK) {
        const int32_t side = used->entry->info.tile;
        for (int32_t row = checked.y0 / side; row <= (checked.y1 - 1) / side; row++)
            for (int32_t column = checked.x0 / side; column <= (checked.x1 - 1) / side && error.status == TOD_OK;
                 column++)
                copy_map(used, row * used->n_columns + column, k, checked, map, stride, archive->options.scratch,
                         &error);
    }
    return tod_report(&error, to);
}

TodStatus tod_texel(const TodArchive *archive, int32_t lightmap, double time_h, int32_t y, int32_t x, float rgb[3],
                    TodError *error)
{
    const TodRegion region = {y, y < INT32_MAX ? y + 1 : y, x, x < INT32_MAX ? x + 1 : x};
    const TodTarget target = {rgb, 0, 3 * sizeof *rgb, TOD_RGB32F};
    return tod_decode(archive, lightmap, time_h, &region, &target, error);
}

TodStatus tod_valid(const TodArchive *archive, int32_t lightmap, const TodRegion *region, uint8_t *valid, size_t stride,
                    TodError *to)
{
    TodError error = {TOD_OK, ""};
    TodRegion checked;
    const TodLightmap *used = use_lightmap(archive, lightmap, &error);
    if (used && !valid)
        tod_fail(&error, TOD_BAD_ARGUMENT, "valid: expected room for it, found NULL");
    else if (used && check_region(&used->entry->info, region, &checked, &error) == TOD_OK)
        tod_unpack_mask(&used->mask, checked, valid, stride);
    return tod_report(&error, to);
}

/* Decode a tile and hold it, unless it is held. */
static TodStatus hold_tile(const TodArchive *archive, TodLightmap *lightmap, int32_t number, TodError *error)
{
    const TodRegion place = tod_tile_region(lightmap, number);
    const TodTileMemory memory = {archive->plan.held, archive->options.scratch};
    TodTile *tile;
    if (tod_slot_get(&lightmap->tiles[number]))
        return TOD_OK;
    const int64_t n_texels = tod_count_valid(&lightmap->mask, place);
    const uint64_t needed = tod_maps_bytes((int32_t)n_texels, lightmap->entry->info.n_maps, 0);
    if (check_held(archive, needed, lightmap->entry->info.name, "maps", error) != TOD_OK)
        return error->status;
    if (tod_make_tile(lightmap, number, memory, &tile, error) != TOD_OK)
        return error->status;
    if (tod_slot_put(&lightmap->tiles[number], tile) != tile)
        tod_tile_free(tile);
    return TOD_OK;
}

TodStatus tod_prepare(const TodArchive *archive, int32_t lightmap, const TodRegion *region, TodError *to)
{
    TodError error = {TOD_OK, ""};
    TodRegion checked;
    TodLightmap *used = use_lightmap(archive, lightmap, &error);
    if (used && check_region(&used->entry->info, region, &checked, &error) == TOD_OK) {
        const int32_t side = used->entry->info.tile;
        for (int32_t row = checked.y0 / side; row <= (checked.y1 - 1) / side; row++)
            for (int32_t column = checked.x0 / side; column <= (checked.x1 - 1) / side && error.status == TOD_OK;
                 column++)
                hold_tile(archive, used, row * used->n_columns + column, &error);
    }
    return tod_report(&error, to);
}

void tod_release(TodArchive *archive, int32_t lightmap)
{
    TodLightmap *used = tod_lightmap(archive, lightmap) ? tod_slot_get(&archive->lightmaps[lightmap]) : NULL;
    if (used)
        tod_drop_tiles(used);
}
