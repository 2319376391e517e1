/* A whole archive: open it, decode a region, a texel and prepared maps of its lightmaps, within the promised memory.

   Built with FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION, which does not compare checksums. The mutator changes the text
   of the metadata or the bytes of the sections, and mends the header. */
#include <string.h>
#include <zstd.h>

#include "account.h"

#define MIB ((size_t)1 << 20)
#define SIDE 256
#define HEADER_BYTES 32
#define MAX_TEXT 65536

size_t LLVMFuzzerMutate(uint8_t *data, size_t n, size_t most);

static float pixels[SIDE * SIDE * 3];

static void decode(const TodArchive *archive, int32_t index, int prepares)
{
    const TodLightmapInfo *info = tod_lightmap(archive, index);
    const TodRegion region = {0, info->height < SIDE ? info->height : SIDE, 0, info->width < SIDE ? info->width : SIDE};
    const size_t n_texels = (size_t)region.y1 * (size_t)region.x1;
    const TodTarget target = {pixels, 0, n_texels * 12, TOD_RGB32F};
    const TodTarget small = {pixels, 0, n_texels * 4, TOD_RGB9E5};
    const double times[] = {5.25, 23.9999999};
    const TodTarget targets[] = {target, small};
    TodError error;
    float rgb[3];
    check(strlen(info->name) > 0, "a lightmap has a name");
    check(tod_find_lightmap(archive, info->name) == index, "names are unique");
    const TodStatus status = tod_decode(archive, index, 0.0, &region, &target, &error);
    check(status == error.status && strlen(error.text) < TOD_ERROR_BYTES, "errors have their status and a line");
    check(status == TOD_OK ? error.text[0] == 0 : error.text[0] != 0, "a line where there is an error");
    if (status != TOD_OK)
        return;
    for (size_t i = 0; i < 3 * n_texels; i++)
        check(pixels[i] >= 0.0f, "values are not negative");
    const float last[3] = {pixels[3 * n_texels - 3], pixels[3 * n_texels - 2], pixels[3 * n_texels - 1]};
    check(tod_texel(archive, index, 0.0, region.y1 - 1, region.x1 - 1, rgb, NULL) == TOD_OK &&
              memcmp(rgb, last, sizeof rgb) == 0,
          "a texel is the frame's");
    tod_decode_times(archive, index, times, 2, &region, targets, &error);
    if (prepares && tod_prepare(archive, index, &region, NULL) == TOD_OK) {
        check(tod_texel(archive, index, 0.0, region.y1 - 1, region.x1 - 1, rgb, NULL) == TOD_OK &&
                  memcmp(rgb, last, sizeof rgb) == 0,
              "prepared maps give the same");
    }
}

static void use(const uint8_t *data, size_t n, TodGutters gutters, int prepares)
{
    Account held = {0, 0};
    TodArchive *archive;
    TodOptions options;
    TodError error;
    tod_default_options(&options);
    options.gutters = gutters;
    options.held = options.scratch = allocator_of(&held); /* one account for both */
    const TodStatus status = tod_open(data, n, &options, &archive, &error);
    check((status == TOD_OK) == (archive != NULL), "an archive where there is no error");
    for (int32_t i = 0; archive && i < 2 && tod_lightmap(archive, i); i++)
        decode(archive, i, prepares);
    tod_close(&archive);
    check(held.now == 0, "all memory is given back");
    check(prepares || held.peak <= 64 * MIB + 200 * n, "at most 64 MiB + 200 n bytes");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const TodGutters gutters = (TodGutters)(n % 3);
    use(data, n, gutters, n % 4 == 0);
    return 0;
}

static uint32_t u32_at(const uint8_t *data)
{
    return data[0] | (uint32_t)data[1] << 8 | (uint32_t)data[2] << 16 | (uint32_t)data[3] << 24;
}

static void put_u32(uint8_t *data, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        data[i] = (uint8_t)(value >> 8 * i);
}

/* Metadata text changed and compressed again. */
static size_t mutate_text(uint8_t *data, size_t n, size_t most)
{
    static uint8_t text[MAX_TEXT], frame[MAX_TEXT];
    const size_t stored = u32_at(data + 12);
    const size_t n_text = ZSTD_decompress(text, sizeof text, data + HEADER_BYTES, stored);
    if (ZSTD_isError(n_text))
        return LLVMFuzzerMutate(data, n, most);
    const size_t n_new = LLVMFuzzerMutate(text, n_text, sizeof text);
    const size_t n_frame = ZSTD_compress(frame, sizeof frame, text, n_new, 1);
    const size_t n_rest = n - HEADER_BYTES - stored;
    if (ZSTD_isError(n_frame) || HEADER_BYTES + n_frame + n_rest > most)
        return n;
    memmove(data + HEADER_BYTES + n_frame, data + HEADER_BYTES + stored, n_rest);
    memcpy(data + HEADER_BYTES, frame, n_frame);
    put_u32(data + 12, (uint32_t)n_frame);
    put_u32(data + 16, (uint32_t)n_new);
    n = HEADER_BYTES + n_frame + n_rest;
    put_u32(data + 20, (uint32_t)n);
    return n;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t n, size_t most, unsigned seed)
{
    if (n < HEADER_BYTES || HEADER_BYTES + (uint64_t)u32_at(data + 12) >= n)
        return LLVMFuzzerMutate(data, n, most);
    uint8_t *sections = data + HEADER_BYTES + u32_at(data + 12);
    const size_t n_sections = n - (size_t)(sections - data);
    if (seed % 8 == 0)
        return LLVMFuzzerMutate(data, n, most);
    if (seed % 8 < 4)
        return mutate_text(data, n, most);
    LLVMFuzzerMutate(sections, n_sections, n_sections); /* which keep their size */
    return n;
}
