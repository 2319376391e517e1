#include "charts.h"

#include <string.h>

static int32_t root_of(int32_t *parent, int32_t run)
{
    while (parent[run] != run) {
        parent[run] = parent[parent[run]];
        run = parent[run];
    }
    return run;
}

/* Runs that touch belong together; the smaller root stays. */
static void join(int32_t *parent, int32_t one, int32_t other)
{
    one = root_of(parent, one);
    other = root_of(parent, other);
    if (one < other)
        parent[other] = one;
    else
        parent[one] = other;
}

static void join_rows(const TodRuns *runs, int32_t y, int32_t *parent)
{
    int32_t upper = runs->row[y - 1], lower = runs->row[y];
    const int32_t upper_end = runs->row[y], lower_end = runs->row[y + 1];
    while (upper < upper_end && lower < lower_end) {
        if (runs->start[upper] < runs->end[lower] && runs->start[lower] < runs->end[upper])
            join(parent, upper, lower);
        if (runs->end[upper] < runs->end[lower])
            upper++;
        else
            lower++;
    }
}

TodStatus tod_label_charts(const TodRuns *runs, TodArena *scratch, int32_t *labels)
{
    TodMark mark = tod_arena_mark(scratch);
    int32_t *parent = tod_arena_take(scratch, (size_t)runs->n_runs, sizeof *parent);
    if (!parent)
        return TOD_NO_MEMORY;
    for (int32_t i = 0; i < runs->n_runs; i++)
        parent[i] = i;
    for (int32_t y = 1; y < runs->height; y++)
        join_rows(runs, y, parent);
    memset(labels, 0, (size_t)runs->height * (size_t)runs->width * sizeof *labels);
    for (int32_t y = 0; y < runs->height; y++) {
        int32_t *row = labels + (size_t)y * (size_t)runs->width;
        for (int32_t i = runs->row[y]; i < runs->row[y + 1]; i++) {
            int32_t label = root_of(parent, i) + 1;
            for (int32_t x = runs->start[i]; x < runs->end[i]; x++)
                row[x] = label;
        }
    }
    tod_arena_rewind(scratch, mark);
    return TOD_OK;
}
