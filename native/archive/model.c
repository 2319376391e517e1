#include <math.h>
#include <string.h>

#include "metadata.h"

#define MAX_STEP_EXPONENT 100 /* 2^22 steps are a float32 too */
#define MAX_EXPONENT 64
#define MAX_WEIGHT 0.25
#define WEIGHT_SCALE 64.0
#define CENTROID_SCALE 32.0

static int is_multiple(double value, double scale)
{
    return value * scale == rint(value * scale);
}

static void refuse(TodFields *fields, const char *name, const char *expected)
{
    tod_fail(fields->error, TOD_INVALID_METADATA, "%s.%s: expected %s, found others", fields->where, name, expected);
}

static void read_smoothing(TodFields *model, double q_step, TodSmoothing *smoothing)
{
    if (tod_is_absent(model, "smoothing"))
        return;
    TodFields fields = tod_child(model, "smoothing");
    double weights[2];
    tod_numbers(&fields, "weights", 2, weights);
    for (int i = 0; i < 2; i++)
        if (!(weights[i] >= 0.0 && weights[i] <= MAX_WEIGHT && is_multiple(weights[i], WEIGHT_SCALE)))
            refuse(&fields, "weights", "multiples of 1/64 in [0, 0.25]");
    *smoothing = (TodSmoothing){1, (float)(tod_number(&fields, "bound", 0.0, 1e3, "a number in [0, 1000]") * q_step), (float)weights[0],
                                (float)weights[1]};
}

static const char *read_gap_modes(TodFields *model, int32_t n_hours, TodArena *held)
{
    const char *modes = tod_text(model, "gap_modes", (size_t)n_hours, held);
    if (strlen(modes) != (size_t)n_hours || strspn(modes, "LC") != (size_t)n_hours)
        refuse(model, "gap_modes", "L or C for each stored time");
    return modes;
}

static const int32_t *read_exponents(TodFields *model, TodLightmapEntry *entry, TodArena *held)
{
    const int32_t n = entry->info.n_maps;
    int32_t *exponents = tod_arena_take(held, (size_t)n + 1, sizeof *exponents);
    if (!exponents) {
        tod_fail_at(model->error, TOD_NO_MEMORY, model->where);
        return NULL;
    }
    tod_integers(model, "exponents", (size_t)n + 1, -MAX_EXPONENT, MAX_EXPONENT, exponents);
    entry->precision = (int32_t)tod_integer(model, "precision", -MAX_EXPONENT, MAX_EXPONENT);
    for (int32_t k = 0; k < n; k++)
        if (entry->precision + exponents[k] < -MAX_STEP_EXPONENT || entry->precision + exponents[k] > MAX_STEP_EXPONENT)
            refuse(model, "precision", "steps of maps that float32 has");
    return exponents;
}

void tod_read_model(TodFields *model, int32_t n_hours, TodArena *held, TodLightmapEntry *entry)
{
    static const char *const CODERS[] = {"ans", "zstd"};
    static const char *const CURVES[] = {"none", "square", "exp"};
    double centroids[2];
    entry->info.n_maps = (int32_t)tod_integer(model, "n_components", 1, TOD_MAX_COMPONENTS);
    if (model->error->status != TOD_OK)
        return;
    entry->exponents = read_exponents(model, entry, held);
    entry->gap_modes = read_gap_modes(model, n_hours, held);
    tod_numbers(model, "centroids", 2, centroids);
    for (int i = 0; i < 2; i++) {
        entry->centroids[i] = (float)centroids[i];
        if (!(fabs(centroids[i]) <= 0.5 && is_multiple(centroids[i], CENTROID_SCALE)))
            refuse(model, "centroids", "multiples of 1/32 in [-0.5, 0.5]");
    }
    entry->n_classes = (int32_t)tod_integer(model, "n_classes", 1, 256);
    entry->q_step = tod_number(model, "q_step", 1e-9, 1e9, "a number in [1e-9, 1e9]");
    entry->n_levels = (int32_t)tod_integer(model, "n_levels", 1, TOD_MAX_LEVELS);
    entry->info.tile = (int32_t)tod_integer(model, "tile", 8, TOD_MAX_TILE);
    (void)tod_choice(model, "entropy", CODERS, 2); /* each stream says its own */
    read_smoothing(model, entry->q_step, &entry->smoothing);
    TodFields graphs = tod_child(model, "graphs");
    entry->frame_graph = tod_text(&graphs, "frame", TOD_MAX_TEXT, held);
    entry->curve = tod_is_absent(model, "curve") ? TOD_CURVE_NONE : (TodCurve)tod_choice(model, "curve", CURVES, 3);
}
