/* metadata.json in adaptive bits. FORMAT.md "Packed metadata". */
#ifndef TOD_PACKED_METADATA_H
#define TOD_PACKED_METADATA_H

#include "error.h"
#include "memory.h"
#include "unzstd.h"

/* Whether the stored metadata are such. */
int tod_is_packed_metadata(TodBytes stored);

/* The n bytes of the text. TOD_INVALID_METADATA: there are others, or a number is out of range. */
TodStatus tod_unpack_metadata(TodBytes stored, TodArena *scratch, char *text, size_t n, TodError *error);

#endif
