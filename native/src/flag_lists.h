/* Flags with flags for groups that hold none. submission/plain_bits/FORMAT.md "Numbers". */
#ifndef TOD_FLAG_LISTS_H
#define TOD_FLAG_LISTS_H

#include "symbols.h"

/* The next bit; 0 behind the last one, where the position goes on, for the caller to look at when it is done. */
static inline uint32_t tod_next_flag(TodRawBits *bits)
{
    const uint64_t at = bits->position++;
    return at < bits->n_bits ? bits->data[at / 8] >> (7 - at % 8) & 1u : 0u;
}

/* Lists of flags, one after the other. */
typedef struct TodFlagLists {
    int32_t n_lists;
    const uint32_t *begins; /* [n_lists + 1] place of the first flag of each */
    const uint8_t *starts;  /* [n_lists] the level that its flags begin with, from 12 on of the inverted list */
} TodFlagLists;

/* Places of the flags that are set, then UINT32_MAX; taken from `arena`. */
TodStatus tod_read_flag_lists(TodRawBits *bits, const TodFlagLists *lists, TodArena *arena, size_t *n,
                              uint32_t **places);

/* Read a mask: `height` rows of `width` bytes, each 0 or 1. */
TodStatus tod_read_plain_mask(TodRawBits *bits, int32_t height, int32_t width, TodArena *scratch, uint8_t *valid);

#endif
