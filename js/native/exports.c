/* What todpack.js calls beside the functions of todpack.h, and the layouts that it reads. */
#include <emscripten.h>
#include <stddef.h>

#include "todpack.h"

#define KEEP EMSCRIPTEN_KEEPALIVE
#define LIES(type, field, at) _Static_assert(offsetof(type, field) == (at), "todpack.js reads this layout")

LIES(TodError, text, 4);
LIES(TodArchiveInfo, major, 0);
LIES(TodArchiveInfo, minor, 4);
LIES(TodArchiveInfo, n_lightmaps, 8);
LIES(TodArchiveInfo, transfer, 12);
LIES(TodArchiveInfo, n_hours, 16);
LIES(TodArchiveInfo, hours, 20);
LIES(TodLightmapInfo, name, 0);
LIES(TodLightmapInfo, height, 4);
LIES(TodLightmapInfo, width, 8);
LIES(TodLightmapInfo, n_valid, 12);
LIES(TodLightmapInfo, n_maps, 16);
LIES(TodLightmapInfo, tile, 20);
LIES(TodRegion, y0, 0);
LIES(TodRegion, y1, 4);
LIES(TodRegion, x0, 8);
LIES(TodRegion, x1, 12);
LIES(TodTarget, pixels, 0);
LIES(TodTarget, stride, 4);
LIES(TodTarget, n_bytes, 8);
LIES(TodTarget, format, 12);

/* tod_open with the options that JavaScript gives. What a tile is estimated to take at most is twice what most take, and
   a page has an archive that its reader chose: it takes all that the Python package does. */
KEEP TodStatus tod_wasm_open(const void *data, size_t n_bytes, TodGutters gutters, TodArchive **archive, TodError *error)
{
    TodOptions options;
    tod_default_options(&options);
    options.gutters = gutters;
    options.limits.free_memory_bytes *= 2;
    options.limits.memory_per_byte *= 2;
    options.limits.free_metadata_bytes = 1 << 20;
    return tod_open(data, n_bytes, &options, archive, error);
}
