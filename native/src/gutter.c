#include "gutter.h"

#include <string.h>

#define REACH TOD_GUTTER_REACH
#define NONE INT32_MIN

/* For the row that is looked at: the nearest valid row of every column, or NONE within REACH. */
typedef struct Search {
    const uint8_t *valid;
    size_t stride;
    int32_t height, width;
    int32_t *above, *below, *nearest;
} Search;

static void next_row(Search *search, int32_t y)
{
    const uint8_t *row = search->valid + (size_t)y * search->stride;
    for (int32_t x = 0; x < search->width; x++) {
        if (row[x])
            search->above[x] = y;
        int32_t below = search->below[x] > y ? search->below[x] : y;
        while (below < search->height && below <= y + REACH &&
               !search->valid[(size_t)below * search->stride + (size_t)x])
            below++;
        search->below[x] = below;
        const int32_t up = search->above[x] == NONE ? REACH + 1 : y - search->above[x];
        const int32_t down = below < search->height ? below - y : REACH + 1;
        search->nearest[x] = up <= down ? (up <= REACH ? y - up : NONE) : (down <= REACH ? y + down : NONE);
    }
}

/* The source of texel (y, x), `first` columns away or more; 0 where there is none. */
static int find_source(const Search *search, int32_t y, int32_t x, int32_t first, int32_t *source_y, int32_t *source_x)
{
    int32_t best = REACH * REACH + 1;
    for (int32_t shift = first; shift <= REACH && shift * shift <= best; shift++) {
        for (int32_t side = -1; side <= 1; side += 2) {
            const int32_t column = x + side * shift;
            if (column < 0 || column >= search->width || search->nearest[column] == NONE)
                continue;
            const int32_t row = search->nearest[column], distance = (row - y) * (row - y) + shift * shift;
            if (distance > best || (distance == best && (row > *source_y || (row == *source_y && column > *source_x))))
                continue;
            if (distance > REACH * REACH)
                continue;
            best = distance;
            *source_y = row;
            *source_x = column;
        }
    }
    return best <= REACH * REACH;
}

/* What was found of a gutter so far. */
typedef struct Found {
    TodGutterRun *runs;
    TodShift *shifts;
    size_t n_runs, n_texels;
} Found;

static void add_texel(Found *found, size_t first_run, int32_t x, TodShift shift)
{
    TodGutterRun *last = found->n_runs > first_run ? &found->runs[found->n_runs - 1] : NULL;
    if (last && last->x + last->n == x)
        last->n++;
    else
        found->runs[found->n_runs++] = (TodGutterRun){(uint16_t)x, 1, (uint32_t)found->n_texels};
    found->shifts[found->n_texels++] = shift;
}

static void find_row(Search *search, int32_t y, Found *found)
{
    const uint8_t *row = search->valid + (size_t)y * search->stride;
    const size_t first_run = found->n_runs;
    int32_t left = NONE, right = 0; /* columns at or before x, and at or after it, that have a nearest row */
    next_row(search, y);
    for (int32_t x = 0; x < search->width; x++) {
        left = search->nearest[x] != NONE ? x : left;
        if (row[x])
            continue;
        right = right > x ? right : x;
        while (right < search->width && right <= x + REACH && search->nearest[right] == NONE)
            right++;
        const int32_t to_left = left == NONE ? REACH + 1 : x - left;
        const int32_t to_right = right < search->width ? right - x : REACH + 1;
        int32_t source_y = 0, source_x = 0;
        if (find_source(search, y, x, to_left < to_right ? to_left : to_right, &source_y, &source_x))
            add_texel(found, first_run, x, (TodShift){(int8_t)(source_y - y), (int8_t)(source_x - x)});
    }
}

/* Room for what may be found: every texel of a gap, or every other one in a run of its own. */
static int take_room(const Search *search, TodArena *scratch, Found *found)
{
    size_t n_gaps = 0, n_texels = 0;
    for (int32_t y = 0; y < search->height; y++) {
        const uint8_t *row = search->valid + (size_t)y * search->stride;
        for (int32_t x = 0; x < search->width; x++) {
            n_gaps += !row[x] && (x == 0 || row[x - 1]);
            n_texels += !row[x];
        }
    }
    found->runs = tod_arena_take(scratch, (n_texels + n_gaps) / 2, sizeof *found->runs);
    found->shifts = tod_arena_take(scratch, n_texels, sizeof *found->shifts);
    return found->runs && found->shifts;
}

static const void *keep_items(TodArena *keep, const void *items, size_t n, size_t item_bytes)
{
    void *kept = tod_arena_take(keep, n, item_bytes);
    if (kept && n)
        memcpy(kept, items, n * item_bytes);
    return kept;
}

TodStatus tod_find_gutter(const uint8_t *valid, size_t stride, int32_t height, int32_t width, TodArena *keep,
                          TodArena *scratch, TodGutter *gutter)
{
    TodMark mark = tod_arena_mark(scratch);
    Search search = {valid, stride, height, width, NULL, NULL, NULL};
    Found found = {NULL, NULL, 0, 0};
    search.above = tod_arena_take(scratch, (size_t)width, sizeof(int32_t));
    search.below = tod_arena_zeros(scratch, (size_t)width, sizeof(int32_t));
    search.nearest = tod_arena_take(scratch, (size_t)width, sizeof(int32_t));
    int32_t *row = tod_arena_take(keep, (size_t)height + 1, sizeof *row);
    if (!search.above || !search.below || !search.nearest || !row || !take_room(&search, scratch, &found))
        return TOD_NO_MEMORY;
    for (int32_t x = 0; x < width; x++)
        search.above[x] = NONE;
    row[0] = 0;
    for (int32_t y = 0; y < height; y++) {
        find_row(&search, y, &found);
        row[y + 1] = (int32_t)found.n_runs;
    }
    gutter->runs = keep_items(keep, found.runs, found.n_runs, sizeof *found.runs);
    gutter->shifts = keep_items(keep, found.shifts, found.n_texels, sizeof *found.shifts);
    gutter->row = row;
    tod_arena_rewind(scratch, mark);
    return gutter->runs && gutter->shifts ? TOD_OK : TOD_NO_MEMORY;
}
