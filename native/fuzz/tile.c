/* A tile: five bytes of what the metadata says of it, then its coefficient stream; decoded whole, then a frame. */
#include <math.h>
#include <string.h>

#include "../archive/stream.h"
#include "account.h"
#include "frame.h"
#include "tile.h"

#define MAX_SIDE 40
#define MAX_MAPS 12

static void draw(const TodTile *tile, const TodTileSpec *spec, int curve)
{
    static uint8_t affine_memory[sizeof(TodAffine) + 3 * 2 * MAX_MAPS * sizeof(int32_t)];
    static float pixels[3 * MAX_SIDE * MAX_SIDE];
    TodAffine *affine = (TodAffine *)(void *)affine_memory;
    const TodOutput output = {TOD_RGB32F, (TodCurve)curve, 0.5f, curve ? INFINITY : 255.0f};
    const TodRegion region = {0, spec->height, 0, spec->width};
    memset(affine_memory, 0, sizeof affine_memory);
    affine->n_maps = spec->n_maps;
    affine->unit = 10;
    affine->is_narrow = 1;
    const int32_t n_pairs = (spec->n_maps + 1) / 2;
    for (int32_t i = 0; i < 3 * spec->n_maps; i++)
        affine->matrix[i] = 7 * i - 50;
    for (int32_t c = 0; c < 3; c++)
        for (int32_t k = 0; k < spec->n_maps; k++)
            affine->matrix[3 * spec->n_maps + c * n_pairs + k / 2] |=
                (int32_t)((uint32_t)(affine->matrix[c * spec->n_maps + k] & 0xFFFF) << (k % 2 ? 16 : 0));
    const TodStatus status = tod_frame(tod_tile_maps(tile), affine, &output, region, pixels, 12 * (size_t)spec->width);
    check(status == TOD_OK || status == TOD_INEXACT, "a decoded tile gives a frame");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const uint8_t BLOCKS[16] = {0, 1, 1, 0, 1, 0, 0, 1, 1};
    static float rotations[2 * MAX_MAPS * 2 * TOD_LANES];
    uint8_t valid[MAX_SIDE * MAX_SIDE];
    int32_t exponents[MAX_MAPS];
    Account account = {0, 0};
    TodTileSpec spec;
    TodStream stream;
    TodArena scratch;
    TodTile *tile = NULL;
    if (n < 5)
        return 0;
    memset(&spec, 0, sizeof spec);
    spec.height = data[0] % MAX_SIDE + 1;
    spec.width = data[1] % MAX_SIDE + 1;
    spec.n_maps = data[2] % MAX_MAPS + 1;
    spec.n_levels = data[3] % 5 + 1;
    spec.q_step = 2.5;
    spec.centroids[0] = 0.03125f;
    spec.precision = 8;
    spec.exponents = exponents;
    spec.valid = valid;
    spec.valid_stride = (size_t)spec.width;
    spec.dilates = data[4] & 1;
    spec.smoothing = (TodSmoothing){data[4] >> 1 & 1, 1.5f, 0.25f, 0.125f};
    spec.regions = (TodRegions){1, NULL, NULL, (spec.height + 15) / 16, (spec.width + 15) / 16};
    uint64_t n_valid = 0;
    for (int32_t y = 0; y < spec.height; y++)
        for (int32_t x = 0; x < spec.width; x++)
            n_valid += valid[y * spec.width + x] = data[4] & 4 ? (3 * y + 5 * x) % 11 != 0 : 1;
    for (int32_t k = 0; k < spec.n_maps; k++)
        exponents[k] = -(k % 5);
    tod_arena_open(&scratch, allocator_of(&account), 1 << 12);
    if (data[4] & 8 && spec.n_maps > 1) {
        int64_t codes[2 * MAX_MAPS * MAX_MAPS];
        for (int i = 0; i < 2 * MAX_MAPS * MAX_MAPS; i++)
            codes[i] = i % 13 - 6;
        if (tod_rotations_of_codes(codes, 2, spec.n_maps, &scratch, rotations) == TOD_OK) {
            spec.regions.n_regions = 2;
            spec.regions.rotations = rotations;
            spec.regions.blocks = BLOCKS;
        }
    }
    const TodTileMemory memory = {allocator_of(&account), allocator_of(&account)};
    const TodBytes bytes = {data + 5, n - 5};
    TodStatus status =
        tod_split_stream(bytes, spec.n_maps, spec.n_levels, n_valid * (uint64_t)spec.n_maps, &scratch, &stream);
    if (status == TOD_OK)
        status = tod_tile_decode(&spec, &stream, memory, &tile);
    check((status == TOD_OK) == (tile != NULL), "a tile where there is no error");
    if (tile) {
        draw(tile, &spec, data[4] >> 4 & 1);
        tod_tile_free(tile);
    }
    tod_arena_close(&scratch);
    check(account.now == 0, "all memory is given back");
    return 0;
}
