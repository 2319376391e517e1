/* Symbols of a coefficient stream from either coder, and raw bits. FORMAT.md "Tokens", "zstd streams". */
#ifndef TOD_SYMBOLS_H
#define TOD_SYMBOLS_H

#include "ans.h"

enum { TOD_SIGNS = TOD_N_PHASES, TOD_N_GROUPS }; /* of bits: significance of phase 0 and 1, signs */

/* The sections of one coefficient stream, decompressed; borrowed. */
typedef struct TodStream {
    int is_wide;  /* codes are 32-bit, else 16-bit */
    int is_plain; /* symbols are plain streams (that were under zstd), else ANS */
    const uint8_t *model;
    size_t model_bytes;
    const uint8_t *symbols; /* ANS: the words; plain: all streams one after the other */
    size_t symbol_bytes;
    const uint32_t *lengths; /* plain: bytes of every stream, which add up to symbol_bytes */
    size_t n_lengths;
    const uint8_t *raw;
    size_t raw_bytes;
} TodStream;

typedef struct TodPlainStream {
    const uint8_t *at;
    size_t left;
} TodPlainStream;

/* Where symbols come from. */
typedef struct TodSource {
    int is_plain;
    TodAns ans;
    TodBitModels *bit_models[TOD_N_GROUPS];
    TodModel *token_models; /* of the magnitude tables, then of the low band */
    TodPlainStream *bit_streams[TOD_N_GROUPS];
    TodPlainStream *token_streams;
    int32_t low_table;
} TodSource;

TodStatus tod_open_source(const TodStream *stream, const TodTables *tables, TodArena *arena, TodSource *source);

/* The next `count` bits of a class, packed, first bit highest. */
TodStatus tod_next_bits(TodSource *source, int group, int32_t index, size_t count, uint8_t *packed);

/* The next `count` tokens of a table. */
TodStatus tod_next_tokens(TodSource *source, int32_t table, size_t count, uint8_t *tokens);

/* Raw bits, most significant first. */
typedef struct TodRawBits {
    const uint8_t *data;
    uint64_t position, n_bits;
} TodRawBits;

/* Tokens -> values; those that call for raw bits take them in order. */
TodStatus tod_values_of(const uint8_t *tokens, size_t count, TodRawBits *raw, uint32_t *values);

/* The next `width` (0..24) raw bits, or TOD_DAMAGED_RAW_BITS. */
TodStatus tod_next_raw(TodRawBits *raw, uint32_t width, uint32_t *value);

#endif
