/* Replay cases that tests/native/vectors.py wrote: decode tiles and frames, compare CRC-32s of the results.

   replay FILE            decode every case and check it
   replay FILE bench N    the first case N times; CPU time of the fastest in milliseconds

   Where IS_PLAIN is 2, coefficients are plain bits of `raw`, from the first one on.
   A case: 14 int32, 7 doubles, then blobs (u32 length, bytes): valid, exponents, blocks, codes of rotations, model,
   symbols, lengths, raw, hours, gap modes, basis codes, times, expected CRC-32s: of the maps, then by time of each
   format asked for. All little-endian. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "frame.h"
#include "plain_bits.h"
#include "tile.h"

enum {
    HEIGHT,
    WIDTH,
    N_MAPS,
    N_LEVELS,
    PRECISION,
    IS_WIDE,
    IS_PLAIN,
    N_REGIONS,
    SMOOTH,
    CURVE,
    STATUS,
    N_HOURS,
    FORMATS,
    DILATES,
    N_NUMBERS = 14
};
enum { Q_STEP, CENTROID_1, CENTROID_2, BOUND, ALONG_X, ALONG_Y, HIGHEST, N_DOUBLES };
enum {
    VALID,
    EXPONENTS,
    BLOCKS,
    ROTATIONS,
    MODEL,
    SYMBOLS,
    LENGTHS,
    RAW,
    HOURS,
    MODES,
    BASIS,
    TIMES,
    EXPECTED,
    N_BLOBS
};

typedef struct Blob {
    void *data;
    size_t n;
} Blob;

typedef struct Case {
    int32_t numbers[N_NUMBERS];
    double doubles[N_DOUBLES];
    Blob blobs[N_BLOBS];
} Case;

static void die(const char *why)
{
    fprintf(stderr, "replay: %s\n", why);
    exit(1);
}

static void *take(size_t n)
{
    void *memory = malloc(n ? n : 1);
    if (!memory)
        die("no memory");
    return memory;
}

static int read_case(FILE *file, Case *item)
{
    if (fread(item->numbers, sizeof item->numbers, 1, file) != 1)
        return 0;
    if (fread(item->doubles, sizeof item->doubles, 1, file) != 1)
        die("the file is cut short");
    for (int i = 0; i < N_BLOBS; i++) {
        uint32_t n;
        if (fread(&n, sizeof n, 1, file) != 1)
            die("the file is cut short");
        item->blobs[i].n = n;
        item->blobs[i].data = take(n);
        if (n && fread(item->blobs[i].data, n, 1, file) != 1)
            die("the file is cut short");
    }
    return 1;
}

static void free_case(Case *item)
{
    for (int i = 0; i < N_BLOBS; i++)
        free(item->blobs[i].data);
}

static uint32_t crc32_of(const void *data, size_t n)
{
    uint32_t crc = 0xFFFFFFFFu;
    for (size_t i = 0; i < n; i++) {
        crc ^= ((const uint8_t *)data)[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
    }
    return ~crc;
}

static TodStatus read_plain(void *bits, const TodBandsSpec *spec, const TodPyramid *pyramid, TodArena *keep,
                            TodArena *scratch, TodBands *bands)
{
    return tod_read_plain_bands(bits, spec, pyramid, keep, scratch, bands);
}

static TodStatus decode(const Case *item, TodTile **tile)
{
    const int32_t *n = item->numbers;
    const double *d = item->doubles;
    const Blob *b = item->blobs;
    float *rotations = NULL;
    TodStatus status = TOD_OK;
    TodTileSpec spec = {.height = n[HEIGHT],
                        .width = n[WIDTH],
                        .valid = b[VALID].data,
                        .valid_stride = (size_t)n[WIDTH],
                        .n_maps = n[N_MAPS],
                        .n_levels = n[N_LEVELS],
                        .q_step = d[Q_STEP],
                        .centroids = {(float)d[CENTROID_1], (float)d[CENTROID_2]},
                        .precision = n[PRECISION],
                        .exponents = b[EXPONENTS].data,
                        .dilates = n[DILATES],
                        .smoothing = {n[SMOOTH], (float)d[BOUND], (float)d[ALONG_X], (float)d[ALONG_Y]}};
    const TodStream stream = {n[IS_WIDE],   n[IS_PLAIN],     b[MODEL].data,    b[MODEL].n,  b[SYMBOLS].data,
                              b[SYMBOLS].n, b[LENGTHS].data, b[LENGTHS].n / 4, b[RAW].data, b[RAW].n};
    if (n[N_REGIONS] > 1) {
        TodArena scratch;
        tod_arena_open(&scratch, tod_default_allocator(), 1 << 12);
        rotations =
            take((size_t)n[N_REGIONS] * (size_t)n[N_MAPS] * (size_t)tod_lanes_of(n[N_MAPS]) * sizeof *rotations);
        status = tod_rotations_of_codes(b[ROTATIONS].data, n[N_REGIONS], n[N_MAPS], &scratch, rotations);
        tod_arena_close(&scratch);
        spec.regions =
            (TodRegions){n[N_REGIONS], rotations, b[BLOCKS].data, (n[HEIGHT] + 15) / 16, (n[WIDTH] + 15) / 16};
    }
    const TodTileMemory memory = {tod_default_allocator(), tod_scratch_allocator()};
    TodRawBits bits = {stream.raw, 0, 8 * (uint64_t)stream.raw_bytes};
    if (status == TOD_OK && n[IS_PLAIN] == 2)
        status = tod_tile_decode_from(&spec, (TodBandsSource){read_plain, &bits}, memory, tile);
    else if (status == TOD_OK)
        status = tod_tile_decode(&spec, &stream, memory, tile);
    free(rotations);
    return status;
}

static int check_maps(const Case *item, const TodTile *tile, uint32_t expected)
{
    const int32_t *n = item->numbers;
    const size_t width = (size_t)n[WIDTH], area = (size_t)n[HEIGHT] * width, items = (size_t)n[N_MAPS] * area;
    float *maps = take(items * sizeof *maps);
    tod_latents(tod_tile_maps(tile), item->blobs[EXPONENTS].data, n[PRECISION], maps, width, area);
    const uint32_t found = crc32_of(maps, items * sizeof *maps);
    free(maps);
    return found == expected;
}

static int check_frames(const Case *item, const TodTile *tile, const uint32_t *expected)
{
    const int32_t *n = item->numbers;
    const Blob *b = item->blobs;
    const size_t n_times = b[TIMES].n / sizeof(double);
    const TodBasisSpec spec = {n[N_MAPS],     n[N_HOURS],        b[HOURS].data, b[MODES].data,
                               b[BASIS].data, b[EXPONENTS].data, n[PRECISION]};
    TodBasis *basis;
    TodAffine *affine = take(tod_affine_bytes(n[N_MAPS]));
    if (tod_basis_open(&spec, tod_default_allocator(), &basis) != TOD_OK)
        die("the basis does not open");
    int same = 1;
    for (size_t t = 0; t < n_times; t++) {
        if (tod_basis_at(basis, ((const double *)b[TIMES].data)[t], affine) != TOD_OK)
            die("no matrix at a time");
        for (int format = 0; format < TOD_N_FORMATS; format++) {
            if (!(n[FORMATS] >> format & 1))
                continue;
            const TodOutput output = {(TodFormat)format, (TodCurve)n[CURVE], 0.0f, (float)item->doubles[HIGHEST]};
            const size_t stride = (size_t)n[WIDTH] * tod_pixel_bytes(output.format);
            uint8_t *pixels = take(stride * (size_t)n[HEIGHT]);
            const TodRegion region = {0, n[HEIGHT], 0, n[WIDTH]};
            if (tod_frame(tod_tile_maps(tile), affine, &output, region, pixels, stride) != TOD_OK)
                die("no frame");
            same &= crc32_of(pixels, stride * (size_t)n[HEIGHT]) == *expected++;
            free(pixels);
        }
    }
    free(affine);
    tod_basis_free(basis);
    return same;
}

static int check(const Case *item, int number)
{
    const uint32_t *expected = item->blobs[EXPECTED].data;
    TodTile *tile = NULL;
    const TodStatus status = decode(item, &tile);
    if ((status < TOD_INEXACT ? 1 : status) != item->numbers[STATUS]) {
        fprintf(stderr, "replay: case %d: expected status %d, found %d (%s)\n", number, item->numbers[STATUS], status,
                tod_status_text(status));
        return 0;
    }
    if (status != TOD_OK)
        return 1;
    const int maps = check_maps(item, tile, expected[0]), frames = check_frames(item, tile, expected + 1);
    if (!maps || !frames)
        fprintf(stderr, "replay: case %d: other %s than expected\n", number, maps ? "frames" : "maps");
    tod_tile_free(tile);
    return maps && frames;
}

static void bench(const Case *item, int times)
{
    double least = 1e30;
    for (int i = 0; i < times; i++) {
        TodTile *tile = NULL;
        struct timespec before, after;
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
        if (decode(item, &tile) != TOD_OK)
            die("the case does not decode");
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
        const double ms =
            1e3 * (double)(after.tv_sec - before.tv_sec) + 1e-6 * (double)(after.tv_nsec - before.tv_nsec);
        least = ms < least ? ms : least;
        tod_tile_free(tile);
    }
    printf("%s: %.2f ms\n", tod_kernels()->name, least);
}

int main(int argc, char **argv)
{
    FILE *file = argc > 1 ? fopen(argv[1], "rb") : NULL;
    if (!file)
        die("expected a file of cases");
    Case item;
    int number = 0, wrong = 0;
    while (read_case(file, &item)) {
        if (argc > 3)
            bench(&item, atoi(argv[3]));
        else
            wrong += !check(&item, number);
        free_case(&item);
        number++;
    }
    fclose(file);
    if (argc <= 3)
        printf("%s: %d cases, %d wrong\n", tod_kernels()->name, number, wrong);
    return wrong != 0;
}
