#include "bands.h"

#include <string.h>

#include "low_band.h"
#include "phase.h"

static TodStatus decode_level(TodDecoder *decoder, const TodLevel *level, int32_t depth, const uint8_t *mean_codes,
                              TodPhaseReader read, TodArena *keep, TodArena *scratch, TodBand *bands)
{
    TodContexts *contexts = &decoder->contexts;
    TodStatus status = tod_contexts_level(contexts, level, depth, scratch);
    for (int o = 0; o < TOD_N_ORIENTATIONS && status == TOD_OK; o++) {
        const uint8_t *codes = mean_codes + (size_t)o * (size_t)contexts->n_maps;
        const TodSize size = level->bands[o];
        bands[o] = (TodBand){{{NULL, NULL}, {NULL, NULL}}, tod_arena_zeros(keep, (size_t)size.height, 1)};
        if (!bands[o].is_large)
            return TOD_NO_MEMORY;
        int any = 0;
        for (int32_t k = 0; k < contexts->n_maps; k++)
            any |= codes[k];
        if (!any || size.height == 0 || size.width == 0)
            continue; /* no symbols, and nothing to add to the sums over the orientations */
        tod_contexts_band(contexts, o, codes);
        for (int phase = 0; phase < TOD_N_PHASES && status == TOD_OK; phase++) {
            TodMark mark = tod_arena_mark(scratch);
            status = read(decoder, phase, keep, scratch, &bands[o]);
            tod_arena_rewind(scratch, mark);
        }
        tod_contexts_end_band(contexts);
    }
    return status;
}

TodStatus tod_decode_details(TodDecoder *decoder, const TodPyramid *pyramid, const uint8_t *mean_codes,
                             TodPhaseReader read, TodArena *keep, TodArena *scratch, TodBands *bands)
{
    TodStatus status = TOD_OK;
    for (int32_t depth = pyramid->n_levels - 1; depth >= 0 && status == TOD_OK; depth--) {
        status = decode_level(decoder, &pyramid->levels[depth], depth, mean_codes, read, keep, scratch,
                              bands->details[depth]);
        mean_codes += (size_t)TOD_N_ORIENTATIONS * (size_t)decoder->spec->n_maps;
    }
    return status;
}

TodStatus tod_decode_bands(const TodStream *stream, const TodBandsSpec *spec, const TodPyramid *pyramid, TodArena *keep,
                           TodArena *scratch, TodBands *bands)
{
    const int32_t n_levels = pyramid->n_levels, k = spec->n_maps;
    TodMark mark = tod_arena_mark(scratch);
    TodDecoder *decoder = tod_arena_zeros(scratch, 1, sizeof *decoder);
    if (!decoder)
        return TOD_NO_MEMORY;
    decoder->spec = spec;
    decoder->largest = stream->is_wide ? TOD_MAX_DETAIL : INT16_MAX;
    decoder->raw = (TodRawBits){stream->raw, 0, 8 * (uint64_t)stream->raw_bytes};
    TodStatus status = tod_read_tables(stream->model, stream->model_bytes, k, TOD_N_ORIENTATIONS * n_levels, scratch,
                                       &decoder->tables);
    if (status == TOD_OK)
        status = tod_open_source(stream, &decoder->tables, scratch, &decoder->source);
    if (status == TOD_OK)
        status = tod_contexts_open(&decoder->contexts, pyramid, k, scratch);
    if (status == TOD_OK)
        status = tod_decode_low_band(decoder, pyramid->n_low_sites, stream->is_wide, keep, scratch, &bands->low);
    bands->n_maps = k;
    bands->is_wide = stream->is_wide;
    if (status == TOD_OK)
        status =
            tod_decode_details(decoder, pyramid, decoder->tables.mean_codes, tod_decode_phase, keep, scratch, bands);
    tod_arena_rewind(scratch, mark);
    return status;
}
