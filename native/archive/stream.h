/* A coefficient stream taken apart. FORMAT.md "Coefficient stream", "zstd streams". */
#ifndef TOD_STREAM_H
#define TOD_STREAM_H

#include "symbols.h"
#include "unzstd.h"

/* Split a tile's stream; what is decompressed is taken from `scratch`. n_values: coefficients that the tile may have.
   TOD_DAMAGED_HEADER, TOD_DAMAGED_MODEL, TOD_DAMAGED_STREAMS, or as of tod_read_tables. */
TodStatus tod_split_stream(TodBytes data, int32_t n_maps, int32_t n_levels, uint64_t n_values, TodArena *scratch,
                           TodStream *stream);

#endif
