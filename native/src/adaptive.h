/* Adaptive bits: a binary range coder whose models learn from the bits before. FORMAT.md "Adaptive bits". */
#ifndef TOD_ADAPTIVE_H
#define TOD_ADAPTIVE_H

#include <stddef.h>
#include <stdint.h>

#define TOD_MOST_OCTAVES 31
#define TOD_INTEGER_CLASSES 32
#define TOD_SIGN_CLASSES 9

typedef struct TodAdaptiveModel {
    uint16_t probability; /* of a 1, over 65536 */
    uint16_t seen;        /* bits, at most 60 */
} TodAdaptiveModel;

/* Beyond the end of the data there are zeros. */
typedef struct TodAdaptive {
    const uint8_t *data;
    size_t left;
    uint32_t range, code;
} TodAdaptive;

/* Of integers that are mostly small. */
typedef struct TodIntegers {
    TodAdaptiveModel nonzero[TOD_INTEGER_CLASSES], signs[TOD_SIGN_CLASSES];
    TodAdaptiveModel octaves[TOD_INTEGER_CLASSES][TOD_MOST_OCTAVES], halves[TOD_MOST_OCTAVES + 1];
} TodIntegers;

void tod_adaptive_open(TodAdaptive *coder, const uint8_t *data, size_t n_bytes);
void tod_adaptive_reset(TodAdaptiveModel *models, size_t count);
void tod_integers_reset(TodIntegers *integers);

/* The next bit; a model of NULL has 0 and 1 alike. */
int tod_adaptive_bit(TodAdaptive *coder, TodAdaptiveModel *model);

/* Move a model towards a bit that came by another. */
void tod_adaptive_learn(TodAdaptiveModel *model, int bit);

/* The next integer of a class, 32 bits and a sign; a sign class of -1 has none. */
int64_t tod_adaptive_integer(TodAdaptive *coder, TodIntegers *integers, int kind, int sign);

/* Logarithm of 1 + magnitude in halves of an octave, at most `most`. */
int tod_half_octave(uint64_t magnitude, int most);

/* Decode [n_planes][n_rows][n_columns] integers. FORMAT.md "Integer arrays". `above`: 2 (n_columns + 2) for use. */
void tod_unpack_integers(const uint8_t *data, size_t n_bytes, size_t n_planes, size_t n_rows, size_t n_columns,
                         int64_t *above, int64_t *out);

#endif
