/* Asymmetric numeral systems: 32-bit words on a stack, 64 bits of state, models of 24 bits. FORMAT.md "ANS models". */
#ifndef TOD_ANS_H
#define TOD_ANS_H

#include <stddef.h>
#include <stdint.h>

#include "tables.h"

#define TOD_MAX_SYMBOLS 256
#define TOD_LOOKUP_BITS 9

/* Symbol i owns the interval starts[i] .. starts[i + 1] - 1 of 0 .. 2^24 - 1. */
typedef struct TodModel {
    uint32_t starts[TOD_MAX_SYMBOLS + 1];
    uint32_t from;                        /* the lookup begins here: intervals before it belong to symbol 0 */
    uint32_t shift;                       /* quantiles of one entry of the lookup, log2 */
    uint8_t lookup[1 << TOD_LOOKUP_BITS]; /* the symbol at the first quantile of each entry */
} TodModel;

/* Of a run of bits: eight bits as one byte, and single ones. */
typedef struct TodBitModels {
    TodModel byte, bit;
} TodBitModels;

typedef struct TodAns {
    uint64_t state;
    const uint8_t *words; /* little-endian, not aligned */
    size_t left;          /* words */
} TodAns;

void tod_build_bit_models(uint16_t probability, TodBitModels *models);
void tod_build_token_model(const TodFrequencies *frequencies, TodModel *model);

/* Begin a section of whole words, the last not 0. */
TodStatus tod_ans_open(TodAns *ans, const uint8_t *section, size_t n_bytes);

/* The next `count` bits, packed, first bit highest; the last byte is padded by zeros. A damaged section gives wrong
   bits. */
void tod_ans_bits(TodAns *ans, const TodBitModels *models, size_t count, uint8_t *packed);

/* The next `count` tokens; those of a table of n codes are below max(n, 2). */
void tod_ans_tokens(TodAns *ans, const TodModel *model, size_t count, uint8_t *tokens);

#endif
