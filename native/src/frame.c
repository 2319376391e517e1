#include "frame.h"

#include <math.h>
#include <string.h>

#include "kernels.h"

#define CHUNK_TEXELS (TOD_CHUNK_BLOCKS * TOD_BLOCK_TEXELS)
#define MAX_PIXEL_BYTES 12
#define WORD 32    /* bytes that are copied at a time; what goes beyond a run is written over by the next one */
#define PATTERN 96 /* bytes: whole pixels of any size, whole words */

/* Pixels of a range of blocks, made when one of them is asked for. */
typedef struct Chunk {
    const TodKernels *kernels;
    TodProduct product;
    void (*multiply)(const TodProduct *product, size_t first, size_t n, int32_t *sums);
    const TodOutput *output;
    float scale;
    size_t pixel_bytes;
    int32_t first, end; /* texels whose pixels are there */
    uint8_t pixels[CHUNK_TEXELS * MAX_PIXEL_BYTES + WORD];
    uint8_t blank[PATTERN]; /* pixels of b(t) alone */
} Chunk;

/* Whether no sum can go beyond 31 bits, whatever the order. */
static int fits(const TodMaps *maps, const TodAffine *affine)
{
    for (int c = 0; c < 3; c++) {
        const int32_t *row = affine->matrix + (size_t)c * (size_t)affine->n_maps;
        double bound = fabs((double)affine->offset[c]);
        for (int32_t k = 0; k < affine->n_maps; k++)
            bound += fabs((double)row[k]) * ((double)maps->reach[k] + 1.0);
        if (bound >= 2147483648.0)
            return 0;
    }
    return 1;
}

static void open_chunk(Chunk *chunk, const TodMaps *maps, const TodAffine *affine, const TodOutput *output)
{
    chunk->kernels = tod_kernels();
    chunk->product = (TodProduct){
        maps->steps,   maps->is_wide, maps->n_maps, affine->matrix, affine->matrix + 3 * (size_t)maps->n_maps,
        affine->offset};
    chunk->multiply =
        affine->is_narrow && !maps->is_wide ? chunk->kernels->product_narrow : chunk->kernels->product_wide;
    chunk->output = output;
    chunk->scale = ldexpf(1.0f, -affine->unit);
    chunk->pixel_bytes = tod_pixel_bytes(output->format);
    chunk->first = chunk->end = 0;
}

/* Make the pixels of the blocks from that of `texel` on, as far as texels below `end` are wanted. */
static void fill_chunk(Chunk *chunk, int32_t texel, int32_t end)
{
    int32_t sums[3 * CHUNK_TEXELS];
    const int32_t block = texel / TOD_BLOCK_TEXELS, wanted = (end - 1) / TOD_BLOCK_TEXELS + 1 - block;
    const int32_t n = wanted < TOD_CHUNK_BLOCKS ? wanted : TOD_CHUNK_BLOCKS;
    chunk->multiply(&chunk->product, (size_t)block, (size_t)n, sums);
    chunk->kernels->pixels_of(sums, (size_t)n, chunk->output, chunk->scale, chunk->pixels);
    chunk->first = block * TOD_BLOCK_TEXELS;
    chunk->end = chunk->first + n * TOD_BLOCK_TEXELS;
}

/* Copy n_bytes; there is room for `room`. */
static inline void copy_bytes(uint8_t *out, const uint8_t *from, size_t n_bytes, size_t room)
{
    if (room < n_bytes + WORD) {
        memcpy(out, from, n_bytes);
        return;
    }
    for (size_t i = 0; i < n_bytes; i += WORD)
        memcpy(out + i, from + i, WORD);
}

/* Texels first .. first + n - 1 into a row; texels below `end` will be wanted next. */
static void copy_run(Chunk *chunk, int32_t first, int32_t n, int32_t end, uint8_t *out, size_t room)
{
    while (n > 0) {
        if (first < chunk->first || first >= chunk->end)
            fill_chunk(chunk, first, end);
        const int32_t held = chunk->end - first, count = held < n ? held : n;
        const size_t n_bytes = (size_t)count * chunk->pixel_bytes;
        copy_bytes(out, chunk->pixels + (size_t)(first - chunk->first) * chunk->pixel_bytes, n_bytes, room);
        out += n_bytes;
        room -= n_bytes;
        first += count;
        n -= count;
    }
}

/* The pixel of one valid texel. */
static void copy_texel(Chunk *chunk, const TodRuns *runs, int32_t y, int32_t x, uint8_t *out)
{
    const int32_t texel = tod_rank_at(runs, y, x);
    copy_run(chunk, texel, 1, texel + 1, out, 0);
}

/* n pixels of b(t). */
static void fill_blank(const Chunk *chunk, int32_t n, uint8_t *out, size_t room)
{
    const size_t n_bytes = n > 0 ? (size_t)n * chunk->pixel_bytes : 0;
    for (size_t i = 0; i < n_bytes; i += PATTERN)
        copy_bytes(out + i, chunk->blank, n_bytes - i < PATTERN ? n_bytes - i : PATTERN, room - i);
}

static void copy_row(Chunk *chunk, const TodRuns *runs, TodRegion region, int32_t y, uint8_t *out)
{
    const int is_whole = region.x0 == 0 && region.x1 == runs->width;
    const size_t n_bytes = chunk->pixel_bytes;
    const int32_t last_row = runs->row[region.y1],
                  last = last_row < runs->n_runs ? runs->rank[last_row] : runs->n_texels;
    int32_t x = region.x0;
    size_t room = (size_t)(region.x1 - x) * n_bytes;
    for (int32_t i = runs->row[y]; i < runs->row[y + 1] && runs->start[i] < region.x1; i++) {
        const int32_t start = runs->start[i] > x ? runs->start[i] : x;
        const int32_t end = runs->end[i] < region.x1 ? runs->end[i] : region.x1;
        if (end <= start)
            continue;
        const int32_t first = runs->rank[i] + (start - runs->start[i]);
        const size_t gap = (size_t)(start - x) * n_bytes, run = (size_t)(end - start) * n_bytes;
        fill_blank(chunk, start - x, out, room);
        copy_run(chunk, first, end - start, is_whole ? last : first + (end - start), out + gap, room - gap);
        out += gap + run;
        room -= gap + run;
        x = end;
    }
    fill_blank(chunk, region.x1 - x, out, room);
}

/* Pixels of a size that the compiler knows, from where each one's source is. */
static inline void copy_sources(const TodShift *shifts, int32_t n, size_t stride, const size_t n_bytes, uint8_t *out)
{
    for (int32_t i = 0; i < n; i++, out += n_bytes)
        memcpy(out, out + shifts[i].rows * (ptrdiff_t)stride + shifts[i].columns * (ptrdiff_t)n_bytes, n_bytes);
}

static void copy_sources_of(const TodShift *shifts, int32_t n, size_t stride, size_t n_bytes, uint8_t *out)
{
    switch (n_bytes) {
    case 3: copy_sources(shifts, n, stride, 3, out); break;
    case 4: copy_sources(shifts, n, stride, 4, out); break;
    case 12: copy_sources(shifts, n, stride, 12, out); break;
    default: copy_sources(shifts, n, stride, n_bytes, out);
    }
}

/* The same where sources may lie beyond the region, whose first pixel is at `out`. */
static void make_sources(Chunk *chunk, const TodRuns *runs, TodRegion region, int32_t y, int32_t x,
                         const TodShift *shifts, int32_t n, uint8_t *out, size_t stride)
{
    const size_t n_bytes = chunk->pixel_bytes;
    for (int32_t i = 0; i < n; i++) {
        const int32_t from_y = y + shifts[i].rows, from_x = x + i + shifts[i].columns;
        uint8_t *to = out + (size_t)(y - region.y0) * stride + (size_t)(x + i - region.x0) * n_bytes;
        if (from_y < region.y0 || from_y >= region.y1 || from_x < region.x0 || from_x >= region.x1)
            copy_texel(chunk, runs, from_y, from_x, to);
        else
            copy_sources_of(shifts + i, 1, stride, n_bytes, to);
    }
}

/* Gutters of a row: the pixels of their sources, which mostly are in `out`, the region's first row. */
static void copy_gutter(Chunk *chunk, const TodMaps *maps, TodRegion region, int32_t y, uint8_t *out, size_t stride)
{
    const int32_t reach = TOD_GUTTER_REACH;
    const int is_inside = (region.y0 == 0 || y - reach >= region.y0) &&
                          (region.y1 == maps->runs.height || y + reach < region.y1) && region.x0 == 0 &&
                          region.x1 == maps->runs.width;
    const TodGutter *gutter = &maps->gutter;
    for (int32_t i = gutter->row[y]; i < gutter->row[y + 1]; i++) {
        const TodGutterRun run = gutter->runs[i];
        const int32_t start = run.x > region.x0 ? run.x : region.x0;
        const int32_t end = run.x + run.n < region.x1 ? run.x + run.n : region.x1;
        const TodShift *shifts = gutter->shifts + run.first + (start - run.x);
        if (is_inside)
            copy_sources_of(shifts, end - start, stride, chunk->pixel_bytes,
                            out + (size_t)(y - region.y0) * stride + (size_t)start * chunk->pixel_bytes);
        else if (start < end)
            make_sources(chunk, &maps->runs, region, y, start, shifts, end - start, out, stride);
    }
}

static void make_blank(Chunk *chunk)
{
    int32_t sums[3 * TOD_BLOCK_TEXELS];
    uint8_t pixels[TOD_BLOCK_TEXELS * MAX_PIXEL_BYTES + 4];
    for (int i = 0; i < 3 * TOD_BLOCK_TEXELS; i++)
        sums[i] = chunk->product.offset[i / TOD_BLOCK_TEXELS];
    chunk->kernels->pixels_of(sums, 1, chunk->output, chunk->scale, pixels);
    for (size_t i = 0; i < PATTERN; i += chunk->pixel_bytes)
        memcpy(chunk->blank + i, pixels, chunk->pixel_bytes);
}

TodStatus tod_frame(const TodMaps *maps, const TodAffine *affine, const TodOutput *output, TodRegion region, void *out,
                    size_t stride)
{
    const TodRuns *runs = &maps->runs;
    if (region.y0 < 0 || region.y0 >= region.y1 || region.y1 > runs->height || region.x0 < 0 ||
        region.x0 >= region.x1 || region.x1 > runs->width || affine->n_maps != maps->n_maps)
        return TOD_BAD_ARGUMENT;
    if (!fits(maps, affine))
        return TOD_INEXACT;
    Chunk chunk;
    open_chunk(&chunk, maps, affine, output);
    make_blank(&chunk);
    for (int32_t y = region.y0; y < region.y1; y++)
        copy_row(&chunk, runs, region, y, (uint8_t *)out + (size_t)(y - region.y0) * stride);
    for (int32_t y = region.y0; maps->gutter.row && y < region.y1; y++)
        copy_gutter(&chunk, maps, region, y, out, stride);
    return TOD_OK;
}

/* Map k of a texel. */
static int32_t step_of(const TodMaps *maps, int32_t texel, int32_t k)
{
    const size_t block = (size_t)(texel / TOD_BLOCK_TEXELS), place = (size_t)(texel % TOD_BLOCK_TEXELS);
    if (maps->is_wide)
        return ((const int32_t *)maps->steps)[(block * (size_t)maps->n_maps + (size_t)k) * TOD_BLOCK_TEXELS + place];
    const size_t n_pairs = ((size_t)maps->n_maps + 1) / 2, pair = block * n_pairs + (size_t)k / 2;
    return ((const int16_t *)maps->steps)[(pair * TOD_BLOCK_TEXELS + place) * 2 + (size_t)k % 2];
}

void tod_latent(const TodMaps *maps, int32_t k, const int32_t *exponents, int32_t precision, float *out, size_t stride)
{
    const TodRuns *runs = &maps->runs;
    const float step = ldexpf(1.0f, -(precision + exponents[k]));
    for (int32_t y = 0; y < runs->height; y++) {
        float *row = out + (size_t)y * stride;
        memset(row, 0, (size_t)runs->width * sizeof *row);
        for (int32_t i = runs->row[y]; i < runs->row[y + 1]; i++)
            for (int32_t x = runs->start[i]; x < runs->end[i]; x++)
                row[x] = (float)step_of(maps, runs->rank[i] + (x - runs->start[i]), k) * step;
    }
    for (int32_t y = 0; maps->gutter.row && y < runs->height; y++) {
        for (int32_t i = maps->gutter.row[y]; i < maps->gutter.row[y + 1]; i++) {
            const TodGutterRun run = maps->gutter.runs[i];
            const TodShift *shifts = maps->gutter.shifts + run.first;
            float *row = out + (size_t)y * stride + run.x;
            for (ptrdiff_t x = 0; x < run.n; x++)
                row[x] = row[x + shifts[x].rows * (ptrdiff_t)stride + shifts[x].columns];
        }
    }
}

void tod_latents(const TodMaps *maps, const int32_t *exponents, int32_t precision, float *out, size_t stride,
                 size_t map_stride)
{
    for (int32_t k = 0; k < maps->n_maps; k++)
        tod_latent(maps, k, exponents, precision, out + (size_t)k * map_stride, stride);
}
