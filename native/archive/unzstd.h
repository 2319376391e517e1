/* zstd frames from bytes that may be hostile: nothing is decoded beyond the size that was agreed on. */
#ifndef TOD_UNZSTD_H
#define TOD_UNZSTD_H

#include "memory.h"

/* Raw content that frames of the codec `zstd-1` refer to. FORMAT.md "Dictionary". */
extern const uint8_t tod_dictionary[];
extern const size_t tod_dictionary_bytes;

/* Bytes in a row. */
typedef struct TodBytes {
    const uint8_t *data;
    size_t n;
} TodBytes;

/* Whether a frame begins with zstd's magic number. */
int tod_has_magic(TodBytes frame);

/* Whether one declares its content size, and what it is. */
int tod_zstd_size(TodBytes frame, uint64_t *n);

/* Decode one frame that declares its size to exactly `n` bytes. TOD_INVALID_SECTION: it is not that. */
TodStatus tod_unzstd(TodBytes frame, TodAllocator scratch, uint8_t *to, size_t n);

/* The same of a frame without magic number and without content size; `dictionary` may be of no bytes. */
TodStatus tod_unzstd_magicless(TodBytes frame, TodBytes dictionary, TodAllocator scratch, uint8_t *to, size_t n);

#endif
