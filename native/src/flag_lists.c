#include "flag_lists.h"

enum { INVERTED = 12, FIRST_INVERTED = 1, TOP_LEVEL = 11 };
enum { FIRST = 1, SECOND = 2, ASKS = 4 }; /* of a node's halves: which hold something; the second has a flag */

static int level_of(uint8_t start)
{
    return start < INVERTED ? start : start - INVERTED + FIRST_INVERTED;
}

/* Nodes of one level that hold something, by their first places; those of list l from starts[l] on. */
typedef struct Nodes {
    uint32_t *starts, *firsts;
} Nodes;

/* What is in the halves of the nodes of the level above. Returns how many hold something. */
static size_t read_halves(TodRawBits *bits, const TodFlagLists *lists, int level, const Nodes *above, uint8_t *halves)
{
    size_t n = 0;
    for (int32_t l = 0; l < lists->n_lists; l++)
        for (uint32_t i = above->starts[l]; i < above->starts[l + 1]; i++) {
            const int has_second = above->firsts[i] + ((uint64_t)1 << level) < lists->begins[l + 1];
            halves[i] = !has_second || tod_next_flag(bits) ? FIRST : SECOND;
            if (has_second && halves[i] == FIRST)
                halves[i] |= ASKS;
        }
    for (uint32_t i = 0; i < above->starts[lists->n_lists]; i++) {
        if (halves[i] & ASKS)
            halves[i] = tod_next_flag(bits) ? FIRST | SECOND : FIRST;
        n += halves[i] == (FIRST | SECOND) ? 2 : 1;
    }
    return n;
}

/* The flags of a list where they begin; first places of those that are set, unless it is NULL. Returns how many. */
static size_t read_start(TodRawBits *bits, const TodFlagLists *lists, int level, int32_t l, uint32_t *firsts)
{
    size_t n = 0;
    for (uint64_t first = lists->begins[l]; first < lists->begins[l + 1]; first += (uint64_t)1 << level) {
        if (!tod_next_flag(bits))
            continue;
        if (firsts)
            firsts[n] = (uint32_t)first;
        n++;
    }
    return n;
}

static size_t keep_halves(const Nodes *above, const uint8_t *halves, int32_t l, int level, uint32_t *firsts)
{
    size_t n = 0;
    for (uint32_t i = above->starts[l]; i < above->starts[l + 1]; i++) {
        if (halves[i] & FIRST)
            firsts[n++] = above->firsts[i];
        if (halves[i] & SECOND)
            firsts[n++] = above->firsts[i] + (1u << level);
    }
    return n;
}

/* One level down. */
static TodStatus descend(TodRawBits *bits, const TodFlagLists *lists, int level, TodArena *arena, Nodes *nodes)
{
    const size_t n_lists = (size_t)lists->n_lists;
    const Nodes above = *nodes;
    uint8_t *halves = tod_arena_take(arena, above.starts[n_lists], 1);
    uint32_t *starts = tod_arena_take(arena, n_lists + 1, sizeof *starts);
    if (!halves || !starts)
        return TOD_NO_MEMORY;
    size_t n = read_halves(bits, lists, level, &above, halves);
    const uint64_t position = bits->position; /* flags of lists that begin here are read twice: first for their count */
    for (int32_t l = 0; l < lists->n_lists; l++)
        if (level_of(lists->starts[l]) == level)
            n += read_start(bits, lists, level, l, NULL);
    if (bits->position > bits->n_bits)
        return TOD_DAMAGED_RAW_BITS;
    bits->position = position;
    uint32_t *firsts = tod_arena_take(arena, n, sizeof *firsts);
    if (!firsts)
        return TOD_NO_MEMORY;
    n = 0;
    for (int32_t l = 0; l < lists->n_lists; l++) {
        starts[l] = (uint32_t)n;
        n += level_of(lists->starts[l]) == level ? read_start(bits, lists, level, l, firsts + n)
                                                 : keep_halves(&above, halves, l, level, firsts + n);
    }
    starts[n_lists] = (uint32_t)n;
    *nodes = (Nodes){starts, firsts};
    return TOD_OK;
}

TodStatus tod_read_flag_lists(TodRawBits *bits, const TodFlagLists *lists, TodArena *arena, size_t *n,
                              uint32_t **places)
{
    const size_t n_lists = (size_t)lists->n_lists;
    Nodes nodes = {tod_arena_zeros(arena, n_lists + 1, sizeof(uint32_t)), NULL};
    TodStatus status = nodes.starts ? TOD_OK : TOD_NO_MEMORY;
    for (int level = TOP_LEVEL; level >= 0 && status == TOD_OK; level--)
        status = descend(bits, lists, level, arena, &nodes);
    if (status != TOD_OK)
        return status;
    size_t count = 0;
    for (size_t l = 0; l < n_lists; l++) {
        const size_t found = nodes.starts[l + 1] - nodes.starts[l];
        count += lists->starts[l] < INVERTED ? found : lists->begins[l + 1] - lists->begins[l] - found;
    }
    uint32_t *out = tod_arena_take(arena, count + 1, sizeof *out);
    if (!out)
        return TOD_NO_MEMORY;
    *n = count;
    *places = out;
    for (size_t l = 0; l < n_lists; l++) {
        uint32_t i = nodes.starts[l], place = lists->begins[l];
        if (lists->starts[l] < INVERTED)
            for (; i < nodes.starts[l + 1]; i++)
                *out++ = nodes.firsts[i];
        for (; lists->starts[l] >= INVERTED && place < lists->begins[l + 1]; place++) {
            if (i < nodes.starts[l + 1] && nodes.firsts[i] == place)
                i++;
            else
                *out++ = place;
        }
    }
    *out = UINT32_MAX;
    return TOD_OK;
}
