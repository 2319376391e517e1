#include "pyramid.h"

#include <string.h>

#include "charts.h"
#include "split.h"
#include "steps.h"

#define ALIGNMENT ((size_t)64)

static TodSize size_of(int32_t height, int32_t width)
{
    TodSize size = {height, width};
    return size;
}

static size_t area(TodSize size)
{
    return (size_t)size.height * (size_t)size.width;
}

/* What a level points to lies in one piece: in blocks of an arena of its own each would leave room that nothing fills.
   Called without memory it only counts. */
typedef struct Piece {
    char *memory;
    size_t n_bytes;
} Piece;

static void *place(Piece *piece, size_t n_bytes)
{
    const size_t at = piece->n_bytes;
    piece->n_bytes += (n_bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    return piece->memory ? piece->memory + at : NULL;
}

static void place_pass(TodPass *pass, TodSize even, TodSize odd, Piece *piece)
{
    pass->even = place(piece, area(even));
    pass->odd = place(piece, area(odd));
    pass->promotes = place(piece, (size_t)odd.height);
    if (pass->promotes)
        memset(pass->promotes, 0, (size_t)odd.height);
    pass->crossed = 0;
}

static void place_level(TodLevel *level, TodSize size, Piece *piece)
{
    const int32_t low_rows = (size.height + 1) / 2, high_rows = size.height / 2;
    const int32_t low_columns = (size.width + 1) / 2, high_columns = size.width / 2;
    level->size = size;
    level->bands[TOD_LH] = size_of(high_rows, low_columns);
    level->bands[TOD_HL] = size_of(low_rows, high_columns);
    level->bands[TOD_HH] = size_of(high_rows, high_columns);
    place_pass(&level->rows, size_of(size.height, low_columns), size_of(size.height, high_columns), piece);
    place_pass(&level->low_columns, size_of(low_rows, low_columns), level->bands[TOD_LH], piece);
    place_pass(&level->high_columns, level->bands[TOD_HL], level->bands[TOD_HH], piece);
    for (int o = 0; o < TOD_N_ORIENTATIONS; o++) {
        level->sites[o] = place(piece, area(level->bands[o]));
        level->scale[o] = place(piece, area(level->bands[o]) * sizeof(float));
    }
}

static int take_level(TodLevel *level, TodSize size, TodArena *keep)
{
    Piece piece = {NULL, 0};
    place_level(level, size, &piece);
    piece.memory = tod_arena_take(keep, piece.n_bytes, 1);
    piece.n_bytes = 0;
    if (piece.memory)
        place_level(level, size, &piece);
    return piece.memory != NULL;
}

/* Of all samples of a tile, or of both halves of it. */
static int take_samples(TodSamples *samples, TodSize size, TodArena *scratch)
{
    samples->size = size;
    samples->mass = tod_arena_take(scratch, area(size), sizeof *samples->mass + sizeof *samples->labels);
    if (!samples->mass)
        return 0;
    samples->labels = (int32_t *)(samples->mass + area(size));
    return 1;
}

/* So many of samples whose room is free, from `at` on. */
static TodSamples part_of(const TodSamples *samples, size_t *at, TodSize size)
{
    TodSamples part = {size, samples->labels + *at, samples->mass + *at};
    *at += area(size);
    return part;
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
    TodSamples halves, details[TOD_N_ORIENTATIONS];
    TodSplitLines lines;
    if (!take_samples(&halves, size, scratch) || !tod_take_split_lines(&lines, size.width, scratch))
        return TOD_NO_MEMORY;
    size_t in_halves = 0, in_from = 0; /* the four bands have the room of `from` */
    TodSamples low = part_of(&halves, &in_halves, size_of(size.height, (size.width + 1) / 2));
    TodSamples high = part_of(&halves, &in_halves, size_of(size.height, size.width / 2));
    tod_split_rows(from, &low, &high, &level->rows, &lines);
    TodSamples next = part_of(from, &in_from, size_of((size.height + 1) / 2, (size.width + 1) / 2));
    for (int o = 0; o < TOD_N_ORIENTATIONS; o++)
        details[o] = part_of(from, &in_from, level->bands[o]);
    tod_split_columns(&low, &next, &details[TOD_LH], 1, &level->low_columns, &lines);
    tod_split_columns(&high, &details[TOD_HL], &details[TOD_HH], 0, &level->high_columns, &lines);
    for (int o = 0; o < TOD_N_ORIENTATIONS; o++) {
        mark_sites(&details[o], level->sites[o]);
        tod_detail_steps(details[o].mass, area(level->bands[o]), depth, o, q_step, level->scale[o]);
    }
    from->size = next.size;
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
