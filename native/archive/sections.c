#include <string.h>

#include "container.h"
#include "fields.h"
#include "sort.h"

#define MAX_DIMENSIONS 8
#define MAX_BYTES ((int64_t)1 << 62)
#define UNPACKING_BYTES 24 /* an integer as int64_t, and its rests where all are in one row */

static uint64_t times(uint64_t a, uint64_t b)
{
    return tod_budget(0, a, b);
}

/* The shape's dimensions: how many, the first few, and the items that they make, with and without empty ones. */
static void read_shape(TodFields *fields, TodSection *section, uint64_t *n_items, uint64_t *n_counted)
{
    const TodItems items = tod_items(fields, "shape", 0, MAX_DIMENSIONS);
    TodPlace item = items.place;
    section->rank = (int32_t)items.n;
    *n_items = *n_counted = 1;
    for (size_t i = 0; i < items.n; i++) {
        int64_t side = 0;
        i == 0 ? tod_first(fields->json, &item, NULL) : tod_next(fields->json, &item, NULL);
        if (!tod_read_integer(fields->json, item, &side) || side < 0) {
            tod_fail(fields->error, TOD_INVALID_METADATA, "%s.shape: expected integers that are not negative",
                     fields->where);
            return;
        }
        if (i < TOD_SHAPE_KEPT)
            section->shape[i] = side;
        *n_counted = times(*n_counted, side > 1 ? (uint64_t)side : 1);
        *n_items = side ? times(*n_items, (uint64_t)side) : 0;
    }
}

static int32_t most_dimensions(TodCodec codec)
{
    return codec == TOD_CODEC_STANDARD ? 1 : codec == TOD_CODEC_ADAPTIVE ? TOD_SHAPE_KEPT : MAX_DIMENSIONS;
}

static void read_section(const TodContainer *container, TodFields *fields, TodArena *held, TodSection *section)
{
    static const char *const CODECS[] = {"raw", "zstd", "zstd-1", "adaptive", "standard"};
    static const char *const TYPES[] = {"u1", "i1", "u2", "i2", "i4", "f2", "f4"};
    const TodLimits *limits = &container->limits;
    uint64_t n_items, n_counted;
    memset(section, 0, sizeof *section);
    section->name = tod_text(fields, "name", TOD_MAX_TEXT, held);
    section->type = (TodItemType)tod_choice(fields, "dtype", TYPES, 7);
    read_shape(fields, section, &n_items, &n_counted);
    section->codec = (TodCodec)tod_choice(fields, "codec", CODECS, 5);
    section->offset = (uint64_t)tod_integer(fields, "offset", 0, MAX_BYTES);
    section->stored_bytes = (uint64_t)tod_integer(fields, "stored_bytes", 0, MAX_BYTES);
    section->decoded_bytes = (uint64_t)tod_integer(fields, "decoded_bytes", 0, MAX_BYTES);
    section->crc32 = (uint32_t)tod_integer(fields, "crc32", 0, UINT32_MAX);
    if (fields->error->status != TOD_OK)
        return;
    const unsigned long long stored = section->stored_bytes, decoded = section->decoded_bytes;
    if (times(n_items, tod_item_bytes(section->type)) != decoded)
        tod_fail(fields->error, TOD_INVALID_SECTION, "%s (%s): expected its shape to have decoded_bytes, found %llu",
                 fields->where, section->name, decoded);
    else if (section->codec == TOD_CODEC_RAW && stored != decoded)
        tod_fail(fields->error, TOD_INVALID_SECTION, "%s (%s): raw, but stored and decoded sizes differ", fields->where,
                 section->name);
    else if (section->rank > most_dimensions(section->codec))
        tod_fail(fields->error, TOD_INVALID_SECTION,
                 "%s (%s): expected at most %d dimensions of the codec %s, found %d", fields->where, section->name,
                 (int)most_dimensions(section->codec), CODECS[section->codec], (int)section->rank);
    else if (times(n_counted, tod_item_bytes(section->type)) > limits->section_bytes)
        tod_fail(fields->error, TOD_OVER_LIMIT, "%s (%s): more than the limit of %llu bytes", fields->where,
                 section->name, (unsigned long long)limits->section_bytes);
    else if (decoded > limits->free_expansion_bytes && decoded > times(limits->section_expansion, stored))
        tod_fail(fields->error, TOD_OVER_LIMIT,
                 "%s (%s): %llu bytes would expand to %llu, over the limit of %llu times", fields->where, section->name,
                 stored, decoded, (unsigned long long)limits->section_expansion);
}

static int compare_sections(const void *a, const void *b)
{
    return strcmp(((const TodSection *)a)->name, ((const TodSection *)b)->name);
}

static TodStatus sort_by_name(TodSection *sections, size_t n, TodError *error)
{
    tod_sort(sections, n, sizeof *sections, compare_sections);
    for (size_t i = 1; i < n; i++)
        if (strcmp(sections[i - 1].name, sections[i].name) == 0)
            return tod_fail(error, TOD_INVALID_SECTION, "metadata.json.sections: the name %s stands twice",
                            sections[i].name);
    return TOD_OK;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static int ends_in(const char *name, const char *end)
{
    const size_t n = strlen(name), n_end = strlen(end);
    return n >= n_end && strcmp(name + n - n_end, end) == 0;
}

/* What reading a section takes, for `tod_check_cost`. */
static void count(TodContainer *container, const TodSection *section)
{
    const uint64_t width = tod_item_bytes(section->type), planes = width > 1 ? 2 : 1; /* and items of them */
    const uint64_t n = section->codec == TOD_CODEC_ADAPTIVE ? section->decoded_bytes / width : 0;
    const int has_stream = ends_in(section->name, "/coefficients");
    container->largest = larger(container->largest, times(section->decoded_bytes, planes) + times(n, UNPACKING_BYTES));
    if (has_stream)
        container->longest_stream = larger(container->longest_stream, section->decoded_bytes);
    if (section->codec != TOD_CODEC_ADAPTIVE)
        return;
    container->most_integers = larger(container->most_integers, n);
    if (has_stream || ends_in(section->name, "/classes"))
        container->most_of_tiles = larger(container->most_of_tiles, n);
}

TodStatus tod_read_sections(TodContainer *container, const TodJson *json, TodArena *held, TodError *error)
{
    const TodLimits *limits = &container->limits;
    const uint64_t file_bytes = container->reader.n_bytes, start = container->start;
    TodFields all = tod_all_fields(json, error);
    const TodItems items = tod_items(&all, "sections", 0, SIZE_MAX);
    if (error->status == TOD_OK && items.n > limits->sections)
        tod_fail(error, TOD_OVER_LIMIT, "metadata.json: %zu sections are over the limit of %llu", items.n,
                 (unsigned long long)limits->sections);
    if (error->status != TOD_OK)
        return error->status;
    TodSection *sections = tod_arena_take(held, items.n, sizeof *sections);
    if (!sections)
        return tod_fail_at(error, TOD_NO_MEMORY, "metadata.json.sections");
    uint64_t at = 0, decoded = 0;
    TodPlace item = items.place;
    size_t i = 0;
    for (int found = items.n && tod_first(json, &item, NULL); found; found = tod_next(json, &item, NULL), i++) {
        TodFields fields = tod_item(&all, "sections", item, i);
        if (error->status == TOD_OK)
            read_section(container, &fields, held, &sections[i]);
        if (error->status == TOD_OK && sections[i].offset != at)
            tod_fail(error, TOD_INVALID_SECTION, "%s: expected offset %llu, found %llu", fields.where,
                     (unsigned long long)at, (unsigned long long)sections[i].offset);
        if (error->status != TOD_OK)
            return error->status;
        at = tod_budget(at, 1, sections[i].stored_bytes);
        decoded = tod_budget(decoded, 1, sections[i].decoded_bytes);
        count(container, &sections[i]);
        sections[i].offset += start;
        if (at > file_bytes) /* nothing is added up beyond it */
            break;
    }
    if (decoded > limits->free_decoded_bytes && decoded > times(limits->section_expansion, file_bytes))
        return tod_fail(error, TOD_OVER_LIMIT, "metadata.json: sections of %llu decoded bytes are over the limit",
                        (unsigned long long)decoded);
    if (at > file_bytes || start + at != file_bytes)
        return tod_fail(error, TOD_INVALID_SECTION, "metadata.json: sections end at %llu, the file at %llu",
                        (unsigned long long)(start + at), (unsigned long long)file_bytes);
    container->sections = sections;
    container->n_sections = items.n;
    return sort_by_name(sections, items.n, error);
}
