#include "minimize.h"

#include <math.h>
#include <string.h>

#define MEMORY 20         /* steps that are remembered */
#define SUFFICIENT 1e-4   /* share of the gain that the slope promises */
#define MAX_SHORTENINGS 8 /* of one step */

static double dot(const double *a, const double *b, size_t n)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

/* Steps, changes of the gradient, and 1 / their product, the latest at `at`. */
typedef struct History {
    double *steps, *changes, weights[MEMORY];
    size_t n;
    int count, at;
} History;

/* direction = - (inverse of the Hessian, as the history knows it) @ gradient. */
static void find_direction(const History *history, const double *gradient, double *direction)
{
    const size_t n = history->n;
    double shares[MEMORY];
    for (size_t i = 0; i < n; i++)
        direction[i] = -gradient[i];
    for (int j = 0; j < history->count; j++) {
        const int slot = (history->at - j + MEMORY) % MEMORY;
        const double *change = history->changes + (size_t)slot * n;
        shares[slot] = history->weights[slot] * dot(history->steps + (size_t)slot * n, direction, n);
        for (size_t i = 0; i < n; i++)
            direction[i] -= shares[slot] * change[i];
    }
    if (history->count) {
        const double *change = history->changes + (size_t)history->at * n;
        const double scale = 1.0 / (history->weights[history->at] * dot(change, change, n));
        for (size_t i = 0; i < n; i++)
            direction[i] *= scale;
    }
    for (int j = history->count - 1; j >= 0; j--) {
        const int slot = (history->at - j + MEMORY) % MEMORY;
        const double *step = history->steps + (size_t)slot * n;
        const double share = history->weights[slot] * dot(history->changes + (size_t)slot * n, direction, n);
        for (size_t i = 0; i < n; i++)
            direction[i] += step[i] * (shares[slot] - share);
    }
}

static void remember(History *history, const double *from, const double *to, const double *slope_from,
                     const double *slope_to)
{
    const size_t n = history->n;
    const int slot = (history->at + 1) % MEMORY;
    double *step = history->steps + (size_t)slot * n, *change = history->changes + (size_t)slot * n;
    for (size_t i = 0; i < n; i++) {
        step[i] = to[i] - from[i];
        change[i] = slope_to[i] - slope_from[i];
    }
    const double product = dot(step, change, n);
    if (!(product > 1e-10 * dot(change, change, n)))
        return;
    history->weights[slot] = 1.0 / product;
    history->at = slot;
    history->count += history->count < MEMORY;
}

TodStatus tod_minimize(TodObjective objective, void *context, size_t n, int n_iterations, double tolerance, double *x,
                       TodArena *scratch)
{
    History history = {tod_arena_take(scratch, MEMORY * n, sizeof(double)),
                       tod_arena_take(scratch, MEMORY * n, sizeof(double)),
                       {0.0},
                       n,
                       0,
                       MEMORY - 1};
    double *gradient = tod_arena_take(scratch, n, sizeof *gradient), *next = tod_arena_take(scratch, n, sizeof *next);
    double *direction = tod_arena_take(scratch, n, sizeof *direction);
    double *next_gradient = tod_arena_take(scratch, n, sizeof *next_gradient);
    if (!history.steps || !history.changes || !gradient || !next || !direction || !next_gradient)
        return TOD_NO_MEMORY;
    double value = objective(context, x, gradient);
    for (int iteration = 0; iteration < n_iterations; iteration++) {
        find_direction(&history, gradient, direction);
        double slope = dot(direction, gradient, n), length = 1.0, found = value;
        if (!(slope < 0.0))
            return TOD_OK;
        int shortenings = 0;
        for (; shortenings < MAX_SHORTENINGS; shortenings++) {
            for (size_t i = 0; i < n; i++)
                next[i] = x[i] + length * direction[i];
            found = objective(context, next, next_gradient);
            if (found <= value + SUFFICIENT * length * slope)
                break;
            /* the minimum of the parabola through both values and the slope */
            const double best = -slope * length * length / (2.0 * (found - value - slope * length));
            length = best > 0.1 * length && best < 0.5 * length ? best : best >= 0.5 * length ? 0.5 * length
                                                                                              : 0.1 * length;
        }
        if (shortenings == MAX_SHORTENINGS)
            return TOD_OK;
        remember(&history, x, next, gradient, next_gradient);
        memcpy(x, next, n * sizeof *x);
        memcpy(gradient, next_gradient, n * sizeof *gradient);
        const double gain = value - found;
        value = found;
        if (gain <= tolerance * fabs(value))
            return TOD_OK;
    }
    return TOD_OK;
}
