#include "gutter.h"

#include <string.h>

#define REACH 16
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

/* Add a texel to the last run of the row, or begin a new one. Returns how many runs were begun. */
static int32_t extend(TodGutterRun *runs, int32_t n_runs, int32_t x, int32_t y, int32_t source)
{
    TodGutterRun *last = n_runs > 0 ? &runs[n_runs - 1] : NULL;
    if (last && last->x + last->n == x && last->source_y == y) {
        const int32_t step = source - last->source_x;
        if (last->n == 1 && (step == 0 || step == 1))
            last->step = (uint16_t)step;
        if (source == last->source_x + last->n * last->step) {
            last->n++;
            return 0;
        }
    }
    runs[n_runs] = (TodGutterRun){(uint16_t)x, 1, (uint16_t)y, (uint16_t)source, 0};
    return 1;
}

/* The runs of a row. */
static int32_t find_row(Search *search, int32_t y, TodGutterRun *runs)
{
    const uint8_t *row = search->valid + (size_t)y * search->stride;
    int32_t n = 0, left = NONE, right = 0; /* columns at or before x, and at or after it, that have a nearest row */
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
            n += extend(runs, n, x, source_y, source_x);
    }
    return n;
}

TodStatus tod_find_gutter(const uint8_t *valid, size_t stride, int32_t height, int32_t width, TodArena *keep,
                          TodArena *scratch, TodGutter *gutter)
{
    TodMark mark = tod_arena_mark(scratch);
    const size_t n = (size_t)width;
    Search search = {valid, stride, height, width, NULL, NULL, NULL};
    search.above = tod_arena_take(scratch, n, sizeof(int32_t));
    search.below = tod_arena_zeros(scratch, n, sizeof(int32_t));
    search.nearest = tod_arena_take(scratch, n, sizeof(int32_t));
    TodGutterRun *line = tod_arena_take(scratch, n, sizeof *line);
    int32_t *row = tod_arena_take(keep, (size_t)height + 1, sizeof *row);
    if (!search.above || !search.below || !search.nearest || !line || !row)
        return TOD_NO_MEMORY;
    size_t room = 4 * n; /* grows as runs are found */
    TodGutterRun *runs = tod_arena_take(scratch, room, sizeof *runs);
    for (int32_t x = 0; x < width; x++)
        search.above[x] = NONE;
    row[0] = 0;
    for (int32_t y = 0; y < height && runs; y++) {
        const int32_t found = find_row(&search, y, line);
        if ((size_t)row[y] + (size_t)found > room) {
            TodGutterRun *more = tod_arena_take(scratch, 2 * room + n, sizeof *more);
            if (more)
                memcpy(more, runs, (size_t)row[y] * sizeof *runs);
            runs = more;
            room = 2 * room + n;
        }
        if (runs)
            memcpy(runs + row[y], line, (size_t)found * sizeof *runs);
        row[y + 1] = row[y] + found;
    }
    TodGutterRun *kept = runs ? tod_arena_take(keep, (size_t)row[height], sizeof *kept) : NULL;
    if (kept)
        memcpy(kept, runs, (size_t)row[height] * sizeof *kept);
    tod_arena_rewind(scratch, mark);
    *gutter = (TodGutter){row, kept};
    return kept ? TOD_OK : TOD_NO_MEMORY;
}
