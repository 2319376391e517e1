#include "frame.h"

#include <math.h>
#include <string.h>

#include "kernels.h"

#define CHUNK_TEXELS (TOD_CHUNK_BLOCKS * TOD_BLOCK_TEXELS)
#define MAX_PIXEL_BYTES 12

/* Pixels of a range of blocks, made when one of them is asked for. */
typedef struct Chunk {
    const TodKernels *kernels;
    TodProduct product;
    void (*multiply)(const TodProduct *product, size_t first, size_t n, int32_t *sums);
    const TodOutput *output;
    float scale;
    size_t pixel_bytes;
    int32_t first, end; /* texels whose pixels are there */
    uint8_t pixels[CHUNK_TEXELS * MAX_PIXEL_BYTES + 4];
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

/* Texels first .. first + n - 1 into a row; texels below `end` will be wanted next. */
static void copy_run(Chunk *chunk, int32_t first, int32_t n, int32_t end, uint8_t *out)
{
    while (n > 0) {
        if (first < chunk->first || first >= chunk->end)
            fill_chunk(chunk, first, end);
        const int32_t held = chunk->end - first, count = held < n ? held : n;
        const size_t n_bytes = (size_t)count * chunk->pixel_bytes;
        memcpy(out, chunk->pixels + (size_t)(first - chunk->first) * chunk->pixel_bytes, n_bytes);
        out += n_bytes;
        first += count;
        n -= count;
    }
}

/* The pixel of one valid texel. */
static void copy_texel(Chunk *chunk, const TodRuns *runs, int32_t y, int32_t x, uint8_t *out)
{
    const int32_t texel = tod_rank_at(runs, y, x);
    copy_run(chunk, texel, 1, texel + 1, out);
}

/* n times the same pixel. */
static void fill_pixels(uint8_t *out, int32_t n, const uint8_t *pixel, size_t pixel_bytes)
{
    const size_t n_bytes = (size_t)n * pixel_bytes;
    if (n <= 0)
        return;
    memcpy(out, pixel, pixel_bytes);
    for (size_t done = pixel_bytes; done < n_bytes; done *= 2) /* what is there is doubled */
        memcpy(out + done, out, done < n_bytes - done ? done : n_bytes - done);
}

static void copy_row(Chunk *chunk, const TodRuns *runs, TodRegion region, int32_t y, const uint8_t *blank, uint8_t *out)
{
    const int is_whole = region.x0 == 0 && region.x1 == runs->width;
    const size_t n_bytes = chunk->pixel_bytes;
    int32_t x = region.x0;
    for (int32_t i = runs->row[y]; i < runs->row[y + 1] && runs->start[i] < region.x1; i++) {
        const int32_t start = runs->start[i] > x ? runs->start[i] : x;
        const int32_t end = runs->end[i] < region.x1 ? runs->end[i] : region.x1;
        if (end <= start)
            continue;
        const int32_t first = runs->rank[i] + (start - runs->start[i]);
        const int32_t last_row = runs->row[region.y1];
        const int32_t wanted = !is_whole                 ? first + (end - start)
                               : last_row < runs->n_runs ? runs->rank[last_row]
                                                         : runs->n_texels;
        fill_pixels(out + (size_t)(x - region.x0) * n_bytes, start - x, blank, n_bytes);
        copy_run(chunk, first, end - start, wanted, out + (size_t)(start - region.x0) * n_bytes);
        x = end;
    }
    fill_pixels(out + (size_t)(x - region.x0) * n_bytes, region.x1 - x, blank, n_bytes);
}

/* A gutter's texels start .. end - 1, one by one. */
static void copy_sources(Chunk *chunk, const TodRuns *runs, TodGutterRun run, int32_t start, int32_t end, uint8_t *out)
{
    for (int32_t x = start; x < end; x++)
        copy_texel(chunk, runs, run.source_y, run.source_x + (x - run.x) * run.step,
                   out + (size_t)(x - start) * chunk->pixel_bytes);
}

/* Gutters of a row: the pixels of their sources, which mostly are in `out`, the region's first row. */
static void copy_gutter(Chunk *chunk, const TodMaps *maps, TodRegion region, int32_t y, uint8_t *out, size_t stride)
{
    const size_t n_bytes = chunk->pixel_bytes;
    uint8_t *row = out + (size_t)(y - region.y0) * stride;
    for (int32_t i = maps->gutter.row[y]; i < maps->gutter.row[y + 1]; i++) {
        const TodGutterRun run = maps->gutter.runs[i];
        const int32_t start = run.x > region.x0 ? run.x : region.x0;
        const int32_t end = run.x + run.n < region.x1 ? run.x + run.n : region.x1;
        if (end <= start)
            continue;
        const int32_t source = run.source_x + (start - run.x) * run.step, last = source + (end - 1 - start) * run.step;
        uint8_t *to = row + (size_t)(start - region.x0) * n_bytes;
        if (run.source_y < region.y0 || run.source_y >= region.y1 || source < region.x0 || last >= region.x1) {
            copy_sources(chunk, &maps->runs, run, start, end, to);
            continue;
        }
        const uint8_t *from =
            out + (size_t)(run.source_y - region.y0) * stride + (size_t)(source - region.x0) * n_bytes;
        if (run.step)
            memcpy(to, from, (size_t)(end - start) * n_bytes);
        else
            fill_pixels(to, end - start, from, n_bytes);
    }
}

/* The pixel of b(t) alone. */
static void blank_pixel(const Chunk *chunk, uint8_t *pixel)
{
    int32_t sums[3 * TOD_BLOCK_TEXELS];
    uint8_t pixels[TOD_BLOCK_TEXELS * MAX_PIXEL_BYTES + 4];
    for (int i = 0; i < 3 * TOD_BLOCK_TEXELS; i++)
        sums[i] = chunk->product.offset[i / TOD_BLOCK_TEXELS];
    chunk->kernels->pixels_of(sums, 1, chunk->output, chunk->scale, pixels);
    memcpy(pixel, pixels, chunk->pixel_bytes);
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
    uint8_t blank[MAX_PIXEL_BYTES];
    open_chunk(&chunk, maps, affine, output);
    blank_pixel(&chunk, blank);
    for (int32_t y = region.y0; y < region.y1; y++)
        copy_row(&chunk, runs, region, y, blank, (uint8_t *)out + (size_t)(y - region.y0) * stride);
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

void tod_latents(const TodMaps *maps, const int32_t *exponents, int32_t precision, float *out, size_t stride,
                 size_t map_stride)
{
    const TodRuns *runs = &maps->runs;
    for (int32_t k = 0; k < maps->n_maps; k++) {
        const float step = ldexpf(1.0f, -(precision + exponents[k]));
        for (int32_t y = 0; y < runs->height; y++) {
            float *row = out + (size_t)k * map_stride + (size_t)y * stride;
            memset(row, 0, (size_t)runs->width * sizeof *row);
            for (int32_t i = runs->row[y]; i < runs->row[y + 1]; i++)
                for (int32_t x = runs->start[i]; x < runs->end[i]; x++)
                    row[x] = (float)step_of(maps, runs->rank[i] + (x - runs->start[i]), k) * step;
        }
        for (int32_t y = 0; maps->gutter.row && y < runs->height; y++) {
            for (int32_t i = maps->gutter.row[y]; i < maps->gutter.row[y + 1]; i++) {
                const TodGutterRun run = maps->gutter.runs[i];
                float *row = out + (size_t)k * map_stride + (size_t)y * stride + run.x;
                const float *source = out + (size_t)k * map_stride + (size_t)run.source_y * stride + run.source_x;
                for (int32_t x = 0; x < run.n; x++)
                    row[x] = source[x * run.step];
            }
        }
    }
}
