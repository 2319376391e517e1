#include "symbols.h"

#include <string.h>

#define N_DIRECT 12

static TodStatus open_plain(const TodStream *stream, const int32_t counts[], int32_t n_tables, TodArena *arena,
                            TodSource *source)
{
    size_t n_streams = (size_t)n_tables, at = 0, offset = 0;
    for (int group = 0; group < TOD_N_GROUPS; group++)
        n_streams += (size_t)counts[group];
    if (stream->n_lengths != n_streams)
        return TOD_DAMAGED_STREAMS;
    TodPlainStream *streams = tod_arena_take(arena, n_streams, sizeof *streams);
    if (!streams)
        return TOD_NO_MEMORY;
    for (size_t i = 0; i < n_streams; i++) {
        if (stream->lengths[i] > stream->symbol_bytes - offset)
            return TOD_DAMAGED_STREAMS;
        streams[i] = (TodPlainStream){stream->symbols + offset, stream->lengths[i]};
        offset += stream->lengths[i];
    }
    for (int group = 0; group < TOD_N_GROUPS; group++) {
        source->bit_streams[group] = streams + at;
        at += (size_t)counts[group];
    }
    source->token_streams = streams + at;
    return TOD_OK;
}

static TodStatus open_ans(const TodStream *stream, const TodTables *tables, const int32_t counts[], int32_t n_tables,
                          TodArena *arena, TodSource *source)
{
    const uint16_t *probabilities[TOD_N_GROUPS] = {tables->significance[0], tables->significance[1], tables->signs};
    for (int group = 0; group < TOD_N_GROUPS; group++) {
        TodBitModels *models = tod_arena_take(arena, (size_t)counts[group], sizeof *models);
        if (!models)
            return TOD_NO_MEMORY;
        for (int32_t i = 0; i < counts[group]; i++)
            tod_build_bit_models(probabilities[group][i], &models[i]);
        source->bit_models[group] = models;
    }
    source->token_models = tod_arena_take(arena, (size_t)n_tables, sizeof *source->token_models);
    if (!source->token_models)
        return TOD_NO_MEMORY;
    for (int32_t i = 0; i < n_tables; i++)
        tod_build_token_model(i == source->low_table ? &tables->low_tokens : &tables->magnitudes[i],
                              &source->token_models[i]);
    return tod_ans_open(&source->ans, stream->symbols, stream->symbol_bytes);
}

TodStatus tod_open_source(const TodStream *stream, const TodTables *tables, TodArena *arena, TodSource *source)
{
    const int32_t counts[TOD_N_GROUPS] = {tables->starts[0].count, tables->starts[1].count, TOD_N_SIGN_CLASSES};
    const int32_t n_tables = tables->magnitude_starts.count + 1;
    source->is_plain = stream->is_plain;
    source->low_table = n_tables - 1;
    if (stream->is_plain)
        return open_plain(stream, counts, n_tables, arena, source);
    return open_ans(stream, tables, counts, n_tables, arena, source);
}

static const uint8_t *take_plain(TodPlainStream *stream, size_t n)
{
    const uint8_t *at = stream->at;
    if (n > stream->left)
        return NULL;
    stream->at += n;
    stream->left -= n;
    return at;
}

TodStatus tod_next_bits(TodSource *source, int group, int32_t index, size_t count, uint8_t *packed)
{
    if (!source->is_plain) {
        tod_ans_bits(&source->ans, &source->bit_models[group][index], count, packed);
        return TOD_OK;
    }
    const size_t n = (count + 7) / 8;
    const uint8_t *bytes = take_plain(&source->bit_streams[group][index], n);
    if (!bytes)
        return TOD_DAMAGED_STREAMS;
    memcpy(packed, bytes, n);
    if (count % 8)
        packed[n - 1] = (uint8_t)(packed[n - 1] & 0xFF00 >> count % 8);
    return TOD_OK;
}

TodStatus tod_next_tokens(TodSource *source, int32_t table, size_t count, uint8_t *tokens)
{
    if (!source->is_plain) {
        tod_ans_tokens(&source->ans, &source->token_models[table], count, tokens);
        return TOD_OK;
    }
    const uint8_t *bytes = take_plain(&source->token_streams[table], count);
    if (!bytes)
        return TOD_DAMAGED_STREAMS;
    for (size_t i = 0; i < count; i++)
        if ((tokens[i] = bytes[i]) >= TOD_N_TOKENS)
            return TOD_DAMAGED_TOKEN;
    return TOD_OK;
}

TodStatus tod_next_raw(TodRawBits *raw, uint32_t width, uint32_t *value)
{
    if (width > raw->n_bits - raw->position)
        return TOD_DAMAGED_RAW_BITS;
    const uint8_t *byte = raw->data + raw->position / 8;
    const uint32_t skipped = (uint32_t)(raw->position % 8);
    uint32_t window = 0;
    for (uint32_t held = 0; held < skipped + width; held += 8)
        window = window << 8 | *byte++;
    const uint32_t spare = (0u - (skipped + width)) % 8;
    *value = window >> spare & (uint32_t)((1u << width) - 1);
    raw->position += width;
    return TOD_OK;
}

TodStatus tod_values_of(const uint8_t *tokens, size_t count, TodRawBits *raw, uint32_t *values)
{
    for (size_t i = 0; i < count; i++) {
        const uint32_t token = tokens[i];
        values[i] = token;
        if (token < N_DIRECT)
            continue;
        const uint32_t late = token - N_DIRECT, width = 1 + late / 2;
        uint32_t rest;
        const TodStatus status = tod_next_raw(raw, width, &rest);
        if (status != TOD_OK)
            return status;
        values[i] = ((2 + late % 2) << width) + 8 + rest;
    }
    return TOD_OK;
}
