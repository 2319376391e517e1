#include "container.h"

#include <string.h>

#include "adaptive.h"
#include "packed_metadata.h"

#define HEADER_BYTES 32
#define HEADER_CRC_BYTES 28
#define MAJOR 1

static uint32_t u16_at(const uint8_t *data)
{
    return data[0] | (uint32_t)data[1] << 8;
}

static uint32_t u32_at(const uint8_t *data)
{
    return u16_at(data) | u16_at(data + 2) << 16;
}

uint64_t tod_budget(uint64_t a, uint64_t factor, uint64_t n)
{
    const uint64_t room = UINT64_MAX - a;
    return n && factor > room / n ? UINT64_MAX : a + factor * n;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* Bytes of the file. TOD_READ_FAILED: the reader gave fewer. */
static TodStatus read_bytes(const TodContainer *container, uint64_t offset, size_t n, const char *what,
                            TodArena *scratch, TodBytes *bytes, TodError *error)
{
    if (container->memory) {
        *bytes = (TodBytes){container->memory + offset, n};
        return TOD_OK;
    }
    uint8_t *copy = tod_arena_take(scratch, n, 1);
    if (!copy)
        return tod_fail_at(error, TOD_NO_MEMORY, what);
    const size_t found = n ? container->reader.read(container->reader.context, offset, copy, n) : 0;
    if (found != n)
        return tod_fail(error, TOD_READ_FAILED, "%s: expected %zu bytes from the reader, found %zu", what, n, found);
    *bytes = (TodBytes){copy, n};
    return TOD_OK;
}

static TodStatus check_header(TodContainer *container, const uint8_t *head, TodError *error)
{
    const uint64_t size = container->reader.n_bytes, said = u32_at(head + 20) | (uint64_t)u32_at(head + 24) << 32;
    const uint32_t stored = u32_at(head + 12), decoded = u32_at(head + 16);
    const TodLimits *limits = &container->limits;
    container->major = (int32_t)u16_at(head + 8);
    container->minor = (int32_t)u16_at(head + 10);
    if (container->major != MAJOR)
        return tod_fail(error, TOD_UNSUPPORTED_VERSION, "expected format %d.x, found %d.%d", MAJOR, container->major,
                        container->minor);
    if (said != size || HEADER_BYTES + (uint64_t)stored > size)
        return tod_fail(error, TOD_TRUNCATED, "expected %llu bytes by its header, found %llu", (unsigned long long)said,
                        (unsigned long long)size);
    const uint64_t most = larger(limits->free_metadata_bytes, tod_budget(0, limits->metadata_expansion, stored));
    const uint64_t limit = most < limits->metadata_bytes ? most : limits->metadata_bytes;
    if (decoded > limit || stored > limit)
        return tod_fail(error, TOD_OVER_LIMIT, "metadata of %lu bytes is over the limit of %llu",
                        (unsigned long)(decoded > stored ? decoded : stored), (unsigned long long)limit);
    return TOD_OK;
}

TodStatus tod_read_metadata(TodContainer *container, TodArena *scratch, TodJson *json, TodError *error)
{
    static const uint8_t MAGIC[8] = {0x89, 'T', 'O', 'D', '\r', '\n', 0x1A, '\n'};
    const uint64_t size = container->reader.n_bytes;
    const size_t n_head = size < HEADER_BYTES ? (size_t)size : HEADER_BYTES;
    TodBytes head, stored;
    tod_fill_crc(&container->crc);
    if (read_bytes(container, 0, n_head, "header", scratch, &head, error) != TOD_OK)
        return error->status;
    if (n_head == 0 || memcmp(head.data, MAGIC, n_head < sizeof MAGIC ? n_head : sizeof MAGIC) != 0)
        return tod_fail(error, TOD_NOT_AN_ARCHIVE, "expected a todpack archive, found other content");
    if (n_head < HEADER_BYTES)
        return tod_fail(error, TOD_TRUNCATED, "expected a header of %d bytes, found %zu", HEADER_BYTES, n_head);
    if (check_header(container, head.data, error) != TOD_OK ||
        read_bytes(container, HEADER_BYTES, u32_at(head.data + 12), "metadata.json", scratch, &stored, error) != TOD_OK)
        return error->status;
    const uint32_t crc = tod_crc32(&container->crc, 0, head.data, HEADER_CRC_BYTES);
    const uint32_t stated = u32_at(head.data + HEADER_CRC_BYTES);
    if (!tod_crc_matches(tod_crc32(&container->crc, crc, stored.data, stored.n), stated))
        return tod_fail(error, TOD_DAMAGED, "header: checksum does not match; the file is damaged");
    const size_t n = u32_at(head.data + 16);
    char *text = tod_arena_take(scratch, n + 1, 1);
    if (!text)
        return tod_fail_at(error, TOD_NO_MEMORY, "metadata.json");
    if (tod_is_packed_metadata(stored)) {
        if (tod_unpack_metadata(stored, scratch, text, n, error) != TOD_OK)
            return error->status;
    } else {
        const TodBytes dictionary = {tod_dictionary, tod_dictionary_bytes};
        const TodStatus status = tod_has_magic(stored)
                                     ? tod_unzstd(stored, scratch->allocator, (uint8_t *)text, n)
                                     : tod_unzstd_magicless(stored, dictionary, scratch->allocator, (uint8_t *)text, n);
        if (status != TOD_OK)
            return tod_fail_at(error, status, "metadata.json");
    }
    text[n] = 0;
    *json = (TodJson){text, n};
    container->start = HEADER_BYTES + stored.n;
    return tod_check_json(json, scratch, error);
}

TodStatus tod_find_section(const TodContainer *container, const char *name, const TodSection **section, TodError *error)
{
    size_t low = 0, high = container->n_sections;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        const int order = strcmp(container->sections[middle].name, name);
        if (order == 0) {
            *section = &container->sections[middle];
            return TOD_OK;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return tod_fail(error, TOD_INVALID_SECTION, "expected a section %s, found none", name);
}

size_t tod_item_bytes(TodItemType type)
{
    static const uint8_t BYTES[] = {1, 1, 2, 2, 4, 2, 4};
    return BYTES[type];
}

/* Bytes plane by plane -> item by item. */
static void join_planes(const uint8_t *planes, size_t n_items, size_t width, uint8_t *items)
{
    for (size_t plane = 0; plane < width; plane++)
        for (size_t i = 0; i < n_items; i++)
            items[i * width + plane] = planes[plane * n_items + i];
}

/* Integers in adaptive bits, as zigzag numbers of the section's type. */
static TodStatus unpack_items(const TodSection *section, TodBytes stored, TodArena *scratch, uint8_t *items,
                              TodError *error)
{
    const int64_t columns = section->rank > 0 ? section->shape[section->rank - 1] : 1;
    const int64_t rows = section->rank > 1 ? section->shape[section->rank - 2] : 1;
    const int64_t planes = section->rank > 2 ? section->shape[0] : 1;
    const size_t width = tod_item_bytes(section->type), n = (size_t)section->decoded_bytes / width;
    static const uint32_t LARGEST[] = {UINT8_MAX, INT8_MAX, UINT16_MAX, INT16_MAX, INT32_MAX, 0, 0};
    if (n > (size_t)1 << 20)
        return tod_fail(error, TOD_INVALID_SECTION, "section %s: expected at most 2^20 integers", section->name);
    const TodMark mark = tod_arena_mark(scratch);
    int64_t *values = tod_arena_take(scratch, n, sizeof *values);
    /* of no items, whatever its sides */
    int64_t *rests = tod_arena_take(scratch, n ? 2 * (size_t)columns + 4 : 0, sizeof *rests);
    if (!values || !rests)
        return tod_fail_at(error, TOD_NO_MEMORY, section->name);
    if (n)
        tod_unpack_integers(stored.data, stored.n, (size_t)planes, (size_t)rows, (size_t)columns, rests, values);
    for (size_t i = 0; i < n; i++) {
        const uint64_t coded = values[i] < 0 ? 2 * (uint64_t)-values[i] - 1 : 2 * (uint64_t)values[i];
        if (coded > LARGEST[section->type])
            return tod_fail(error, TOD_INVALID_SECTION, "section %s: an integer is larger than its items hold",
                            section->name);
        for (size_t byte = 0; byte < width; byte++)
            items[i * width + byte] = (uint8_t)(coded >> 8 * byte);
    }
    tod_arena_rewind(scratch, mark);
    return TOD_OK;
}

TodStatus tod_read_section(const TodContainer *container, const TodSection *section, TodArena *scratch, TodBytes *bytes,
                           TodError *error)
{
    TodBytes stored;
    if (section->stored_bytes > SIZE_MAX / 4 || section->decoded_bytes > SIZE_MAX / 4)
        return tod_fail(error, TOD_TOO_LARGE, "section %s: larger than this machine's memory", section->name);
    if (read_bytes(container, section->offset, (size_t)section->stored_bytes, section->name, scratch, &stored, error) !=
        TOD_OK)
        return error->status;
    if (!tod_crc_matches(tod_crc32(&container->crc, 0, stored.data, stored.n), section->crc32))
        return tod_fail(error, TOD_DAMAGED, "section %s: checksum does not match; the file is damaged", section->name);
    *bytes = stored;
    if (section->codec == TOD_CODEC_STANDARD)
        return tod_fail(error, TOD_INVALID_SECTION, "section %s: expected stored bytes, found the codec standard",
                        section->name);
    if (section->codec == TOD_CODEC_RAW)
        return TOD_OK;
    const size_t n = (size_t)section->decoded_bytes, width = tod_item_bytes(section->type);
    uint8_t *items = tod_arena_take(scratch, n, 1), *decoded = items;
    if (items && section->codec == TOD_CODEC_ADAPTIVE) {
        *bytes = (TodBytes){items, n};
        return unpack_items(section, stored, scratch, items, error);
    }
    if (width > 1)
        decoded = tod_arena_take(scratch, n, 1);
    if (!items || !decoded)
        return tod_fail_at(error, TOD_NO_MEMORY, section->name);
    const TodBytes dictionary = {tod_dictionary, tod_dictionary_bytes};
    const TodStatus status = section->codec == TOD_CODEC_ZSTD
                                 ? tod_unzstd(stored, scratch->allocator, decoded, n)
                                 : tod_unzstd_magicless(stored, dictionary, scratch->allocator, decoded, n);
    if (status == TOD_NO_MEMORY)
        return tod_fail_at(error, status, section->name);
    if (status != TOD_OK)
        return tod_fail(error, status, "section %s: expected a zstd frame of %zu bytes, found another", section->name,
                        n);
    if (width > 1)
        join_planes(decoded, n / width, width, items);
    *bytes = (TodBytes){items, n};
    return TOD_OK;
}
