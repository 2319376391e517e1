#include "stream.h"

#include <string.h>

#include "packed_model.h"

#define HEADER_BYTES 13
#define MAX_MODEL_BYTES ((size_t)1 << 20)
#define MAX_PADDING ((uint64_t)1 << 20) /* bytes: far above one byte for every run of bits */

enum { WIDE = 1, PLAIN = 2, PACKED = 4 };

static uint32_t u32_at(const uint8_t *data)
{
    return data[0] | (uint32_t)data[1] << 8 | (uint32_t)data[2] << 16 | (uint32_t)data[3] << 24;
}

/* A frame that declares its size, of at most `most` bytes. */
static TodStatus inflate(TodBytes frame, size_t most, TodStatus damaged, TodArena *scratch, TodBytes *decoded)
{
    uint64_t n;
    if (!tod_zstd_size(frame, &n) || n > most)
        return damaged;
    uint8_t *bytes = tod_arena_take(scratch, (size_t)n, 1);
    if (!bytes)
        return TOD_NO_MEMORY;
    *decoded = (TodBytes){bytes, (size_t)n};
    const TodStatus status = tod_unzstd(frame, scratch->allocator, bytes, (size_t)n);
    return status == TOD_INVALID_SECTION ? damaged : status;
}

static TodStatus unpack(TodBytes packed, int32_t n_maps, int32_t n_bands, TodArena *scratch, TodBytes *model)
{
    uint8_t *bytes = tod_arena_take(scratch, tod_model_bytes(n_maps, n_bands), 1);
    size_t n = 0;
    if (!bytes)
        return TOD_NO_MEMORY;
    const TodStatus status = tod_unpack_model(packed.data, packed.n, n_maps, n_bands, scratch, bytes, &n);
    *model = (TodBytes){bytes, n};
    return status;
}

static TodStatus read_pieces(TodBytes pieces, const uint8_t *directory, size_t n_streams, uint8_t *bytes,
                             const uint32_t *lengths, TodArena *scratch)
{
    for (size_t i = 0; i < n_streams; i++) {
        const uint32_t stored = u32_at(directory + 4 * (n_streams + i));
        const TodBytes piece = {pieces.data, stored};
        TodStatus status = TOD_OK;
        if (stored == lengths[i])
            memcpy(bytes, piece.data, stored);
        else
            status = tod_unzstd_magicless(piece, (TodBytes){NULL, 0}, scratch->allocator, bytes, lengths[i]);
        if (status != TOD_OK)
            return status == TOD_INVALID_SECTION ? TOD_DAMAGED_STREAMS : status;
        pieces.data += stored;
        bytes += lengths[i];
    }
    return TOD_OK;
}

static TodStatus read_streams(TodBytes section, size_t n_streams, uint64_t n_values, TodArena *scratch,
                              TodStream *stream)
{
    TodBytes directory;
    if (section.n < 4 || u32_at(section.data) > section.n - 4)
        return TOD_DAMAGED_STREAMS;
    const size_t n_directory = u32_at(section.data);
    TodStatus status =
        inflate((TodBytes){section.data + 4, n_directory}, 8 * n_streams, TOD_DAMAGED_STREAMS, scratch, &directory);
    if (status != TOD_OK)
        return status;
    if (directory.n != 8 * n_streams)
        return TOD_DAMAGED_STREAMS;
    const TodBytes pieces = {section.data + 4 + n_directory, section.n - 4 - n_directory};
    uint32_t *lengths = tod_arena_take(scratch, n_streams, sizeof *lengths);
    if (!lengths)
        return TOD_NO_MEMORY;
    uint64_t n_bytes = 0, n_stored = 0;
    for (size_t i = 0; i < n_streams; i++) {
        n_bytes += lengths[i] = u32_at(directory.data + 4 * i);
        n_stored += u32_at(directory.data + 4 * (n_streams + i));
    }
    if (n_stored != pieces.n || n_bytes > 3 * n_values + MAX_PADDING)
        return TOD_DAMAGED_STREAMS;
    uint8_t *bytes = tod_arena_take(scratch, (size_t)n_bytes, 1);
    if (!bytes)
        return TOD_NO_MEMORY;
    stream->symbols = bytes;
    stream->symbol_bytes = (size_t)n_bytes;
    stream->lengths = lengths;
    stream->n_lengths = n_streams;
    return read_pieces(pieces, directory.data, n_streams, bytes, lengths, scratch);
}

TodStatus tod_split_stream(TodBytes data, int32_t n_maps, int32_t n_levels, uint64_t n_values, TodArena *scratch,
                           TodStream *stream)
{
    memset(stream, 0, sizeof *stream);
    if (data.n < HEADER_BYTES || data.data[0] > (WIDE | PLAIN | PACKED))
        return TOD_DAMAGED_HEADER;
    const uint64_t n_model = u32_at(data.data + 1), n_symbols = u32_at(data.data + 5), n_raw = u32_at(data.data + 9);
    if (HEADER_BYTES + n_model + n_symbols + n_raw != data.n)
        return TOD_DAMAGED_HEADER;
    const TodBytes frame = {data.data + HEADER_BYTES, (size_t)n_model};
    const TodBytes section = {frame.data + n_model, (size_t)n_symbols};
    TodBytes model;
    TodStatus status = data.data[0] & PACKED ? unpack(frame, n_maps, 3 * n_levels, scratch, &model)
                                             : inflate(frame, MAX_MODEL_BYTES, TOD_DAMAGED_MODEL, scratch, &model);
    if (status != TOD_OK)
        return status;
    stream->is_wide = data.data[0] & WIDE;
    stream->is_plain = data.data[0] & PLAIN;
    stream->model = model.data;
    stream->model_bytes = model.n;
    stream->symbols = section.data;
    stream->symbol_bytes = section.n;
    stream->raw = section.data + n_symbols;
    stream->raw_bytes = (size_t)n_raw;
    if (!stream->is_plain)
        return TOD_OK;
    TodTables tables;
    status = tod_read_tables(model.data, model.n, n_maps, 3 * n_levels, scratch, &tables);
    if (status != TOD_OK)
        return status;
    const size_t n_streams = (size_t)tables.starts[0].count + (size_t)tables.starts[1].count + TOD_N_SIGN_CLASSES +
                             (size_t)tables.magnitude_starts.count + 1;
    return read_streams(section, n_streams, n_values, scratch, stream);
}
