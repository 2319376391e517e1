#include "low_band.h"

/* Values of a map's sites from what the tokens say and the raw low bits of each. */
static TodStatus finish_map(TodDecoder *decoder, const uint32_t *high, int32_t n_sites, uint32_t rice, int64_t largest,
                            int32_t *codes)
{
    int64_t value = 0;
    for (int32_t i = 0; i < n_sites; i++) {
        uint32_t rest;
        const TodStatus status = tod_next_raw(&decoder->raw, rice, &rest);
        if (status != TOD_OK)
            return status;
        const int64_t zigzag = (int64_t)high[i] << rice | rest, stored = zigzag >> 1 ^ -(zigzag & 1);
        value = decoder->tables.low_predicted ? value + stored : stored;
        if (value > largest || -value > largest)
            return TOD_DAMAGED_CODE;
        codes[i] = (int32_t)value;
    }
    return TOD_OK;
}

TodStatus tod_decode_low_band(TodDecoder *decoder, int32_t n_sites, int is_wide, TodArena *keep, TodArena *scratch,
                              const int32_t **codes)
{
    const int32_t n_maps = decoder->spec->n_maps;
    const size_t n = (size_t)n_maps * (size_t)n_sites;
    TodMark mark = tod_arena_mark(scratch);
    uint8_t *tokens = tod_arena_take(scratch, n, sizeof *tokens);
    uint32_t *values = tod_arena_take(scratch, n, sizeof *values);
    int32_t *out = tod_arena_take(keep, n, sizeof *out);
    if (!tokens || !values || !out)
        return TOD_NO_MEMORY;
    TodStatus status = tod_next_tokens(&decoder->source, decoder->source.low_table, n, tokens);
    if (status == TOD_OK)
        status = tod_values_of(tokens, n, &decoder->raw, values);
    for (int32_t k = 0; k < n_maps && status == TOD_OK; k++) {
        const size_t at = (size_t)k * (size_t)n_sites;
        status = finish_map(decoder, values + at, n_sites, decoder->tables.low_rice[k], is_wide ? INT32_MAX : INT16_MAX,
                            out + at);
    }
    tod_arena_rewind(scratch, mark);
    *codes = out;
    return status;
}
