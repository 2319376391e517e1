#include "plain_bits.h"

#include <string.h>

#include "phase.h"

#define FINE_PER_CLASS 2
#define N_CLASSES (TOD_N_FINE_CLASSES / FINE_PER_CLASS)
#define COUNT_BITS 6 /* widths of fields */
#define START_BITS 4
#define LOW_BITS 4
#define LOW_BAND_BITS 5
#define MAX_UNARY (1 << 16)

/* How the classes of a phase are coded. */
typedef struct ClassFields {
    uint8_t starts[N_CLASSES], low_bits[N_CLASSES];
} ClassFields;

/* What phases are read with. */
typedef struct PlainDecoder {
    TodDecoder decoder; /* first, so that it is one; `raw` is where bits are taken from */
    ClassFields fields[TOD_N_PHASES];
} PlainDecoder;

static TodStatus read_fields(TodRawBits *bits, uint32_t width, size_t n, uint8_t *fields)
{
    TodStatus status = TOD_OK;
    for (size_t i = 0; i < n && status == TOD_OK; i++) {
        uint32_t value = 0;
        status = tod_next_raw(bits, width, &value);
        fields[i] = (uint8_t)value;
    }
    return status;
}

/* Rice codes of n_groups of values with as many low bits each; values starts[g] .. starts[g + 1] - 1 are a group's. */
static TodStatus read_rice(TodRawBits *bits, size_t n_groups, const size_t *starts, const uint8_t *low_bits,
                           TodArena *scratch, uint64_t *values)
{
    const size_t n = starts[n_groups];
    TodMark mark = tod_arena_mark(scratch);
    size_t *going = tod_arena_take(scratch, n, sizeof *going), n_going = 0;
    if (!going)
        return TOD_NO_MEMORY;
    for (size_t i = 0; i < n; i++) {
        values[i] = tod_next_flag(bits);
        if (values[i])
            going[n_going++] = i;
    }
    for (int32_t high = 1; n_going; high++) {
        if (high == MAX_UNARY)
            return TOD_DAMAGED_CODE;
        size_t left = 0;
        for (size_t i = 0; i < n_going; i++) {
            if (tod_next_flag(bits)) {
                values[going[i]]++;
                going[left++] = going[i];
            }
        }
        n_going = left;
    }
    uint32_t most = 0;
    for (size_t g = 0; g < n_groups; g++) {
        if (starts[g + 1] > starts[g] && low_bits[g] > most)
            most = low_bits[g];
        for (size_t i = starts[g]; i < starts[g + 1]; i++)
            values[i] <<= low_bits[g];
    }
    for (uint32_t plane = 0; plane < most; plane++)
        for (size_t g = 0; g < n_groups; g++)
            for (size_t i = starts[g]; low_bits[g] > plane && i < starts[g + 1]; i++)
                values[i] |= (uint64_t)tod_next_flag(bits) << plane;
    tod_arena_rewind(scratch, mark);
    return bits->position > bits->n_bits ? TOD_DAMAGED_RAW_BITS : TOD_OK;
}

/* n_groups times n signed integers, each group with low bits of its own; zigzag. */
static TodStatus read_groups(TodRawBits *bits, size_t n_groups, size_t n, TodArena *scratch, int64_t **values)
{
    uint8_t *widths = tod_arena_take(scratch, n_groups, 1);
    size_t *starts = tod_arena_take(scratch, n_groups + 1, sizeof *starts);
    uint64_t *coded = tod_arena_take(scratch, n_groups * n, sizeof *coded);
    if (!widths || !starts || !coded)
        return TOD_NO_MEMORY;
    for (size_t g = 0; g <= n_groups; g++)
        starts[g] = g * n;
    TodStatus status = read_fields(bits, LOW_BAND_BITS, n_groups, widths);
    if (status == TOD_OK)
        status = read_rice(bits, n_groups, starts, widths, scratch, coded);
    *values = (int64_t *)coded;
    for (size_t i = 0; i < n_groups * n && status == TOD_OK; i++)
        (*values)[i] = (int64_t)(coded[i] >> 1) ^ -(int64_t)(coded[i] & 1);
    return status;
}

/* Differences along the sites of each map, the first to 0. */
static TodStatus read_low_band(TodRawBits *bits, int32_t n_maps, int32_t n_sites, TodArena *keep, TodArena *scratch,
                               const int32_t **codes)
{
    const size_t n = (size_t)n_maps * (size_t)n_sites;
    int64_t *differences = NULL, value = 0;
    int32_t *out = tod_arena_take(keep, n, sizeof *out);
    TodStatus status = out ? read_groups(bits, (size_t)n_maps, (size_t)n_sites, scratch, &differences) : TOD_NO_MEMORY;
    for (size_t i = 0; i < n && status == TOD_OK; i++) {
        value = (i % (size_t)n_sites ? value : 0) + differences[i];
        if (value > INT32_MAX || -value > INT32_MAX)
            status = TOD_DAMAGED_CODE;
        out[i] = (int32_t)value;
    }
    *codes = out;
    return status;
}

/* Codes of the mean magnitudes of each band, from differences to the band before. */
static TodStatus read_means(TodRawBits *bits, size_t n_bands, size_t n_maps, TodArena *scratch, uint8_t **means)
{
    int64_t *differences = NULL;
    uint8_t *out = tod_arena_take(scratch, n_bands * n_maps, 1);
    TodStatus status = out ? read_groups(bits, n_bands, n_maps, scratch, &differences) : TOD_NO_MEMORY;
    for (size_t i = 0; i < n_bands * n_maps && status == TOD_OK; i++) {
        const int64_t mean = differences[i] + (i < n_maps ? 0 : out[i - n_maps]);
        if (mean < 0 || mean > TOD_MAX_MEAN_CODE)
            status = TOD_DAMAGED_CODE;
        out[i] = (uint8_t)mean;
    }
    *means = out;
    return status;
}

static TodStatus read_class_fields(TodRawBits *bits, ClassFields *fields)
{
    uint8_t n_used = 0;
    memset(fields, 0, sizeof *fields);
    TodStatus status = read_fields(bits, COUNT_BITS, 1, &n_used);
    if (status == TOD_OK && n_used > N_CLASSES)
        status = TOD_DAMAGED_CODE;
    for (int c = 0; c < n_used && status == TOD_OK; c++) {
        status = read_fields(bits, START_BITS, 1, &fields->starts[c]);
        if (status == TOD_OK)
            status = read_fields(bits, LOW_BITS, 1, &fields->low_bits[c]);
    }
    return status;
}

/* Signs and magnitudes of the coefficients whose places are known. */
static TodStatus read_values(TodRawBits *bits, const ClassFields *fields, TodArena *scratch, TodCoded *found)
{
    const size_t n = found->at.n;
    size_t starts[N_CLASSES + 1];
    uint64_t *values = tod_arena_take(scratch, n, sizeof *values);
    found->magnitudes = tod_arena_take(scratch, n, sizeof *found->magnitudes);
    if (!values || !found->magnitudes)
        return TOD_NO_MEMORY;
    for (int c = 0; c <= N_CLASSES; c++)
        starts[c] = found->at.first_rank[FINE_PER_CLASS * c];
    for (size_t i = 0; i < n; i++)
        found->magnitudes[i] = tod_next_flag(bits);
    const TodStatus status = read_rice(bits, N_CLASSES, starts, fields->low_bits, scratch, values);
    uint64_t largest = 0;
    for (size_t i = 0; i < n && status == TOD_OK; i++) {
        largest = values[i] > largest ? values[i] : largest;
        found->magnitudes[i] |= (uint32_t)(values[i] + 1) << 1;
    }
    return status == TOD_OK && largest >= TOD_MAX_DETAIL ? TOD_DAMAGED_CODE : status;
}

/* Two fine classes are one here: every coefficient is of the first of them. */
static void merge_classes(TodContexts *contexts)
{
    const size_t n = (size_t)contexts->n_maps * (size_t)contexts->band.height * (size_t)contexts->half;
    for (size_t i = 0; i < n; i++)
        contexts->classes[i] &= (uint8_t)~1u;
    for (size_t i = 0; i < (size_t)contexts->n_maps * TOD_N_CLASSES; i += FINE_PER_CLASS) {
        contexts->counts[i] += contexts->counts[i + 1];
        contexts->counts[i + 1] = 0;
    }
}

static TodStatus read_phase(TodDecoder *decoder, int phase, TodArena *keep, TodArena *scratch, TodBand *band)
{
    const ClassFields *fields = &((PlainDecoder *)decoder)->fields[phase];
    uint32_t begins[N_CLASSES + 1];
    TodCoded found;
    memset(&found, 0, sizeof found);
    if (phase == 1)
        tod_contexts_after_first(&decoder->contexts);
    tod_contexts_classes(&decoder->contexts, phase);
    merge_classes(&decoder->contexts);
    tod_number_places(&decoder->contexts, &found.at);
    for (int c = 0; c <= N_CLASSES; c++)
        begins[c] = found.at.first_place[FINE_PER_CLASS * c];
    const TodFlagLists lists = {N_CLASSES, begins, fields->starts};
    TodStatus status = tod_read_flag_lists(&decoder->raw, &lists, scratch, &found.at.n, &found.at.places);
    if (status != TOD_OK)
        return status;
    tod_rank_classes(&found.at);
    status = read_values(&decoder->raw, fields, scratch, &found);
    if (status == TOD_OK)
        status = tod_place_phase(decoder, scratch, &found);
    return status == TOD_OK ? tod_emit_phase(decoder, phase, &found, keep, scratch, band) : status;
}

TodStatus tod_read_plain_bands(TodRawBits *bits, const TodBandsSpec *spec, const TodPyramid *pyramid, TodArena *keep,
                               TodArena *scratch, TodBands *bands)
{
    const size_t n_maps = (size_t)spec->n_maps, n_bands = (size_t)TOD_N_ORIENTATIONS * (size_t)pyramid->n_levels;
    TodMark mark = tod_arena_mark(scratch);
    PlainDecoder *plain = tod_arena_zeros(scratch, 1, sizeof *plain);
    if (!plain)
        return TOD_NO_MEMORY;
    TodDecoder *decoder = &plain->decoder;
    uint8_t *means = NULL;
    decoder->spec = spec;
    decoder->raw = *bits;
    bands->n_maps = spec->n_maps;
    bands->is_wide = 1;
    TodStatus status = read_low_band(&decoder->raw, spec->n_maps, pyramid->n_low_sites, keep, scratch, &bands->low);
    if (status == TOD_OK)
        status = read_means(&decoder->raw, n_bands, n_maps, scratch, &means);
    for (int phase = 0; phase < TOD_N_PHASES && status == TOD_OK; phase++)
        status = read_class_fields(&decoder->raw, &plain->fields[phase]);
    if (status == TOD_OK)
        status = tod_contexts_open(&decoder->contexts, pyramid, spec->n_maps, scratch);
    if (status == TOD_OK)
        status = tod_decode_details(decoder, pyramid, means, read_phase, keep, scratch, bands);
    *bits = decoder->raw;
    tod_arena_rewind(scratch, mark);
    return status;
}
