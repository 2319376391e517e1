#include "descent.h"

#include <math.h>
#include <string.h>

#include "analysis.h"
#include "context_slopes.h"
#include "images.h"

#define LEAST_CURVATURE 1e-12f
#define COPIED 64 /* places whose codes are copied at a time: they stay in the cache */
#define MAX_CODE 524287 /* the coder's, TOD_MAX_DETAIL */

/* The matrices of a region; k maps, `half` lanes of those of one parity. */
typedef struct Region {
    float *rotation;     /* [k][lanes]: what coded map k gives to the maps */
    float *back[2];      /* [k][half]: what slopes of the maps give to those of the coded maps of a parity */
    float *push;         /* [k][lanes]: what coded map k does to the slopes of the maps */
    float *coupling[2];  /* [maps of a parity][half]: and to the slopes of the other coded maps */
    float *inverse[2];   /* [half]: 1 / curvature */
} Region;

struct TodDescent {
    TodArena arena, scratch; /* for good; and for one call, after which the system has it back */
    TodPyramid pyramid;
    TodRuns runs;
    TodSpreads spreads;
    TodCodes codes;
    TodClassMaps classes;
    TodPrices prices;
    int is_prepared, has_classes; /* of the codes as they are */
    TodImage slopes[TOD_MAX_LEVELS + 1], changes[TOD_MAX_LEVELS + 1]; /* of each level's image; the last: low band */
    size_t lanes, half;
    uint8_t *valid, *blocks;
    int32_t block_rows, block_columns, n_regions;
    Region *regions;
    float *metric;       /* [k][lanes] */
    double *work;        /* 2 k^2 */
    float *buffers;      /* vectors: slopes of a site, those of its coded maps, and what they become */
};

static size_t lanes_for(size_t k)
{
    return (k + TOD_LANES - 1) / TOD_LANES * TOD_LANES;
}

static TodStatus take_regions(TodDescent *d, const double *rotations)
{
    const size_t k = (size_t)d->codes.n_maps;
    d->regions = tod_arena_zeros(&d->arena, (size_t)d->n_regions, sizeof *d->regions);
    if (!d->regions)
        return TOD_NO_MEMORY;
    for (int32_t c = 0; c < d->n_regions; c++) {
        Region *region = &d->regions[c];
        const double *matrix = rotations + (size_t)c * k * k;
        region->rotation = tod_arena_zeros(&d->arena, k * d->lanes, sizeof(float));
        region->push = tod_arena_zeros(&d->arena, k * d->lanes, sizeof(float));
        if (!region->rotation || !region->push)
            return TOD_NO_MEMORY;
        for (size_t i = 0; i < k; i++)
            for (size_t j = 0; j < k; j++)
                region->rotation[j * d->lanes + i] = (float)matrix[i * k + j];
        for (size_t parity = 0; parity < 2; parity++) {
            region->back[parity] = tod_arena_zeros(&d->arena, k * d->half, sizeof(float));
            region->coupling[parity] = tod_arena_zeros(&d->arena, d->half * d->half, sizeof(float));
            region->inverse[parity] = tod_arena_zeros(&d->arena, d->half, sizeof(float));
            if (!region->back[parity] || !region->coupling[parity] || !region->inverse[parity])
                return TOD_NO_MEMORY;
            for (size_t i = 0; i < k; i++)
                for (size_t j = parity; j < k; j += 2)
                    region->back[parity][i * d->half + j / 2] = (float)matrix[i * k + j];
        }
    }
    return TOD_OK;
}

static TodStatus take_class_maps(TodDescent *d)
{
    for (int32_t depth = 0; depth < d->pyramid.n_levels; depth++)
        for (int o = 0; o < TOD_N_ORIENTATIONS; o++) {
            const TodSize size = d->pyramid.levels[depth].bands[o];
            const size_t area = (size_t)size.height * (size_t)size.width;
            d->classes.classes[depth][o] = tod_arena_take(&d->arena, area * (size_t)d->codes.n_maps, 1);
            d->classes.shifts[depth][o] = tod_arena_zeros(&d->arena, area * 2, 1);
            if (!d->classes.classes[depth][o] || !d->classes.shifts[depth][o])
                return TOD_NO_MEMORY;
        }
    return TOD_OK;
}

static TodStatus take_images(TodDescent *d)
{
    for (int32_t depth = 0; depth <= d->pyramid.n_levels; depth++) {
        const TodSize size = depth < d->pyramid.n_levels ? d->pyramid.levels[depth].size : d->pyramid.low;
        if (tod_take_image(&d->slopes[depth], size, d->lanes, &d->arena) != TOD_OK)
            return TOD_NO_MEMORY;
    }
    return TOD_OK;
}

static TodStatus open_descent(TodDescent *d, const TodDescentSpec *spec)
{
    const size_t k = (size_t)spec->n_maps, area = (size_t)spec->height * (size_t)spec->width;
    d->lanes = lanes_for(k);
    d->half = lanes_for((k + 1) / 2);
    d->n_regions = spec->n_regions;
    d->block_rows = (spec->height + TOD_BLOCK - 1) / TOD_BLOCK;
    d->block_columns = (spec->width + TOD_BLOCK - 1) / TOD_BLOCK;
    d->valid = tod_arena_take(&d->arena, area, 1);
    d->blocks = tod_arena_take(&d->arena, (size_t)d->block_rows * (size_t)d->block_columns, 1);
    d->metric = tod_arena_zeros(&d->arena, k * d->lanes, sizeof(float));
    d->work = tod_arena_take(&d->arena, 2 * k * k, sizeof(double));
    d->buffers = tod_arena_zeros(&d->arena, 4 * (d->lanes + d->half), sizeof(float));
    if (!d->valid || !d->blocks || !d->metric || !d->work || !d->buffers)
        return TOD_NO_MEMORY;
    memcpy(d->valid, spec->valid, area);
    memcpy(d->blocks, spec->blocks, (size_t)d->block_rows * (size_t)d->block_columns);
    TodStatus status = tod_find_runs(d->valid, (size_t)spec->width, spec->height, spec->width, &d->arena, &d->runs);
    if (status == TOD_OK)
        status = tod_build_pyramid(&d->runs, spec->n_levels, 1.0, &d->arena, &d->scratch, &d->pyramid);
    if (status == TOD_OK)
        status = tod_take_codes(&d->codes, &d->pyramid, spec->n_maps, &d->arena);
    if (status == TOD_OK)
        status = take_regions(d, spec->rotations);
    return status == TOD_OK ? take_images(d) : status;
}

/* What only the descent needs, and rounding does not. */
static TodStatus prepare(TodDescent *d)
{
    if (d->is_prepared)
        return TOD_OK;
    TodStatus status = tod_build_spreads(&d->pyramid, d->valid, &d->arena, &d->spreads);
    for (int32_t depth = 1; depth <= d->pyramid.n_levels && status == TOD_OK; depth++) {
        const TodSize size = {d->slopes[depth].height, d->slopes[depth].width};
        status = tod_take_image(&d->changes[depth], size, d->lanes, &d->arena);
    }
    if (status == TOD_OK)
        status = take_class_maps(d);
    d->is_prepared = status == TOD_OK;
    return status;
}

TodStatus tod_descent_open(const TodDescentSpec *spec, TodDescent **descent)
{
    const TodAllocator allocator = tod_default_allocator();
    TodDescent *d = allocator.allocate(allocator.context, sizeof *d);
    if (!d)
        return TOD_NO_MEMORY;
    memset(d, 0, sizeof *d);
    tod_arena_open(&d->arena, tod_scratch_allocator(), (size_t)1 << 16);
    tod_arena_open(&d->scratch, tod_scratch_allocator(), (size_t)1 << 16);
    const TodStatus status = open_descent(d, spec);
    if (status != TOD_OK) {
        tod_descent_free(d);
        d = NULL;
    }
    *descent = d;
    return status;
}

void tod_descent_free(TodDescent *d)
{
    const TodAllocator allocator = tod_default_allocator();
    tod_arena_close(&d->arena);
    tod_arena_close(&d->scratch);
    allocator.release(allocator.context, d, sizeof *d);
}

int32_t tod_descent_texels(const TodDescent *d)
{
    return d->runs.n_texels;
}

size_t tod_descent_regions(const TodDescent *d)
{
    return (size_t)d->n_regions;
}

TodStatus tod_descent_band(TodDescent *d, int32_t depth, int orientation, int is_set, int32_t *codes, size_t n_items)
{
    const TodSize size = depth < 0 ? d->pyramid.low : d->pyramid.levels[depth].bands[orientation];
    const uint8_t *sites = depth < 0 ? d->pyramid.low_sites : d->pyramid.levels[depth].sites[orientation];
    int32_t *own = depth < 0 ? d->codes.low : d->codes.details[depth][orientation];
    const size_t area = (size_t)size.height * (size_t)size.width, k = (size_t)d->codes.n_maps;
    if (n_items != area * k)
        return TOD_BAD_ARGUMENT;
    if (is_set)
        d->has_classes = 0;
    for (size_t first = 0; first < area; first += COPIED) {
        const size_t end = area - first < COPIED ? area : first + COPIED;
        for (size_t j = 0; j < k; j++)
            for (size_t i = first; i < end; i++) {
                if (is_set)
                    own[i * k + j] = sites[i] ? codes[j * area + i] : 0;
                else
                    codes[j * area + i] = own[i * k + j];
            }
    }
    return TOD_OK;
}

TodStatus tod_descent_count(TodDescent *d, int64_t (*counts)[TOD_N_COSTS])
{
    memset(counts, 0, TOD_N_FINE_CLASSES * sizeof *counts);
    const TodStatus status = tod_count_codes(&d->pyramid, &d->codes, &d->scratch, d->is_prepared ? &d->classes : NULL,
                                             counts);
    tod_arena_close(&d->scratch);
    d->has_classes = d->is_prepared && status == TOD_OK;
    return status;
}

static const Region *region_at(const TodDescent *d, int32_t depth, int32_t y, int32_t x)
{
    int32_t row = (y << (depth + 1)) / TOD_BLOCK, column = (x << (depth + 1)) / TOD_BLOCK;
    row = row < d->block_rows ? row : d->block_rows - 1;
    column = column < d->block_columns ? column : d->block_columns - 1;
    return &d->regions[d->blocks[(size_t)row * (size_t)d->block_columns + (size_t)column]];
}

static float point_of(int32_t code, const float centroids[2])
{
    if (code == 0)
        return 0.0f;
    const float magnitude = (float)(code < 0 ? -code : code), point = magnitude + centroids[magnitude > 1.5f];
    return code < 0 ? -point : point;
}

/* The code of least curvature * error^2 + cost + slope * magnitude among 0 and the integers around the value. */
static int32_t cheapest(float value, float curvature, const float *costs, float slope, const float centroids[2])
{
    const float magnitude = fabsf(value);
    float best_cost = curvature * magnitude * magnitude + costs[0];
    const int32_t lower = magnitude < (float)MAX_CODE ? (int32_t)magnitude : MAX_CODE - 1;
    int32_t best = 0;
    for (int32_t candidate = lower ? lower : 1; candidate <= lower + 1; candidate++) {
        const float error = magnitude - (float)candidate - centroids[candidate > 1];
        const float rate = costs[candidate < TOD_LAST_MAGNITUDE ? candidate : TOD_LAST_MAGNITUDE];
        const float cost = curvature * error * error + rate + slope * (float)candidate;
        if (cost < best_cost) {
            best_cost = cost;
            best = candidate;
        }
    }
    return value < 0.0f ? -best : best;
}

static void note_excess(double excess[2], double weights[2], int32_t code, float value, float curvature)
{
    const int32_t magnitude = code < 0 ? -code : code;
    const int kind = magnitude > 1;
    excess[kind] += (double)curvature * ((double)(code < 0 ? -value : value) - magnitude);
    weights[kind] += (double)curvature;
}

static int32_t count_sites(const uint8_t *sites, TodSize size)
{
    int32_t n = 0;
    for (size_t i = 0; i < (size_t)size.height * (size_t)size.width; i++)
        n += sites[i];
    return n;
}

/* ------------------------------------------------------------------------------------------------ maps */

static void draw_band(TodDescent *d, int32_t depth, int orientation, const float centroids[2])
{
    const TodEncodeKernels *kernels = tod_encode_kernels();
    const TodLevel *level = &d->pyramid.levels[depth];
    const TodSize size = level->bands[orientation];
    const int32_t n_maps = d->codes.n_maps;
    TodImage *image = &d->slopes[depth];
    float *sum = d->buffers;
    for (int32_t y = 0; y < size.height; y++)
        for (int32_t x = 0; x < size.width; x++) {
            const size_t place = (size_t)y * (size_t)size.width + (size_t)x;
            const int32_t *codes = d->codes.details[depth][orientation] + place * (size_t)n_maps;
            if (!level->sites[orientation][place])
                continue;
            int any = 0;
            for (int32_t k = 0; k < n_maps; k++) {
                if (codes[k] == 0)
                    continue;
                if (!any)
                    memset(sum, 0, d->lanes * sizeof *sum);
                any = 1;
                kernels->add_scaled(point_of(codes[k], centroids) * level->scale[orientation][place],
                                    region_at(d, depth, y, x)->rotation + (size_t)k * d->lanes, d->lanes, sum);
            }
            if (!any)
                continue;
            TodTaps taps;
            tod_taps_of(&d->spreads.levels[depth], orientation, y, x, &taps);
            kernels->scatter(sum, d->lanes, &taps.weight[0][0], TOD_TAP_SIDE, taps.height, taps.width,
                             tod_image_at(image, taps.y, taps.x), tod_image_row(image));
        }
}

static void draw_low(TodDescent *d)
{
    TodImage *image = &d->slopes[d->pyramid.n_levels];
    const int32_t n_maps = d->codes.n_maps;
    for (int32_t y = 0; y < image->height; y++)
        for (int32_t x = 0; x < image->width; x++) {
            const size_t place = (size_t)y * (size_t)image->width + (size_t)x;
            float *to = tod_image_at(image, y, x);
            for (int32_t k = 0; k < n_maps; k++)
                to[k] = (float)d->codes.low[place * (size_t)n_maps + (size_t)k] * d->pyramid.low_scale[place];
        }
}

static float bounded(float value, float bound)
{
    return value < -bound ? -bound : value > bound ? bound : value;
}

/* The row of a map's texel after a step towards its neighbors. */
static void smooth_texel(const TodDescent *d, const TodSmoothing *smoothing, int32_t y, int32_t x, float *out)
{
    const TodImage *image = &d->slopes[0];
    const float *at = tod_image_at(image, y, x);
    const size_t n = (size_t)d->codes.n_maps;
    memcpy(out, at, n * sizeof *out);
    static const int STEPS[4][2] = {{0, 1}, {0, -1}, {1, 0}, {-1, 0}};
    for (int i = 0; i < 4; i++) {
        const int32_t row = y + STEPS[i][0], column = x + STEPS[i][1];
        if (row < 0 || row >= image->height || column < 0 || column >= image->width ||
            !d->valid[(size_t)row * (size_t)image->width + (size_t)column])
            continue;
        const float *other = tod_image_at(image, row, column);
        const float weight = STEPS[i][1] ? smoothing->along_x : smoothing->along_y, bound = smoothing->bound;
        for (size_t k = 0; k < n; k++)
            out[k] += weight * bounded(other[k] - at[k], bound);
    }
}

TodStatus tod_descent_maps(TodDescent *d, const float centroids[2], const TodSmoothing *smoothing, float *maps)
{
    const int32_t n_levels = d->pyramid.n_levels;
    const TodStatus status = prepare(d);
    if (status != TOD_OK)
        return status;
    for (int32_t depth = 0; depth <= n_levels; depth++)
        tod_clear_image(&d->slopes[depth]);
    draw_low(d);
    for (int32_t depth = n_levels - 1; depth >= 0; depth--) {
        tod_prolong(&d->spreads.levels[depth], &d->slopes[depth + 1], &d->slopes[depth]);
        for (int o = 0; o < TOD_N_ORIENTATIONS; o++)
            draw_band(d, depth, o, centroids);
    }
    const size_t n = (size_t)d->codes.n_maps;
    for (int32_t y = 0; y < d->slopes[0].height; y++)
        for (int32_t x = 0; x < d->slopes[0].width; x++) {
            if (!d->valid[(size_t)y * (size_t)d->slopes[0].width + (size_t)x])
                continue;
            if (smoothing->is_on)
                smooth_texel(d, smoothing, y, x, maps);
            else
                memcpy(maps, tod_image_at(&d->slopes[0], y, x), n * sizeof *maps);
            maps += n;
        }
    return TOD_OK;
}

/* ------------------------------------------------------------------------------------------------ rounding */

/* Put rows of the valid texels into the finest image. */
static void put_texels(TodDescent *d, const float *rows)
{
    const size_t n = (size_t)d->codes.n_maps;
    for (int32_t y = 0; y < d->slopes[0].height; y++)
        for (int32_t x = 0; x < d->slopes[0].width; x++)
            if (d->valid[(size_t)y * (size_t)d->slopes[0].width + (size_t)x]) {
                memcpy(tod_image_at(&d->slopes[0], y, x), rows, n * sizeof *rows);
                rows += n;
            }
}

TodStatus tod_descent_analyze(TodDescent *d, const float *maps)
{
    for (int32_t depth = 0; depth <= d->pyramid.n_levels; depth++)
        tod_clear_image(&d->slopes[depth]);
    put_texels(d, maps);
    for (int32_t depth = 0; depth < d->pyramid.n_levels; depth++) {
        TodImage *image = &d->slopes[depth], *low = &d->slopes[depth + 1];
        tod_analyze_level(&d->pyramid.levels[depth], image);
        for (int32_t y = 0; y < low->height; y++)
            for (int32_t x = 0; x < low->width; x++)
                memcpy(tod_image_at(low, y, x), tod_image_at(image, 2 * y, 2 * x), d->lanes * sizeof(float));
    }
    return TOD_OK;
}

static int32_t round_plainly(float value, float rounding)
{
    const float magnitude = floorf(fabsf(value) + rounding);
    const int32_t code = magnitude < (float)MAX_CODE ? (int32_t)magnitude : MAX_CODE;
    return value < 0.0f ? -code : code;
}

#define DEAD_ZONE 0.4f /* a magnitude r is coded as floor(r + this) where no rate is known */

/* Coefficients of one site in steps, of its coded maps. */
static void steps_of(const TodDescent *d, int32_t depth, int orientation, int32_t y, int32_t x, const float *inverses,
                     float *steps)
{
    const int is_high_row = orientation == TOD_LH || orientation == TOD_HH;
    const int is_high_column = orientation == TOD_HL || orientation == TOD_HH;
    const TodLevel *level = &d->pyramid.levels[depth];
    const size_t k = (size_t)d->codes.n_maps, region = (size_t)(region_at(d, depth, y, x) - d->regions);
    const size_t place = (size_t)y * (size_t)level->bands[orientation].width + (size_t)x;
    const float inverse = 1.0f / level->scale[orientation][place];
    tod_encode_kernels()->multiply_rows(tod_image_at(&d->slopes[depth], 2 * y + is_high_row, 2 * x + is_high_column), 0,
                                        1, k, inverses + region * k * d->lanes, d->lanes, steps);
    for (size_t j = 0; j < k; j++)
        steps[j] *= inverse;
}

/* Round the codes of one phase of a site, or of both where no costs are given. */
static void round_site(TodDescent *d, const TodContexts *contexts, TodRounding *rounding, int phase, int32_t y,
                       int32_t x, const float *steps, int32_t *codes)
{
    if (!rounding->bits) {
        for (int32_t k = 0; k < d->codes.n_maps; k++) {
            codes[k] = round_plainly(steps[k], DEAD_ZONE);
            if (codes[k])
                note_excess(rounding->excess, rounding->weights, codes[k], steps[k], 1.0f);
        }
        return;
    }
    for (int32_t k = (x + y + phase) & 1; k < d->codes.n_maps; k += 2) {
        const uint8_t class = tod_class_at(contexts, k, y, x);
        codes[k] = class < TOD_N_FINE_CLASSES && fabsf(steps[k]) >= 0.5f
                       ? cheapest(steps[k], 1.0f, rounding->bits[class], 0.0f, rounding->centroids)
                       : 0;
        if (codes[k])
            note_excess(rounding->excess, rounding->weights, codes[k], steps[k], 1.0f);
    }
}

static TodStatus round_level(TodDescent *d, TodContexts *contexts, TodRounding *rounding, int32_t depth,
                             const float *inverses, uint8_t *mean_codes)
{
    const TodLevel *level = &d->pyramid.levels[depth];
    const TodStatus status = rounding->bits ? tod_contexts_level(contexts, level, depth, &d->scratch) : TOD_OK;
    float *steps = d->buffers;
    for (int o = 0; o < TOD_N_ORIENTATIONS && status == TOD_OK; o++) {
        const TodSize size = level->bands[o];
        int32_t *codes = d->codes.details[depth][o];
        if (size.height == 0 || size.width == 0)
            continue;
        if (rounding->bits) {
            tod_mean_codes(codes, size, d->codes.n_maps, count_sites(level->sites[o], size), mean_codes);
            tod_contexts_band(contexts, o, mean_codes);
        }
        for (int phase = 0; phase < (rounding->bits ? TOD_N_PHASES : 1); phase++) {
            if (phase)
                tod_contexts_after_first(contexts);
            if (rounding->bits)
                tod_contexts_classes(contexts, phase);
            for (int32_t y = 0; y < size.height; y++)
                for (int32_t x = 0; x < size.width; x++) {
                    const size_t place = (size_t)y * (size_t)size.width + (size_t)x;
                    if (!level->sites[o][place])
                        continue;
                    steps_of(d, depth, o, y, x, inverses, steps);
                    round_site(d, contexts, rounding, phase, y, x, steps, codes + place * (size_t)d->codes.n_maps);
                }
            if (rounding->bits)
                tod_put_phase(contexts, phase, codes);
        }
        if (rounding->bits)
            tod_contexts_end_band(contexts);
    }
    return status;
}

static void round_low(TodDescent *d)
{
    const TodImage *image = &d->slopes[d->pyramid.n_levels];
    for (int32_t y = 0; y < image->height; y++)
        for (int32_t x = 0; x < image->width; x++) {
            const size_t place = (size_t)y * (size_t)image->width + (size_t)x;
            const float *at = tod_image_at(image, y, x);
            int32_t *codes = d->codes.low + place * (size_t)d->codes.n_maps;
            for (int32_t k = 0; k < d->codes.n_maps && d->pyramid.low_sites[place]; k++) {
                const float value = rintf(at[k] / d->pyramid.low_scale[place]);
                codes[k] = (int32_t)(value > 1e9f ? 1e9f : value < -1e9f ? -1e9f : value);
            }
        }
}

TodStatus tod_descent_round(TodDescent *d, TodRounding *rounding)
{
    const size_t k = (size_t)d->codes.n_maps, n_regions = (size_t)d->n_regions;
    TodContexts *contexts = tod_arena_zeros(&d->scratch, 1, sizeof *contexts);
    uint8_t *mean_codes = tod_arena_take(&d->scratch, k, 1);
    float *inverses = tod_arena_zeros(&d->scratch, n_regions * k * d->lanes, sizeof *inverses);
    float(*costs)[TOD_N_COSTS] = tod_arena_take(&d->scratch, TOD_N_FINE_CLASSES, sizeof *costs);
    if (!contexts || !mean_codes || !inverses || !costs)
        return TOD_NO_MEMORY;
    for (size_t r = 0; r < n_regions; r++) /* from maps to coded maps: transposed for multiply_rows */
        for (size_t i = 0; i < k; i++)
            for (size_t j = 0; j < k; j++)
                inverses[(r * k + j) * d->lanes + i] = (float)rounding->inverses[(r * k + i) * k + j];
    TodRounding weighted = *rounding;
    TodStatus status = TOD_OK;
    if (rounding->bits) {
        for (int c = 0; c < TOD_N_FINE_CLASSES; c++)
            for (int m = 0; m < TOD_N_COSTS; m++)
                costs[c][m] = rounding->bits[c][m] * rounding->rd_weight;
        weighted.bits = (const float(*)[TOD_N_COSTS])costs;
        status = tod_contexts_open(contexts, &d->pyramid, d->codes.n_maps, &d->scratch);
    }
    d->has_classes = 0;
    round_low(d);
    for (int32_t depth = d->pyramid.n_levels - 1; depth >= 0 && status == TOD_OK; depth--)
        status = round_level(d, contexts, &weighted, depth, inverses, mean_codes);
    memcpy(rounding->excess, weighted.excess, sizeof rounding->excess);
    memcpy(rounding->weights, weighted.weights, sizeof rounding->weights);
    tod_arena_close(&d->scratch);
    return status;
}

/* ------------------------------------------------------------------------------------------------ metric */

static void set_region(TodDescent *d, Region *region, const double *metric)
{
    const size_t k = (size_t)d->codes.n_maps, lanes = d->lanes;
    double *turned = d->work; /* [k coded][k]: R^T G */
    memset(turned, 0, k * k * sizeof *turned);
    for (size_t c = 0; c < k; c++)
        for (size_t i = 0; i < k; i++) {
            const double value = (double)region->rotation[c * lanes + i];
            for (size_t j = 0; value != 0.0 && j < k; j++)
                turned[c * k + j] += value * metric[i * k + j];
        }
    for (size_t c = 0; c < k; c++)
        for (size_t j = 0; j < k; j++)
            region->push[c * lanes + j] = (float)turned[c * k + j];
    for (size_t parity = 0; parity < 2; parity++)
        for (size_t a = parity; a < k; a += 2)
            for (size_t b = parity; b < k; b += 2) {
                double sum = 0.0;
                for (size_t j = 0; j < k; j++)
                    sum += turned[a * k + j] * (double)region->rotation[b * lanes + j];
                region->coupling[parity][a / 2 * d->half + b / 2] = (float)sum;
                if (a == b)
                    region->inverse[parity][a / 2] = 1.0f / ((float)sum > LEAST_CURVATURE ? (float)sum
                                                                                          : LEAST_CURVATURE);
            }
}

TodStatus tod_descent_slopes(TodDescent *d, const float *slopes, const double *metric)
{
    const size_t n = (size_t)d->codes.n_maps;
    const TodStatus status = prepare(d);
    if (status != TOD_OK)
        return status;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            d->metric[i * d->lanes + j] = (float)metric[i * n + j];
    for (int32_t c = 0; c < d->n_regions; c++)
        set_region(d, &d->regions[c], metric);
    put_texels(d, slopes);
    return TOD_OK;
}

/* ------------------------------------------------------------------------------------------------ sweep */

typedef struct Visit {
    TodDescent *d;
    TodSweep *sweep;
    float centroids[2];
    float costs[TOD_N_FINE_CLASSES][TOD_N_COSTS]; /* in squared steps */
    TodContexts contexts;
    const TodEncodeKernels *kernels;
    int32_t depth;
    int orientation;
} Visit;

/* Choose the codes of one phase of a site. */
static void visit_site(Visit *v, int phase, int32_t y, int32_t x, const TodTaps *taps)
{
    TodDescent *d = v->d;
    const TodSpread *spread = &d->spreads.levels[v->depth];
    const TodLevel *level = &d->pyramid.levels[v->depth];
    const TodSize size = level->bands[v->orientation];
    const size_t place = (size_t)y * (size_t)size.width + (size_t)x;
    const int32_t n_maps = d->codes.n_maps, parity = (x + y + phase) & 1;
    int32_t *codes = d->codes.details[v->depth][v->orientation] + place * (size_t)n_maps;
    const float scale = level->scale[v->orientation][place], energy = spread->energy[v->orientation][place];
    const Region *region = region_at(d, v->depth, y, x);
    const float *inverse = region->inverse[parity], step = scale / energy;
    float *sums = d->buffers, *slopes = sums + d->lanes, *push = slopes + d->half, *values = push + d->lanes;
    TodImage *image = &d->slopes[v->depth];
    v->kernels->gather(tod_image_at(image, taps->y, taps->x), tod_image_row(image), d->lanes, &taps->weight[0][0],
                       TOD_TAP_SIDE, taps->height, taps->width, sums);
    v->kernels->multiply_rows(sums, 0, 1, (size_t)n_maps, region->back[parity], d->half, slopes);
    for (size_t j = 0; j < d->half; j++)
        values[j] = slopes[j] * inverse[j] * step;
    int any = 0;
    for (int32_t k = parity; k < n_maps; k += 2) {
        const size_t j = (size_t)(k >> 1);
        const int32_t code = codes[k];
        if (code == 0 && fabsf(values[j]) < 0.5f)
            continue;
        const uint8_t class = tod_class_at(&v->contexts, k, y, x);
        if (class >= TOD_N_FINE_CLASSES)
            continue;
        const float before = point_of(code, v->centroids), curvature = energy / inverse[j];
        const float value = before - slopes[j] * inverse[j] * step;
        float slope = 0.0f;
        if (code && v->sweep->context_gain > 0.0f)
            slope = v->sweep->context_gain * v->sweep->rd_weight *
                    tod_context_slope(&d->pyramid, &d->prices, n_maps, v->depth, v->orientation, y, x, k);
        const int32_t chosen = cheapest(value, curvature, v->costs[class], slope, v->centroids);
        if (chosen)
            note_excess(v->sweep->excess, v->sweep->weights, chosen, value, curvature);
        if (chosen == code)
            continue;
        const float change = point_of(chosen, v->centroids) - before;
        codes[k] = chosen;
        v->sweep->n_changed++;
        if (!any)
            memset(push, 0, d->lanes * sizeof *push);
        any = 1;
        v->kernels->add_scaled(change * scale, region->push + (size_t)k * d->lanes, d->lanes, push);
        v->kernels->add_scaled(change / step, region->coupling[parity] + j * d->half, d->half, slopes);
    }
    if (!any)
        return;
    TodReach reach;
    tod_reach_of(spread, taps, &reach);
    v->kernels->scatter(push, d->lanes, &reach.weight[0][0], TOD_REACH, reach.height, reach.width,
                        tod_image_at(image, reach.y, reach.x), tod_image_row(image));
    if (v->depth)
        v->kernels->scatter(push, d->lanes, &taps->weight[0][0], TOD_TAP_SIDE, taps->height, taps->width,
                            tod_image_at(&d->changes[v->depth], taps->y, taps->x),
                            tod_image_row(&d->changes[v->depth]));
}

static void visit_band(Visit *v, const uint8_t *mean_codes)
{
    TodDescent *d = v->d;
    const TodSpread *spread = &d->spreads.levels[v->depth];
    const TodSize size = d->pyramid.levels[v->depth].bands[v->orientation];
    const uint8_t *sites = d->pyramid.levels[v->depth].sites[v->orientation];
    tod_contexts_band(&v->contexts, v->orientation, mean_codes);
    for (int phase = 0; phase < TOD_N_PHASES; phase++) {
        if (phase)
            tod_contexts_after_first(&v->contexts);
        tod_contexts_classes(&v->contexts, phase);
        for (int32_t y = 0; y < size.height; y++)
            for (int32_t x = 0; x < size.width; x++) {
                if (!sites[(size_t)y * (size_t)size.width + (size_t)x])
                    continue;
                TodTaps taps;
                tod_taps_of(spread, v->orientation, y, x, &taps);
                visit_site(v, phase, y, x, &taps);
            }
        tod_put_phase(&v->contexts, phase, d->codes.details[v->depth][v->orientation]);
    }
    tod_contexts_end_band(&v->contexts);
}

/* Low codes are rounded plainly. */
static void visit_low(Visit *v)
{
    TodDescent *d = v->d;
    const int32_t depth = d->pyramid.n_levels, n_maps = d->codes.n_maps;
    TodImage *image = &d->slopes[depth], *changes = &d->changes[depth];
    for (int32_t y = 0; y < image->height; y++)
        for (int32_t x = 0; x < image->width; x++) {
            const size_t place = (size_t)y * (size_t)image->width + (size_t)x;
            if (!d->pyramid.low_sites[place])
                continue;
            const float *stencil = d->spreads.low_stencil + place * TOD_STENCIL;
            const float scale = d->pyramid.low_scale[place], spread = stencil[TOD_STENCIL / 2];
            float *at = tod_image_at(image, y, x), *push = d->buffers;
            int any = 0;
            for (int32_t k = 0; k < n_maps; k++) {
                int32_t *code = d->codes.low + place * (size_t)n_maps + k;
                const float *row = d->metric + (size_t)k * d->lanes;
                const float curvature = row[k] > LEAST_CURVATURE ? row[k] : LEAST_CURVATURE;
                const float change = rintf((float)*code - at[k] / (scale * spread * curvature)) - (float)*code;
                if (change == 0.0f || !(fabsf((float)*code + change) < 1e9f))
                    continue;
                *code += (int32_t)change;
                if (!any)
                    memset(push, 0, d->lanes * sizeof *push);
                any = 1;
                v->kernels->add_scaled(change * scale, row, d->lanes, push);
                v->kernels->add_scaled(change * scale * spread, row, d->lanes, at);
            }
            if (!any)
                continue;
            float around[TOD_STENCIL];
            memcpy(around, stencil, sizeof around);
            around[TOD_STENCIL / 2] = 0.0f; /* done above */
            v->kernels->scatter(push, d->lanes, around, 3, 3, 3, tod_image_at(image, y - 1, x - 1),
                                tod_image_row(image));
            v->kernels->add_rows(push, d->lanes, tod_image_at(changes, y, x));
        }
}

/* What was changed at coarser levels reaches the slopes of this one. */
static void descend(TodDescent *d, int32_t depth)
{
    const TodSpread *spread = &d->spreads.levels[depth];
    if (depth == 0) {
        tod_prolong(spread, &d->changes[1], &d->slopes[0]);
        return;
    }
    tod_clear_image(&d->changes[depth]);
    tod_prolong(spread, &d->changes[depth + 1], &d->changes[depth]);
    tod_add_metric(spread, &d->changes[depth], &d->slopes[depth]);
}

TodStatus tod_descent_sweep(TodDescent *d, const float centroids[2], TodSweep *sweep)
{
    const int32_t n_levels = d->pyramid.n_levels;
    if (!d->is_prepared)
        return TOD_BAD_ARGUMENT;
    if (!d->has_classes) {
        int64_t counts[TOD_N_FINE_CLASSES][TOD_N_COSTS];
        const TodStatus counted = tod_descent_count(d, counts);
        if (counted != TOD_OK)
            return counted;
    }
    d->has_classes = 0;
    Visit *v = tod_arena_zeros(&d->scratch, 1, sizeof *v);
    uint8_t *mean_codes = tod_arena_take(&d->scratch, (size_t)d->codes.n_maps, 1);
    if (!v || !mean_codes || tod_take_prices(&d->prices, &d->pyramid, d->codes.n_maps, &d->scratch) != TOD_OK)
        return TOD_NO_MEMORY;
    *v = (Visit){.d = d, .sweep = sweep, .centroids = {centroids[0], centroids[1]}, .kernels = tod_encode_kernels()};
    for (int c = 0; c < TOD_N_FINE_CLASSES; c++)
        for (int m = 0; m < TOD_N_COSTS; m++)
            v->costs[c][m] = sweep->bits[c][m] * sweep->rd_weight;
    tod_find_prices(&d->pyramid, &d->codes, &d->classes, sweep->bits, sweep->energy_floor, &d->prices);
    for (int32_t depth = 0; depth < n_levels; depth++)
        tod_restrict(&d->spreads.levels[depth], &d->slopes[depth], &d->slopes[depth + 1]);
    tod_clear_image(&d->changes[n_levels]);
    visit_low(v);
    TodStatus status = tod_contexts_open(&v->contexts, &d->pyramid, d->codes.n_maps, &d->scratch);
    for (int32_t depth = n_levels - 1; depth >= 0 && status == TOD_OK; depth--) {
        const TodLevel *level = &d->pyramid.levels[depth];
        descend(d, depth);
        status = tod_contexts_level(&v->contexts, level, depth, &d->scratch);
        v->depth = depth;
        for (int o = 0; o < TOD_N_ORIENTATIONS && status == TOD_OK; o++) {
            const TodSize size = level->bands[o];
            if (size.height == 0 || size.width == 0)
                continue;
            v->orientation = o;
            tod_mean_codes(d->codes.details[depth][o], size, d->codes.n_maps, count_sites(level->sites[o], size),
                           mean_codes);
            visit_band(v, mean_codes);
        }
    }
    tod_arena_close(&d->scratch);
    return status;
}
