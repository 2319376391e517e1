#include "pyramid.h"

#include <string.h>

#include "charts.h"
#include "split.h"
#include "steps.h"

static TodSize size_of(int32_t height, int32_t width)
{
    TodSize size = {height, width};
    return size;
}

static size_t area(TodSize size)
{
    return (size_t)size.height * (size_t)size.width;
}

static int take_pass(TodPass *pass, TodSize even, TodSize odd, TodArena *keep)
{
    pass->even = tod_arena_take(keep, area(even), 1);
    pass->odd = tod_arena_take(keep, area(odd), 1);
    pass->promotes = tod_arena_zeros(keep, (size_t)odd.height, 1);
    pass->crossed = 0;
    return pass->even && pass->odd && pass->promotes;
}

static int take_level(TodLevel *level, TodSize size, TodArena *keep)
{
    const int32_t low_rows = (size.height + 1) / 2, high_rows = size.height / 2;
    const int32_t low_columns = (size.width + 1) / 2, high_columns = size.width / 2;
    level->size = size;
    level->bands[TOD_LH] = size_of(high_rows, low_columns);
    level->bands[TOD_HL] = size_of(low_rows, high_columns);
    level->bands[TOD_HH] = size_of(high_rows, high_columns);
    int taken = take_pass(&level->rows, size_of(size.height, low_columns), size_of(size.height, high_columns), keep);
    taken &= take_pass(&level->low_columns, size_of(low_rows, low_columns), level->bands[TOD_LH], keep);
    taken &= take_pass(&level->high_columns, level->bands[TOD_HL], level->bands[TOD_HH], keep);
    for (int o = 0; o < TOD_N_ORIENTATIONS; o++) {
        level->sites[o] = tod_arena_take(keep, area(level->bands[o]), sizeof(uint8_t));
        level->scale[o] = tod_arena_take(keep, area(level->bands[o]), sizeof(float));
        taken &= level->sites[o] && level->scale[o];
    }
    return taken;
}

static int take_samples(TodSamples *samples, TodSize size, TodArena *scratch)
{
    samples->size = size;
    samples->labels = tod_arena_take(scratch, area(size), sizeof *samples->labels);
    samples->mass = tod_arena_take(scratch, area(size), sizeof *samples->mass);
    return samples->labels && samples->mass;
}

static void mark_sites(const TodSamples *samples, uint8_t *sites)
{
    for (size_t i = 0; i < area(samples->size); i++)
        sites[i] = samples->labels[i] != 0;
}

/* One level: `from` becomes the next coarser `low`, and the level's passes, sites and steps. */
static TodStatus build_level(TodLevel *level, int depth, double q_step, TodSamples *from, TodArena *scratch)
{
    const TodSize size = level->size;
    TodSamples low, high, details[TOD_N_ORIENTATIONS], next;
    TodSplitLines lines;
    int taken = take_samples(&low, size_of(size.height, (size.width + 1) / 2), scratch);
    taken &= take_samples(&high, size_of(size.height, size.width / 2), scratch);
    taken &= take_samples(&next, size_of((size.height + 1) / 2, (size.width + 1) / 2), scratch);
    for (int o = 0; o < TOD_N_ORIENTATIONS; o++)
        taken &= take_samples(&details[o], level->bands[o], scratch);
    if (!taken || !tod_take_split_lines(&lines, size.width, scratch))
        return TOD_NO_MEMORY;
    tod_split_rows(from, &low, &high, &level->rows, &lines);
    tod_split_columns(&low, &next, &details[TOD_LH], 1, &level->low_columns, &lines);
    tod_split_columns(&high, &details[TOD_HL], &details[TOD_HH], 0, &level->high_columns, &lines);
    for (int o = 0; o < TOD_N_ORIENTATIONS; o++) {
        mark_sites(&details[o], level->sites[o]);
        tod_detail_steps(details[o].mass, area(level->bands[o]), depth, o, q_step, level->scale[o]);
    }
    from->size = next.size;
    memcpy(from->labels, next.labels, area(next.size) * sizeof *next.labels);
    memcpy(from->mass, next.mass, area(next.size) * sizeof *next.mass);
    return TOD_OK;
}

TodStatus tod_build_pyramid(const TodRuns *runs, int32_t n_levels, double q_step, TodArena *keep, TodArena *scratch,
                            TodPyramid *pyramid)
{
    if (n_levels < 1 || n_levels > TOD_MAX_LEVELS)
        return TOD_BAD_ARGUMENT;
    TodMark mark = tod_arena_mark(scratch);
    TodSamples samples;
    if (!take_samples(&samples, size_of(runs->height, runs->width), scratch))
        return TOD_NO_MEMORY;
    TodStatus status = tod_label_charts(runs, scratch, samples.labels);
    for (size_t i = 0; i < area(samples.size); i++)
        samples.mass[i] = samples.labels[i] != 0;
    pyramid->n_levels = n_levels;
    for (int32_t depth = 0; depth < n_levels && status == TOD_OK; depth++) {
        TodMark inner = tod_arena_mark(scratch);
        status = TOD_NO_MEMORY;
        if (take_level(&pyramid->levels[depth], samples.size, keep))
            status = build_level(&pyramid->levels[depth], depth, q_step, &samples, scratch);
        tod_arena_rewind(scratch, inner);
    }
    pyramid->low = samples.size;
    pyramid->low_sites = tod_arena_take(keep, area(samples.size), sizeof(uint8_t));
    pyramid->low_scale = tod_arena_take(keep, area(samples.size), sizeof(float));
    if (!pyramid->low_sites || !pyramid->low_scale)
        status = TOD_NO_MEMORY;
    if (status == TOD_OK) {
        mark_sites(&samples, pyramid->low_sites);
        tod_low_steps(samples.mass, area(samples.size), n_levels, q_step, pyramid->low_scale);
        pyramid->n_low_sites = 0;
        for (size_t i = 0; i < area(samples.size); i++)
            pyramid->n_low_sites += pyramid->low_sites[i];
    }
    tod_arena_rewind(scratch, mark);
    return status;
}
