/* The model section in adaptive bits. FORMAT.md "Packed model". */
#ifndef TOD_PACKED_MODEL_H
#define TOD_PACKED_MODEL_H

#include "memory.h"
#include "status.h"
#include "tables.h"

/* The most bytes of a plain model section. */
size_t tod_model_bytes(int32_t n_maps, int32_t n_bands);

/* Unpack to the plain section that tod_read_tables takes: `out` has room for tod_model_bytes. */
TodStatus tod_unpack_model(const uint8_t *data, size_t n_bytes, int32_t n_maps, int32_t n_bands, TodArena *scratch,
                           uint8_t *out, size_t *out_bytes);

#endif
