#include "metadata.h"

#include <string.h>

#include "sort.h"

#define MAX_SIDE (1 << 20)
#define MAX_HOURS 4096
#define MAX_LIGHTMAPS (1 << 16)
#define MAX_FEATURES 256
#define DAY_H 24.0

/* The digest itself is for `todpack verify`. */
static void check_digest(TodFields *all)
{
    char digits[65] = "";
    const TodPlace value = tod_find(all->json, all->object, "sha256");
    const int is_text = value && all->json->text[value] == '"';
    const TodText text = is_text ? tod_read_text(all->json, value, digits, 64) : (TodText){-1, 0};
    if (text.n_bytes != 64 || strspn(digits, "0123456789abcdef") != 64)
        tod_fail(all->error, TOD_INVALID_METADATA,
                 "metadata.json.sha256: expected 64 hexadecimal digits, found others");
}

/* Refuse an archive that would decode wrongly without something that is not known here. */
static void check_required(TodFields *all)
{
    static const char *const FEATURES[] = {"smoothing", "curve",  "dictionary", "digest", "outliers",
                                           "adaptive",  "probes", "maps",       "packed"};
    if (tod_is_absent(all, "requires"))
        return;
    const TodItems items = tod_items(all, "requires", 0, MAX_FEATURES);
    TodPlace item = items.place;
    for (int found = items.n && tod_first(all->json, &item, NULL); found; found = tod_next(all->json, &item, NULL)) {
        char name[64];
        int is_known = 0;
        TodText text = {-1, 0};
        if (all->json->text[item] == '"')
            text = tod_read_text(all->json, item, name, sizeof name - 1);
        name[text.n_bytes < 0 ? 0 : text.n_bytes] = 0;
        for (size_t i = 0; i < sizeof FEATURES / sizeof *FEATURES; i++)
            is_known |= strcmp(name, FEATURES[i]) == 0 && strlen(name) == (size_t)text.n_bytes; /* no NUL within */
        if (strcmp(name, "digest") == 0)
            check_digest(all);
        if (!is_known)
            tod_fail(all->error, TOD_UNSUPPORTED_FEATURE,
                     "metadata.json.requires: %.*s is not known to this version of the library; a newer one reads it",
                     (int)(tod_extent(all->json, item) < 42 ? tod_extent(all->json, item) : 42),
                     all->json->text + item);
    }
}

static void check_version(TodFields *all, const TodContainer *container, TodArena *scratch)
{
    char expected[32];
    const TodMark mark = tod_arena_mark(scratch);
    tod_write(expected, sizeof expected, "%d.%d", container->major, container->minor);
    const char *found = tod_text(all, "version", TOD_MAX_TEXT, scratch);
    if (strcmp(found, expected) != 0)
        tod_fail(all->error, TOD_INVALID_METADATA, "metadata.json.version: expected %s, found another", expected);
    tod_arena_rewind(scratch, mark);
}

static const double *read_hours(TodFields *all, int32_t n, TodArena *held)
{
    double *hours = tod_arena_zeros(held, (size_t)n, sizeof *hours);
    if (!hours) {
        tod_fail_at(all->error, TOD_NO_MEMORY, "metadata.json.hours");
        return NULL;
    }
    tod_numbers(all, "hours", (size_t)n, hours);
    int is_ascending = 1, is_apart = 1; /* as float64, and as float32, in which times are compared */
    for (int32_t i = 0; i < n; i++) {
        is_ascending &= hours[i] >= 0.0 && hours[i] < DAY_H && (i == 0 || hours[i] > hours[i - 1]);
        is_apart &= i == 0 || (float)hours[i] > (float)hours[i - 1];
    }
    is_apart &= n > 0 && (float)hours[n - 1] < (float)DAY_H && (float)hours[n - 1] < (float)hours[0] + (float)DAY_H;
    if (!is_ascending || !is_apart)
        tod_fail(all->error, TOD_INVALID_METADATA, "metadata.json.hours: expected times ascending in [0, 24) that %s",
                 is_ascending ? "float32 tells apart" : "follow one another");
    return hours;
}

static void read_lightmap(TodFields *fields, const TodContainer *container, int32_t n_hours, TodArena *held,
                          TodLightmapEntry *entry)
{
    memset(entry, 0, sizeof *entry);
    entry->info.height = (int32_t)tod_integer(fields, "height", 1, MAX_SIDE);
    entry->info.width = (int32_t)tod_integer(fields, "width", 1, MAX_SIDE);
    const int64_t n_texels = (int64_t)entry->info.height * entry->info.width;
    if (fields->error->status == TOD_OK && ((uint64_t)n_texels > container->limits.texels || n_texels > INT32_MAX))
        tod_fail(fields->error, TOD_OVER_LIMIT, "%s: %d x %d texels are over the limit", fields->where,
                 entry->info.width, entry->info.height);
    entry->info.name = tod_text(fields, "name", TOD_MAX_TEXT, held);
    entry->info.n_valid = (int32_t)tod_integer(fields, "valid_texels", 1, n_texels);
    entry->mask = tod_is_null(fields, "mask") ? NULL : tod_text(fields, "mask", TOD_MAX_TEXT, held);
    entry->outliers = tod_is_absent(fields, "outliers") ? NULL : tod_text(fields, "outliers", TOD_MAX_TEXT, held);
    TodFields model = tod_child(fields, "model");
    tod_read_model(&model, n_hours, held, entry);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void check_names(const TodLightmapEntry *entries, size_t n, TodArena *scratch, TodError *error)
{
    const TodMark mark = tod_arena_mark(scratch);
    const char **names = tod_arena_take(scratch, n, sizeof *names);
    if (!names) {
        tod_fail_at(error, TOD_NO_MEMORY, "metadata.json.lightmaps");
        return;
    }
    for (size_t i = 0; i < n; i++)
        names[i] = entries[i].info.name;
    tod_sort(names, n, sizeof *names, compare_names);
    for (size_t i = 1; i < n; i++)
        if (strcmp(names[i - 1], names[i]) == 0)
            tod_fail(error, TOD_INVALID_METADATA, "metadata.json.lightmaps: the name %s stands twice", names[i]);
    tod_arena_rewind(scratch, mark);
}

static TodStatus read_lightmaps(const TodContainer *container, TodFields *all, TodArena *held, TodArena *scratch,
                                TodMetadata *metadata)
{
    const TodItems items = tod_items(all, "lightmaps", 1, MAX_LIGHTMAPS);
    TodLightmapEntry *entries = tod_arena_take(held, items.n, sizeof *entries);
    if (!entries)
        return tod_fail_at(all->error, TOD_NO_MEMORY, "metadata.json.lightmaps");
    TodPlace item = items.place;
    size_t i = 0;
    for (int found = items.n && tod_first(all->json, &item, NULL); found; found = tod_next(all->json, &item, NULL)) {
        TodFields fields = tod_item(all, "lightmaps", item, i);
        if (all->error->status == TOD_OK)
            read_lightmap(&fields, container, metadata->info.n_hours, held, &entries[i++]);
    }
    if (all->error->status == TOD_OK)
        check_names(entries, items.n, scratch, all->error);
    metadata->lightmaps = entries;
    metadata->info.n_lightmaps = (int32_t)items.n;
    return all->error->status;
}

TodStatus tod_read_entries(const TodContainer *container, const TodJson *json, TodArena *held, TodArena *scratch,
                           TodMetadata *metadata, TodError *error)
{
    static const char *const FAMILIES[] = {"daybasis", "gridmlp", "siren"};
    static const char *const TRANSFERS[] = {"srgb8", "linear"};
    TodFields all = tod_all_fields(json, error);
    memset(metadata, 0, sizeof *metadata);
    check_version(&all, container, scratch);
    const int family = tod_choice(&all, "model_type", FAMILIES, 3);
    if (error->status == TOD_OK && family != 0) /* before the features, some of which are theirs alone */
        return tod_fail(error, TOD_UNSUPPORTED_FAMILY, "%s: unsupported family; this library decodes daybasis",
                        FAMILIES[family]);
    check_required(&all);
    metadata->info.major = container->major;
    metadata->info.minor = container->minor;
    metadata->info.transfer = (TodTransfer)tod_choice(&all, "transfer", TRANSFERS, 2);
    metadata->info.n_hours = (int32_t)tod_items(&all, "hours", 1, MAX_HOURS).n;
    metadata->info.hours = read_hours(&all, metadata->info.n_hours, held);
    if (error->status != TOD_OK)
        return error->status;
    return read_lightmaps(container, &all, held, scratch, metadata);
}
