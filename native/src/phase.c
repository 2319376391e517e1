#include "phase.h"

#include <string.h>

#include "ones.h"

static TodStatus read_significance(TodDecoder *decoder, int phase, TodArena *scratch, TodNonzeros *found)
{
    const TodStarts *starts = &decoder->tables.starts[phase];
    const uint32_t n_sites = found->first_place[TOD_N_FINE_CLASSES];
    uint8_t *packed = tod_arena_take(scratch, n_sites / 8 + (size_t)starts->count, 1), *at = packed;
    if (!packed)
        return TOD_NO_MEMORY;
    for (int32_t i = 0; i < starts->count; i++) {
        const uint32_t begin = found->first_place[starts->first[i]];
        const uint32_t count = found->first_place[tod_class_limit(starts, i)] - begin;
        if (count == 0)
            continue;
        const TodStatus status = tod_next_bits(&decoder->source, phase, i, count, at);
        if (status != TOD_OK)
            return status;
        at += (count + 7) / 8;
    }
    found->n = tod_count_ones(packed, (size_t)(at - packed));
    found->places = tod_arena_take(scratch, found->n + 1, sizeof *found->places);
    if (!found->places)
        return TOD_NO_MEMORY;
    size_t n = 0;
    at = packed;
    for (int32_t i = 0; i < starts->count; i++) {
        const uint32_t begin = found->first_place[starts->first[i]];
        const uint32_t n_bytes = (found->first_place[tod_class_limit(starts, i)] - begin + 7) / 8;
        n += tod_find_ones(at, n_bytes, begin, found->places + n);
        at += n_bytes;
    }
    found->places[n] = UINT32_MAX;
    tod_rank_classes(found);
    return TOD_OK;
}

static TodStatus read_magnitudes(TodDecoder *decoder, TodArena *scratch, TodCoded *found)
{
    const TodStarts *starts = &decoder->tables.magnitude_starts;
    uint8_t *tokens = tod_arena_take(scratch, found->at.n, 1);
    found->magnitudes = tod_arena_take(scratch, found->at.n, sizeof *found->magnitudes);
    if (!tokens || !found->magnitudes)
        return TOD_NO_MEMORY;
    for (int32_t i = 0; i < starts->count; i++) {
        const uint32_t begin = found->at.first_rank[starts->first[i]];
        const uint32_t end = found->at.first_rank[tod_class_limit(starts, i)];
        if (begin == end)
            continue;
        const TodStatus status = tod_next_tokens(&decoder->source, i, end - begin, tokens + begin);
        if (status != TOD_OK)
            return status;
    }
    const TodStatus status = tod_values_of(tokens, found->at.n, &decoder->raw, found->magnitudes);
    uint32_t largest = 0;
    for (size_t i = 0; i < found->at.n && status == TOD_OK; i++) {
        found->magnitudes[i]++;
        largest = found->magnitudes[i] > largest ? found->magnitudes[i] : largest;
    }
    return status == TOD_OK && largest > decoder->largest ? TOD_DAMAGED_CODE : status;
}

/* Signs around the coefficients of phase 1: sum along an edge minus sum across. */
static void find_scores(const TodContexts *contexts, TodCoded *found)
{
    const int32_t rows = contexts->band.height, half = contexts->half;
    const uint32_t *ranks = found->at.ranks;
    const uint16_t *columns = found->at.columns, *counts = found->at.row_counts;
    for (int32_t k = 0; k < contexts->n_maps; k++) {
        for (int32_t y = 0; y < rows; y++) {
            const int32_t side = tod_column_parity(k, y, 1) - 1, n = *counts++;
            const int8_t *at = contexts->signs + tod_stack_at(rows, half, k, y);
            const int8_t *above = contexts->signs + tod_stack_at(rows, half, k, y - 1);
            const int8_t *below = contexts->signs + tod_stack_at(rows, half, k, y + 1);
            for (int32_t i = 0; i < n; i++) {
                const int32_t j = *columns++, score = at[j + side] + at[j + side + 1] - above[j] - below[j];
                found->scores[*ranks++] = (int8_t)(contexts->orientation == TOD_LH ? score : -score);
            }
        }
    }
}

static TodStatus read_signs(TodDecoder *decoder, TodArena *scratch, TodCoded *found)
{
    size_t counts[TOD_N_SIGN_CLASSES] = {0}, at[TOD_N_SIGN_CLASSES], offset = 0;
    if (!found->scores)
        counts[0] = found->at.n;
    for (size_t i = 0; found->scores && i < found->at.n; i++)
        counts[found->scores[i] < 0 ? -found->scores[i] : found->scores[i]]++;
    uint8_t *packed = tod_arena_take(scratch, found->at.n / 8 + TOD_N_SIGN_CLASSES, 1);
    if (!packed)
        return TOD_NO_MEMORY;
    for (int c = 0; c < TOD_N_SIGN_CLASSES; c++) {
        at[c] = 8 * offset;
        if (counts[c] == 0)
            continue;
        const TodStatus status = tod_next_bits(&decoder->source, TOD_SIGNS, c, counts[c], packed + offset);
        if (status != TOD_OK)
            return status;
        offset += (counts[c] + 7) / 8;
    }
    for (size_t i = 0; i < found->at.n; i++) {
        const int score = found->scores ? found->scores[i] : 0;
        const size_t bit = at[score < 0 ? -score : score]++;
        const uint32_t is_negative = (packed[bit / 8] >> (7 - bit % 8) & 1u) ^ (score < 0);
        found->magnitudes[i] = found->magnitudes[i] << 1 | is_negative;
    }
    return TOD_OK;
}

/* A row's entries go into the band and into what later contexts see. Returns their largest magnitude. */
static uint32_t emit_row(TodDecoder *decoder, int phase, int32_t k, int32_t y, const TodCoded *found, size_t first,
                         size_t n, TodEntry *entries)
{
    TodContexts *contexts = &decoder->contexts;
    const int32_t parity = tod_column_parity(k, y, phase), has_siblings = contexts->orientation != TOD_HH;
    const uint32_t cap = contexts->cap, last = phase == 1 && has_siblings && y < contexts->level->bands[TOD_HH].height
                                                   ? (uint32_t)contexts->siblings[1].columns
                                                   : 0;
    const float centroids[2] = {decoder->spec->centroids[0], decoder->spec->centroids[1]};
    uint16_t *seen = tod_stack_row(&contexts->first, k, y);
    int8_t *signs = contexts->signs + tod_stack_at(contexts->band.height, contexts->half, k, y);
    uint16_t *activity = contexts->activity[k & 1] + (size_t)y * (size_t)contexts->half;
    uint16_t *siblings = last ? tod_stack_row(&contexts->siblings[1], k, y) : NULL;
    uint16_t *plain = contexts->above_finest ? tod_stack_row(&contexts->current[contexts->orientation], k, y) : NULL;
    uint32_t largest = 0;
    for (size_t i = 0; i < n; i++) {
        const uint32_t j = found->at.columns[first + i], x = 2 * j + (uint32_t)parity;
        const uint32_t code = found->magnitudes[found->at.ranks[first + i]], magnitude = code >> 1;
        const uint16_t capped = (uint16_t)(magnitude < cap ? magnitude : cap);
        const float value = (float)(int32_t)magnitude + centroids[magnitude > 1];
        entries[i] = (TodEntry){(uint16_t)x, (uint16_t)k, code & 1 ? -value : value};
        largest = magnitude > largest ? magnitude : largest;
        if (phase == 0) {
            const uint32_t sum = (uint32_t)activity[j] + capped;
            activity[j] = (uint16_t)(sum < TOD_MAX_ACTIVITY ? sum : TOD_MAX_ACTIVITY);
            seen[j] = capped;
            signs[j] = code & 1 ? -1 : 1;
        } else if (j < last) {
            siblings[j] = (uint16_t)(siblings[j] + capped);
        }
        if (plain)
            plain[x] = capped;
    }
    return largest;
}

TodStatus tod_emit_phase(TodDecoder *decoder, int phase, const TodCoded *found, TodArena *keep, TodArena *scratch,
                         TodBand *band)
{
    const TodContexts *contexts = &decoder->contexts;
    const int32_t n_maps = contexts->n_maps, rows = contexts->band.height, side = decoder->spec->maps_per_bucket;
    const size_t n_buckets = (size_t)rows * (size_t)((n_maps + side - 1) / side);
    uint32_t *starts = tod_arena_zeros(keep, n_buckets + 1, sizeof *starts);
    uint32_t *cursors = tod_arena_take(scratch, n_buckets, sizeof *cursors);
    TodEntry *entries = tod_arena_take(keep, found->at.n, sizeof *entries);
    if (!starts || !cursors || !entries)
        return TOD_NO_MEMORY;
    for (int32_t k = 0; k < n_maps; k++)
        for (int32_t y = 0; y < rows; y++)
            starts[(size_t)(k / side) * (size_t)rows + (size_t)y + 1] +=
                found->at.row_counts[(size_t)k * (size_t)rows + (size_t)y];
    for (size_t b = 0; b < n_buckets; b++)
        starts[b + 1] += starts[b];
    memcpy(cursors, starts, n_buckets * sizeof *cursors);
    size_t at = 0;
    for (int32_t k = 0; k < n_maps; k++) {
        for (int32_t y = 0; y < rows; y++) {
            const uint16_t n = found->at.row_counts[(size_t)k * (size_t)rows + (size_t)y];
            if (n == 0)
                continue;
            uint32_t *cursor = &cursors[(size_t)(k / side) * (size_t)rows + (size_t)y];
            const uint32_t largest = emit_row(decoder, phase, k, y, found, at, n, entries + *cursor);
            band->is_large[y] |= largest > decoder->spec->largest_exact;
            *cursor += n;
            at += n;
        }
    }
    band->phases[phase] = (TodEntries){starts, entries};
    return TOD_OK;
}

TodStatus tod_place_phase(TodDecoder *decoder, TodArena *scratch, TodCoded *found)
{
    const TodContexts *contexts = &decoder->contexts;
    const size_t n_rows = (size_t)contexts->n_maps * (size_t)contexts->band.height;
    found->at.ranks = tod_arena_take(scratch, found->at.n, sizeof *found->at.ranks);
    found->at.columns = tod_arena_take(scratch, found->at.n, sizeof *found->at.columns);
    found->at.row_counts = tod_arena_take(scratch, n_rows, sizeof *found->at.row_counts);
    if (!found->at.ranks || !found->at.columns || !found->at.row_counts)
        return TOD_NO_MEMORY;
    tod_place_nonzeros(contexts, &found->at);
    return TOD_OK;
}

TodStatus tod_decode_phase(TodDecoder *decoder, int phase, TodArena *keep, TodArena *scratch, TodBand *band)
{
    TodContexts *contexts = &decoder->contexts;
    TodCoded found;
    memset(&found, 0, sizeof found);
    if (phase == 1)
        tod_contexts_after_first(contexts);
    tod_contexts_classes(contexts, phase);
    tod_number_places(contexts, &found.at);
    TodStatus status = read_significance(decoder, phase, scratch, &found.at);
    if (status == TOD_OK)
        status = read_magnitudes(decoder, scratch, &found);
    if (status != TOD_OK)
        return status;
    const int has_scores = phase == 1 && contexts->orientation != TOD_HH;
    status = tod_place_phase(decoder, scratch, &found);
    if (status != TOD_OK)
        return status;
    found.scores = has_scores ? tod_arena_take(scratch, found.at.n, sizeof *found.scores) : NULL;
    if (has_scores && !found.scores)
        return TOD_NO_MEMORY;
    if (has_scores)
        find_scores(contexts, &found);
    status = read_signs(decoder, scratch, &found);
    return status == TOD_OK ? tod_emit_phase(decoder, phase, &found, keep, scratch, band) : status;
}
