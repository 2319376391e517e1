#include "packed_model.h"

#include "adaptive.h"

#define MOST_ENERGY 8
#define USUAL_TOKENS 16
#define FIRST_FREQUENCY 96
#define SIGNIFICANCE_SLOPE 2
#define FIRST_SIGNIFICANCE (-110)
#define MOST_LOG_ODDS 128
#define FIRST_MEAN 24

typedef struct Walk {
    TodAdaptive coder;
    uint8_t *out;
    size_t at;
} Walk;

static void put(Walk *walk, int64_t value)
{
    walk->out[walk->at++] = (uint8_t)value;
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static int class_of(int64_t rest)
{
    return tod_half_octave((uint64_t)(rest < 0 ? -rest : rest), MOST_ENERGY);
}

/* First classes of runs; each of `inner` is one of them. */
static TodStatus unpack_starts(Walk *walk, TodIntegers *integers, TodAdaptiveModel *last, const TodStarts *inner,
                               TodStarts *starts)
{
    int32_t at = 0, limit = 0;
    starts->count = 0;
    do {
        starts->first[starts->count++] = (uint8_t)at;
        while (limit < inner->count && tod_class_limit(inner, limit) <= at)
            limit++;
        const int32_t end = tod_class_limit(inner, limit);
        if (tod_adaptive_bit(&walk->coder, last)) {
            at = end;
        } else {
            const int64_t step = 1 + tod_adaptive_integer(&walk->coder, integers, 0, -1);
            if (step >= end - at)
                return TOD_DAMAGED_STARTS;
            at += (int32_t)step;
        }
    } while (at < TOD_N_FINE_CLASSES);
    put(walk, starts->count);
    for (int32_t i = 0; i < starts->count; i++)
        put(walk, starts->first[i]);
    return TOD_OK;
}

static TodStatus unpack_frequencies(Walk *walk, TodIntegers *integers, int64_t *count)
{
    int64_t code = FIRST_FREQUENCY, rest = 0;
    *count += tod_adaptive_integer(&walk->coder, integers, 0, 0);
    if (*count < 0 || *count > TOD_N_TOKENS)
        return TOD_DAMAGED_FREQUENCIES;
    put(walk, *count);
    for (int64_t i = 0; i < *count; i++) {
        rest = tod_adaptive_integer(&walk->coder, integers, 1 + class_of(rest), 1);
        code += rest;
        if (code < 0 || code > UINT8_MAX)
            return TOD_DAMAGED_FREQUENCIES;
        put(walk, code);
    }
    return TOD_OK;
}

/* A probability of which the log odds, in eighths of an octave, are predicted; replaced by what they are. */
static TodStatus unpack_probability(Walk *walk, TodIntegers *integers, int kind, int64_t *log_odds)
{
    static const uint64_t EIGHTH_OCTAVES[8] = {256, 279, 304, 332, 362, 395, 431, 470};
    *log_odds += tod_adaptive_integer(&walk->coder, integers, kind, 0);
    if (*log_odds < -MOST_LOG_ODDS || *log_odds > MOST_LOG_ODDS)
        return TOD_DAMAGED_PROBABILITY;
    const uint64_t eighths = (uint64_t)(*log_odds + MOST_LOG_ODDS), even = (uint64_t)256 << 16;
    const uint64_t odds = EIGHTH_OCTAVES[eighths & 7] << (eighths >> 3);
    uint64_t probability = (odds << 16) / (odds + even);
    probability = probability < 1 ? 1 : probability > 65535 ? 65535 : probability;
    put(walk, (int64_t)probability);
    put(walk, (int64_t)(probability >> 8));
    return TOD_OK;
}

static TodStatus unpack_significance(Walk *walk, TodIntegers *integers, const TodStarts *starts)
{
    int64_t excess = 0, rest = 0;
    TodStatus status = TOD_OK;
    for (int32_t i = 0; status == TOD_OK && i < starts->count; i++) {
        const int64_t usual = SIGNIFICANCE_SLOPE * starts->first[i] + FIRST_SIGNIFICANCE;
        int64_t log_odds = usual + excess;
        status = unpack_probability(walk, integers, class_of(rest), &log_odds);
        rest = log_odds - usual - excess;
        excess = log_odds - usual;
    }
    return status;
}

/* How much the mean codes of a band differ from those of an earlier one, over the maps so far. */
typedef struct Drift {
    const uint8_t *earlier; /* NULL: there is none */
    int64_t sum, count;
} Drift;

/* Its number among the kinds of what is known: not there, zero, more. */
static int kind_of(const uint8_t *value)
{
    return value ? 1 + (*value > 0) : 0;
}

static TodStatus unpack_mean(Walk *walk, TodIntegers *integers, Drift drifts[2], int32_t k, const uint8_t *left,
                             uint64_t energy, uint8_t *mean, int32_t *rest)
{
    int64_t sum = 0, n = 0, predicted = left && *left ? *left : FIRST_MEAN;
    for (int i = 0; i < 2; i++)
        if (drifts[i].earlier && drifts[i].earlier[k]) {
            sum += 64 * drifts[i].earlier[k] + (drifts[i].count ? floor_div(64 * drifts[i].sum, drifts[i].count) : 0);
            n++;
        }
    if (n)
        predicted = floor_div(sum + 32 * n, 64 * n);
    const int64_t found = tod_adaptive_integer(&walk->coder, integers, tod_half_octave(energy, MOST_ENERGY), 0);
    if (found + predicted < 1 || found + predicted > TOD_MAX_MEAN_CODE)
        return TOD_DAMAGED_MODEL;
    *rest = (int32_t)found;
    *mean = (uint8_t)(predicted + found);
    return TOD_OK;
}

/* All mean codes; means [n_bands][n_maps], rests [2][n_maps]. */
static TodStatus unpack_means(Walk *walk, size_t n_maps, size_t n_bands, uint8_t *means, int32_t *rests)
{
    TodIntegers integers;
    TodAdaptiveModel zeros[27];
    tod_integers_reset(&integers);
    tod_adaptive_reset(zeros, 27);
    for (size_t band = 0; band < n_bands; band++) {
        uint8_t *row = means + band * n_maps;
        int32_t *own = rests + band % 2 * n_maps, *above = rests + (band + 1) % 2 * n_maps;
        Drift drifts[2] = {{band >= 1 ? row - n_maps : NULL, 0, 0}, {band >= 3 ? row - 3 * n_maps : NULL, 0, 0}};
        for (size_t k = 0; k < n_maps; k++) {
            const uint8_t *over = drifts[0].earlier ? drifts[0].earlier + k : NULL, *left = k ? row + k - 1 : NULL;
            const uint8_t *third = drifts[1].earlier ? drifts[1].earlier + k : NULL;
            const uint64_t before = k > 0 ? (uint64_t)(own[k - 1] < 0 ? -own[k - 1] : own[k - 1]) : 0;
            const uint64_t further = k > 1 ? (uint64_t)(own[k - 2] < 0 ? -own[k - 2] : own[k - 2]) : 0;
            const uint64_t higher = band ? (uint64_t)(above[k] < 0 ? -above[k] : above[k]) : 0;
            row[k] = 0;
            own[k] = 0;
            if (!tod_adaptive_bit(&walk->coder, &zeros[kind_of(over) + 3 * kind_of(third) + 9 * kind_of(left)])) {
                const TodStatus status = unpack_mean(walk, &integers, drifts, (int32_t)k, left,
                                                     2 * before + further + 2 * higher, &row[k], &own[k]);
                if (status != TOD_OK)
                    return status;
            }
            put(walk, row[k] - (over ? *over : 0));
            for (int i = 0; i < 2; i++)
                if (row[k] && drifts[i].earlier && drifts[i].earlier[k]) {
                    drifts[i].sum += row[k] - drifts[i].earlier[k];
                    drifts[i].count++;
                }
        }
    }
    return TOD_OK;
}

static TodStatus unpack_classes(Walk *walk)
{
    static const TodStarts WHOLE = {1, {0}};
    TodIntegers starts, magnitudes, significance, signs;
    TodAdaptiveModel last[2];
    TodStarts outer, inner;
    tod_integers_reset(&starts);
    tod_integers_reset(&magnitudes);
    tod_integers_reset(&significance);
    tod_integers_reset(&signs);
    tod_adaptive_reset(last, 2);
    TodStatus status = unpack_starts(walk, &starts, &last[0], &WHOLE, &outer);
    int64_t count = USUAL_TOKENS;
    for (int32_t i = 0; status == TOD_OK && i < outer.count; i++)
        status = unpack_frequencies(walk, &magnitudes, &count);
    for (int phase = 0; status == TOD_OK && phase < TOD_N_PHASES; phase++) {
        status = unpack_starts(walk, &starts, &last[1], &outer, &inner);
        if (status == TOD_OK)
            status = unpack_significance(walk, &significance, &inner);
    }
    for (int i = 1; status == TOD_OK && i < TOD_N_SIGN_CLASSES; i++) {
        int64_t log_odds = 0;
        status = unpack_probability(walk, &signs, 0, &log_odds);
    }
    return status;
}

size_t tod_model_bytes(int32_t n_maps, int32_t n_bands)
{
    const size_t starts = 1 + TOD_N_FINE_CLASSES, frequencies = 1 + TOD_N_TOKENS;
    return starts + TOD_N_FINE_CLASSES * frequencies + TOD_N_PHASES * (starts + 2 * TOD_N_FINE_CLASSES) +
           2 * (TOD_N_SIGN_CLASSES - 1) + 1 + frequencies + (size_t)n_maps * (1 + (size_t)n_bands);
}

TodStatus tod_unpack_model(const uint8_t *data, size_t n_bytes, int32_t n_maps, int32_t n_bands, TodArena *scratch,
                           uint8_t *out, size_t *out_bytes)
{
    Walk walk = {.out = out};
    TodIntegers integers;
    uint8_t *means = tod_arena_take(scratch, (size_t)n_maps * (size_t)n_bands, 1);
    int32_t *rests = tod_arena_take(scratch, 2 * (size_t)n_maps, sizeof *rests);
    if (!means || !rests)
        return TOD_NO_MEMORY;
    tod_adaptive_open(&walk.coder, data, n_bytes);
    TodStatus status = unpack_classes(&walk);
    if (status != TOD_OK)
        return status;
    put(&walk, tod_adaptive_bit(&walk.coder, NULL));
    tod_integers_reset(&integers);
    int64_t rice = 0, count = USUAL_TOKENS;
    for (int32_t k = 0; k < n_maps; k++) {
        rice += tod_adaptive_integer(&walk.coder, &integers, k > 0, k > 0);
        if (rice < 0 || rice > UINT8_MAX)
            return TOD_DAMAGED_MODEL;
        put(&walk, rice);
    }
    tod_integers_reset(&integers);
    status = unpack_frequencies(&walk, &integers, &count);
    if (status == TOD_OK)
        status = unpack_means(&walk, (size_t)n_maps, (size_t)n_bands, means, rests);
    *out_bytes = walk.at;
    return status;
}
