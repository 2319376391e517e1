#include "ans.h"

#include <string.h>

#define PRECISION 24
#define WHOLE ((uint32_t)1 << PRECISION)

/* n >= 2 weights, integers in double whose sums are exact; after the symbols before `first` the lookup begins. */
static void build_model(const double *weights, int n, int first, TodModel *model)
{
    double sum = 0.0, before = 0.0;
    for (int i = 0; i < n; i++)
        sum += weights[i];
    const double scale = (double)(WHOLE - (uint32_t)n) / sum;
    for (int i = 0; i < n; i++) {
        model->starts[i] = (uint32_t)(before * scale) + (uint32_t)i;
        before += weights[i];
    }
    model->starts[n] = WHOLE;
    model->from = model->starts[first];
    model->shift = 0;
    while ((WHOLE - 1 - model->from) >> model->shift >= 1u << TOD_LOOKUP_BITS)
        model->shift++;
    int symbol = first;
    for (uint32_t entry = 0; entry < 1u << TOD_LOOKUP_BITS; entry++) {
        const uint32_t quantile = model->from + (entry << model->shift);
        while (symbol < n - 1 && model->starts[symbol + 1] <= quantile)
            symbol++;
        model->lookup[entry] = (uint8_t)symbol;
    }
}

/* floor(p^ones (65536 - p)^(8 - ones) / 2^88), at least 1: a product of eight 16-bit numbers in four limbs. */
static double byte_weight(uint32_t p, int ones)
{
    uint64_t limbs[4] = {1, 0, 0, 0};
    for (int i = 0; i < 8; i++) {
        const uint64_t factor = i < ones ? p : 65536u - p;
        uint64_t carry = 0;
        for (int j = 0; j < 4; j++) {
            const uint64_t product = limbs[j] * factor + carry;
            limbs[j] = product & 0xFFFFFFFFu;
            carry = product >> 32;
        }
    }
    const uint64_t weight = limbs[3] << 8 | limbs[2] >> 24;
    return weight ? (double)weight : 1.0;
}

void tod_build_bit_models(uint16_t probability, TodBitModels *models)
{
    double by_ones[9], weights[TOD_MAX_SYMBOLS];
    for (int ones = 0; ones <= 8; ones++)
        by_ones[ones] = byte_weight(probability, ones);
    for (int byte = 0; byte < TOD_MAX_SYMBOLS; byte++) {
        int ones = 0;
        for (int bit = 0; bit < 8; bit++)
            ones += byte >> bit & 1;
        weights[byte] = by_ones[ones];
    }
    build_model(weights, TOD_MAX_SYMBOLS, 1, &models->byte);
    weights[0] = 65536.0 - probability;
    weights[1] = probability;
    build_model(weights, 2, 0, &models->bit);
}

void tod_build_token_model(const TodFrequencies *frequencies, TodModel *model)
{
    static const uint32_t EIGHTH_OCTAVES[8] = {256, 279, 304, 332, 362, 395, 431, 470};
    double weights[TOD_N_TOKENS] = {1.0, 1.0}; /* of a table of one code, and of none */
    for (int32_t i = 0; i < frequencies->count; i++) {
        const uint32_t code = frequencies->codes[i];
        const uint32_t weight = EIGHTH_OCTAVES[code & 7] << (code >> 3) >> 8;
        weights[i] = weight ? weight : 1;
    }
    build_model(weights, frequencies->count < 2 ? 2 : frequencies->count, 0, model);
}

static inline uint32_t load_word(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static inline void refill(TodAns *ans)
{
    while (ans->state >> 32 == 0 && ans->left)
        ans->state = ans->state << 32 | load_word(ans->words + 4 * --ans->left);
}

TodStatus tod_ans_open(TodAns *ans, const uint8_t *section, size_t n_bytes)
{
    *ans = (TodAns){0, section, n_bytes / 4};
    if (n_bytes % 4 || (n_bytes && load_word(section + n_bytes - 4) == 0))
        return TOD_DAMAGED_WORDS;
    refill(ans);
    return TOD_OK;
}

/* The symbol at a quantile that the lookup covers. */
static inline uint32_t find_symbol(const TodModel *model, uint32_t quantile)
{
    uint32_t symbol = model->lookup[(quantile - model->from) >> model->shift];
    while (quantile >= model->starts[symbol + 1])
        symbol++;
    return symbol;
}

static inline void consume(TodAns *ans, const TodModel *model, uint32_t symbol, uint32_t quantile)
{
    const uint32_t start = model->starts[symbol], width = model->starts[symbol + 1] - start;
    ans->state = width * (ans->state >> PRECISION) + (quantile - start);
    refill(ans);
}

static inline uint32_t decode_symbol(TodAns *ans, const TodModel *model)
{
    const uint32_t quantile = (uint32_t)ans->state & (WHOLE - 1);
    /* mostly the first symbol, and then the next step need not wait for a lookup */
    const uint32_t symbol = quantile < model->from ? 0 : find_symbol(model, quantile);
    consume(ans, model, symbol, quantile);
    return symbol;
}

void tod_ans_bits(TodAns *ans, const TodBitModels *models, size_t count, uint8_t *packed)
{
    TodAns local = *ans;
    for (size_t i = 0; i < count / 8; i++)
        packed[i] = (uint8_t)decode_symbol(&local, &models->byte);
    if (count % 8) {
        uint32_t last = 0;
        for (size_t i = 0; i < count % 8; i++)
            last |= decode_symbol(&local, &models->bit) << (7 - i);
        packed[count / 8] = (uint8_t)last;
    }
    *ans = local;
}

void tod_ans_tokens(TodAns *ans, const TodModel *model, size_t count, uint8_t *tokens)
{
    TodAns local = *ans;
    for (size_t i = 0; i < count; i++)
        tokens[i] = (uint8_t)decode_symbol(&local, model);
    *ans = local;
}
