#include "tables.h"

#include <string.h>

#define MAX_RICE 16
#define MAX_FREQUENCY 127

typedef struct Reader {
    const uint8_t *data;
    size_t left;
} Reader;

/* The next n bytes, or NULL where they are not there. */
static const uint8_t *take(Reader *reader, size_t n)
{
    const uint8_t *at = reader->data;
    if (n > reader->left)
        return NULL;
    reader->data += n;
    reader->left -= n;
    return at;
}

static TodStatus read_starts(Reader *reader, TodStarts *starts)
{
    const uint8_t *count = take(reader, 1);
    const uint8_t *first = count ? take(reader, *count) : NULL;
    if (!first)
        return TOD_DAMAGED_MODEL;
    if (*count == 0 || *count > TOD_N_FINE_CLASSES || first[0] != 0)
        return TOD_DAMAGED_STARTS;
    for (int i = 1; i < *count; i++)
        if (first[i] <= first[i - 1])
            return TOD_DAMAGED_STARTS;
    if (first[*count - 1] >= TOD_N_FINE_CLASSES)
        return TOD_DAMAGED_STARTS;
    starts->count = *count;
    memcpy(starts->first, first, *count);
    return TOD_OK;
}

static TodStatus read_probabilities(Reader *reader, int32_t count, uint16_t *out)
{
    const uint8_t *stored = take(reader, 2 * (size_t)count);
    if (!stored)
        return TOD_DAMAGED_MODEL;
    for (int32_t i = 0; i < count; i++) {
        out[i] = (uint16_t)(stored[2 * i] | stored[2 * i + 1] << 8);
        if (out[i] == 0)
            return TOD_DAMAGED_PROBABILITY;
    }
    return TOD_OK;
}

static TodStatus read_frequencies(Reader *reader, TodFrequencies *out)
{
    const uint8_t *count = take(reader, 1);
    const uint8_t *codes = count ? take(reader, *count) : NULL;
    if (!codes)
        return TOD_DAMAGED_MODEL;
    if (*count > TOD_N_TOKENS)
        return TOD_DAMAGED_FREQUENCIES;
    for (int i = 0; i < *count; i++)
        if (codes[i] > MAX_FREQUENCY)
            return TOD_DAMAGED_FREQUENCIES;
    out->count = *count;
    memcpy(out->codes, codes, *count);
    return TOD_OK;
}

/* Whether all of `some` are among `all`; both ascend. */
static int contains(const TodStarts *all, const TodStarts *some)
{
    int32_t at = 0;
    for (int32_t i = 0; i < some->count; i++) {
        while (at < all->count && all->first[at] < some->first[i])
            at++;
        if (at == all->count || all->first[at] != some->first[i])
            return 0;
    }
    return 1;
}

static TodStatus read_classes(Reader *reader, TodTables *tables)
{
    TodStatus status = read_starts(reader, &tables->magnitude_starts);
    for (int32_t i = 0; status == TOD_OK && i < tables->magnitude_starts.count; i++)
        status = read_frequencies(reader, &tables->magnitudes[i]);
    for (int phase = 0; status == TOD_OK && phase < TOD_N_PHASES; phase++) {
        status = read_starts(reader, &tables->starts[phase]);
        if (status == TOD_OK)
            status = read_probabilities(reader, tables->starts[phase].count, tables->significance[phase]);
        if (status == TOD_OK && !contains(&tables->starts[phase], &tables->magnitude_starts))
            status = TOD_DAMAGED_STARTS;
    }
    tables->signs[0] = 32768;
    return status == TOD_OK ? read_probabilities(reader, TOD_N_SIGN_CLASSES - 1, tables->signs + 1) : status;
}

TodStatus tod_read_tables(const uint8_t *data, size_t n_bytes, int32_t n_maps, int32_t n_bands, TodArena *arena,
                          TodTables *tables)
{
    Reader reader = {data, n_bytes};
    TodStatus status = read_classes(&reader, tables);
    if (status != TOD_OK)
        return status;
    const size_t k = (size_t)n_maps, n_means = (size_t)n_bands * k;
    const uint8_t *predicted = take(&reader, 1);
    const uint8_t *rice = predicted ? take(&reader, k) : NULL;
    if (!rice)
        return TOD_DAMAGED_MODEL;
    status = read_frequencies(&reader, &tables->low_tokens);
    if (status != TOD_OK)
        return status;
    const uint8_t *differences = take(&reader, n_means);
    if (!differences || reader.left || *predicted > 1)
        return TOD_DAMAGED_MODEL;
    uint8_t *low_rice = tod_arena_take(arena, k, 1), *means = tod_arena_take(arena, n_means, 1);
    if (!low_rice || !means)
        return TOD_NO_MEMORY;
    tables->low_predicted = *predicted;
    tables->low_rice = low_rice;
    tables->mean_codes = means;
    for (size_t i = 0; i < k; i++)
        if ((low_rice[i] = rice[i]) > MAX_RICE)
            return TOD_DAMAGED_MODEL;
    for (size_t i = 0; i < n_means; i++) {
        means[i] = (uint8_t)(differences[i] + (i < k ? 0 : means[i - k]));
        if (means[i] > TOD_MAX_MEAN_CODE)
            return TOD_DAMAGED_MODEL;
    }
    return TOD_OK;
}
