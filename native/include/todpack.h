/* libtodpack: read .tod archives, and decode any part of any of their lightmaps at any time of the day.

       TodArchive *archive;
       TodError error;
       if (tod_open(data, n_bytes, NULL, &archive, &error) != TOD_OK)
           return fail(error.text);
       const TodLightmapInfo *info = tod_lightmap(archive, 0);
       uint8_t *pixels = malloc(3 * (size_t)info->width * (size_t)info->height);
       TodTarget target = {pixels, 0, 3 * (size_t)info->width * (size_t)info->height, TOD_RGB8};
       if (tod_decode(archive, 0, 17.5, NULL, &target, &error) != TOD_OK)
           return fail(error.text);
       tod_close(&archive);

   It reads the family daybasis, the default of `todpack compress`; of others it says so. An archive is never changed by
   decoding: any number of threads may call any function on it at once, but for tod_release and tod_close. There are no
   globals, and nothing is printed. Memory comes from the caller's allocators, malloc by default.

   What is held: the archive's bytes (the caller's, or read when they are needed), a few kilobytes of tables, and for
   each lightmap that was decoded one bit per texel and its temporal matrix. By itself a decode takes the scratch of one
   tile beside, and gives it back: the cheapest in memory, for a frame now and then. After tod_prepare the maps of tiles
   are held as integers, about 2 bytes per map and valid texel, and a frame costs about as much as copying them.

   Bytes of an archive may come from anywhere: every one is checked before it is used, and what a file of n bytes may
   cost is bounded by TodLimits. */
#ifndef TODPACK_H
#define TODPACK_H

#include <stddef.h>
#include <stdint.h>

#define TODPACK_VERSION_MAJOR 0
#define TODPACK_VERSION_MINOR 1
#define TODPACK_VERSION_PATCH 0

#if defined(_WIN32) && defined(TODPACK_BUILDS_SHARED)
#define TOD_API __declspec(dllexport)
#elif defined(_WIN32) && defined(TODPACK_IS_SHARED)
#define TOD_API __declspec(dllimport)
#elif defined(__GNUC__)
#define TOD_API __attribute__((visibility("default")))
#else
#define TOD_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------------------------------------------------------ errors
 */

/* What a function reports: one code for each cause. Codes are never given another meaning. */
typedef enum TodStatus {
    TOD_OK = 0,
    TOD_NO_MEMORY = -1,    /* the allocator gave none */
    TOD_TOO_LARGE = -2,    /* sizes beyond what indices here count */
    TOD_BAD_ARGUMENT = -3, /* the caller's */
    TOD_INEXACT = -4,      /* numbers beyond those whose sums FORMAT.md makes exact, which no encoder here writes */

    /* the coded bytes of a tile are not what an encoder writes */
    TOD_DAMAGED_HEADER = -16,
    TOD_DAMAGED_MODEL = -17,
    TOD_DAMAGED_STARTS = -18,
    TOD_DAMAGED_PROBABILITY = -19,
    TOD_DAMAGED_FREQUENCIES = -20,
    TOD_DAMAGED_WORDS = -21,
    TOD_DAMAGED_STREAMS = -22,
    TOD_DAMAGED_TOKEN = -23,
    TOD_DAMAGED_RAW_BITS = -24,
    TOD_DAMAGED_CODE = -25,

    TOD_NOT_AN_ARCHIVE = -32,      /* other content */
    TOD_TRUNCATED = -33,           /* another size than the header says */
    TOD_DAMAGED = -34,             /* a checksum does not match */
    TOD_INVALID_METADATA = -35,    /* metadata.json: no JSON, or a field is missing or not possible */
    TOD_INVALID_SECTION = -36,     /* a section is missing, or not what the metadata says */
    TOD_UNSUPPORTED_VERSION = -37, /* of another major version */
    TOD_UNSUPPORTED_FEATURE = -38, /* `requires` names something that this version does not know */
    TOD_UNSUPPORTED_FAMILY = -39,  /* not of the family daybasis */
    TOD_UNSUPPORTED_GRAPH = -40,   /* the frame's graph is not the standard one; only a runtime of graphs can tell */
    TOD_OVER_LIMIT = -41,          /* more than TodLimits grants */
    TOD_READ_FAILED = -42          /* the caller's reader gave fewer bytes than were asked for */
} TodStatus;

/* One line for a code, never NULL; lives as long as the program. */
TOD_API const char *tod_status_text(TodStatus status);

#define TOD_ERROR_BYTES 256

/* What went wrong, where: one line of UTF-8. Every function that takes one also takes NULL. */
typedef struct TodError {
    TodStatus status;
    char text[TOD_ERROR_BYTES];
} TodError;

/* The version of the library that runs, (major << 16) + (minor << 8) + patch. */
TOD_API uint32_t tod_version(void);

/* ----------------------------------------------------------------------------------------------- memory, limits, input
 */

/* Where memory comes from. `allocate` returns NULL where there is none; blocks are aligned for any object. Both may be
   called from every thread that decodes. */
typedef struct TodAllocator {
    void *(*allocate)(void *context, size_t n_bytes);
    void (*release)(void *context, void *block, size_t n_bytes);
    void *context;
} TodAllocator;

/* malloc and free. */
TOD_API TodAllocator tod_default_allocator(void);

/* For large blocks: they are the system's and go back to it, which heaps keep for the thread that had them; of large
   pages where the system has them, so that first touching megabytes does not cost more than the work on them. */
TOD_API TodAllocator tod_scratch_allocator(void);

/* What a reader is willing to take from a file, checked before anything is allocated or worked on. With the defaults
   opening an archive of n bytes and decoding a region of up to 256 x 256 texels of it that begins where a tile does,
   however it was made, takes at most 64 MiB + 200 n bytes and about 1 s + n * 20 us; tiles are decoded whole. */
typedef struct TodLimits {
    uint64_t metadata_bytes;     /* decoded size of metadata.json */
    uint64_t metadata_expansion; /* decoded over stored bytes of it, once it is over free_metadata_bytes */
    uint64_t free_metadata_bytes;
    uint64_t sections;          /* how many */
    uint64_t section_bytes;     /* decoded size of one */
    uint64_t section_expansion; /* decoded over stored bytes of one, once it is over free_expansion_bytes */
    uint64_t free_expansion_bytes;
    uint64_t free_decoded_bytes; /* of all sections, up to which the same expansion does not count */
    uint64_t texels;             /* height * width of a lightmap */
    uint64_t free_memory_bytes;  /* of a lightmap's tables and the scratch of one of its tiles, for any file */
    uint64_t memory_per_byte;    /* the same, more for each byte of the file */
    uint64_t free_held_bytes;    /* of all that an archive holds, prepared maps included, for any file */
    uint64_t held_per_byte;
    double free_seconds; /* estimated time on one core of such a region, for any file */
    double seconds_per_byte;
} TodLimits;

/* Texels outside the mask belong to no surface, but bilinear lookups at a chart's border read them. */
typedef enum TodGutters {
    TOD_DILATE, /* the nearest valid texel of their tile within 16 texels; farther ones as TOD_MEAN */
    TOD_MEAN,   /* the mean color of the hour */
    TOD_BLACK
} TodGutters;

typedef struct TodOptions {
    uint32_t version; /* tod_default_options sets it */
    TodGutters gutters;
    TodAllocator held;    /* for what lives as long as the archive */
    TodAllocator scratch; /* for what is given back at the end of a call */
    TodLimits limits;
} TodOptions;

/* Fill in the defaults: dilated gutters, malloc, and the limits above. Options of another major version are refused. */
TOD_API void tod_default_options_of(TodOptions *options, uint32_t version);
static inline void tod_default_options(TodOptions *options)
{
    tod_default_options_of(options, TODPACK_VERSION_MAJOR << 16 | TODPACK_VERSION_MINOR << 8 | TODPACK_VERSION_PATCH);
}

/* Where the bytes of a file come from when they are needed. `read` copies n_bytes from `offset` on into `to` and
   returns how many there were; it is called from every thread that decodes. */
typedef struct TodReader {
    size_t (*read)(void *context, uint64_t offset, void *to, size_t n_bytes);
    void *context;
    uint64_t n_bytes; /* size of the file */
} TodReader;

/* ------------------------------------------------------------------------------------------------------------ archives
 */

typedef struct TodArchive TodArchive;

/* Open an archive in memory: header and metadata are checked, sections when they are needed.

   data: n_bytes bytes, the caller's, until tod_close. options: NULL for the defaults. *archive: NULL on errors. */
TOD_API TodStatus tod_open(const void *data, size_t n_bytes, const TodOptions *options, TodArchive **archive,
                           TodError *error);

/* Open one through a reader, which is copied; its context must live until tod_close. */
TOD_API TodStatus tod_open_reader(const TodReader *reader, const TodOptions *options, TodArchive **archive,
                                  TodError *error);

/* Give everything back and set *archive to NULL; of NULL nothing. No other call may be running on it. */
TOD_API void tod_close(TodArchive **archive);

typedef enum TodTransfer {
    TOD_SRGB8, /* values are 8-bit sRGB codes, 0..255 */
    TOD_LINEAR /* values are radiance; 8-bit formats are refused */
} TodTransfer;

typedef struct TodArchiveInfo {
    int32_t major, minor; /* of the format */
    int32_t n_lightmaps;
    TodTransfer transfer;
    int32_t n_hours;
    const double *hours; /* [n_hours] stored times, ascending in [0, 24) */
} TodArchiveInfo;

TOD_API const TodArchiveInfo *tod_archive(const TodArchive *archive);

typedef struct TodLightmapInfo {
    const char *name; /* UTF-8, unique in the archive */
    int32_t height, width;
    int32_t n_valid; /* texels that belong to a surface */
    int32_t n_maps;  /* K, latent maps */
    int32_t tile;    /* side of a tile, which decodes on its own; the last ones of a row or column may be smaller */
} TodLightmapInfo;

/* NULL where there is no such lightmap; lives until tod_close. */
TOD_API const TodLightmapInfo *tod_lightmap(const TodArchive *archive, int32_t index);

/* Index of a lightmap, -1 where there is none of this name. */
TOD_API int32_t tod_find_lightmap(const TodArchive *archive, const char *name);

/* ------------------------------------------------------------------------------------------------------------ decoding
 */

/* Rows y0 .. y1 - 1 and columns x0 .. x1 - 1. */
typedef struct TodRegion {
    int32_t y0, y1, x0, x1;
} TodRegion;

typedef enum TodFormat {
    TOD_RGB8,  /* sRGB codes */
    TOD_RGBA8, /* with an alpha of 255 */
    TOD_RGB32F,
    TOD_RGB16F,
    TOD_RGBA16F, /* with an alpha of 1 */
    TOD_RGB9E5,  /* shared exponent, 32 bits, red lowest */
    TOD_N_FORMATS
} TodFormat;

/* Bytes of a pixel, 0 where there is no such format. */
TOD_API size_t tod_pixel_bytes(TodFormat format);

/* The caller's pixels: rows `stride` bytes apart, 0 for rows side by side, in a buffer of n_bytes bytes. */
typedef struct TodTarget {
    void *pixels;
    size_t stride;
    size_t n_bytes;
    TodFormat format;
} TodTarget;

/* Decode a region at a time, 0 <= time_h < 24; NULL is the whole lightmap. A frame, a region and a texel are the same
   numbers, on every machine; between stored hours of radiance coded with `exp`, as far as the machine's expf goes.
   On errors what is in the target is undefined, and nothing beside it is touched. */
TOD_API TodStatus tod_decode(const TodArchive *archive, int32_t lightmap, double time_h, const TodRegion *region,
                             const TodTarget *target, TodError *error);

/* The same for n times at once, each into a target of its own: where tiles are not held, they are decoded once for all
   of them, such as for the two frames that an engine blends. */
TOD_API TodStatus tod_decode_times(const TodArchive *archive, int32_t lightmap, const double *times_h, int32_t n,
                                   const TodRegion *region, const TodTarget *targets, TodError *error);

/* The same with only some of the latent maps, to see what they hold: `kept` has a byte for each, 0 leaves it out. */
TOD_API TodStatus tod_decode_maps(const TodArchive *archive, int32_t lightmap, double time_h, const uint8_t *kept,
                                  const TodRegion *region, const TodTarget *target, TodError *error);

/* Latent map k of a region, 0 <= k < n_maps: float32 into rows `stride` bytes apart; 0 where there is no texel of a
   surface and no dilated gutter. */
TOD_API TodStatus tod_map(const TodArchive *archive, int32_t lightmap, int32_t k, const TodRegion *region, float *map,
                          size_t stride, TodError *error);

/* One texel; rgb is not rounded. */
TOD_API TodStatus tod_texel(const TodArchive *archive, int32_t lightmap, double time_h, int32_t y, int32_t x,
                            float rgb[3], TodError *error);

/* One byte for each texel of a region into rows `stride` bytes apart: 1 where it is valid, else 0. */
TOD_API TodStatus tod_valid(const TodArchive *archive, int32_t lightmap, const TodRegion *region, uint8_t *valid,
                            size_t stride, TodError *error);

/* Decode the tiles that a region touches and hold their maps; NULL is the whole lightmap. Several threads may share the
   work, with a region each. */
TOD_API TodStatus tod_prepare(const TodArchive *archive, int32_t lightmap, const TodRegion *region, TodError *error);

/* Give back the maps of a lightmap. No other call may be running on it. */
TOD_API void tod_release(TodArchive *archive, int32_t lightmap);

/* Bytes that the archive has from its allocator `held` for all that it holds, prepared maps included. */
TOD_API uint64_t tod_held_bytes(const TodArchive *archive);

#ifdef __cplusplus
}
#endif
#endif
