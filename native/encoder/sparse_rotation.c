#include "sparse_rotation.h"

#include <math.h>
#include <string.h>

#include "dense.h"
#include "encode_kernels.h"
#include "minimize.h"

#define ENERGY_GAIN 4.0
#define TOLERANCE 1e-6
#define CHUNK 64 /* neighborhoods that are rotated at a time: they stay in the cache */

/* One search: the samples in the basis that the round began with, and what the objective works in. */
typedef struct Search {
    const TodEncodeKernels *kernels;
    size_t k, lanes, n_angles, n;   /* n: neighborhoods */
    float *samples;                 /* [n][TOD_GROUP][lanes] */
    float *rotated;                 /* [CHUNK][TOD_GROUP][lanes] */
    float *single, *sums;           /* [k][lanes]: a rotation, and products */
    double *scale;                  /* [n_angles] of the angles */
    double *skew, *turn, *left, *slopes, *work; /* [k][k]; work: two */
} Search;

static size_t lanes_for(size_t k)
{
    return (k + TOD_LANES - 1) / TOD_LANES * TOD_LANES;
}

static void round_rotation(const double *rotation, size_t k, size_t lanes, float *single)
{
    memset(single, 0, k * lanes * sizeof *single);
    for (size_t i = 0; i < k; i++)
        for (size_t j = 0; j < k; j++)
            single[i * lanes + j] = (float)rotation[i * k + j];
}

/* turn = (I - S / 2)^-1 (I + S / 2), the Cayley transform of the scaled angles; left = I - S / 2. */
static int cayley(const Search *s, const double *angles)
{
    const size_t k = s->k;
    const double *scale = s->scale;
    for (size_t r = 0; r < k; r++) {
        s->left[r * k + r] = s->turn[r * k + r] = 1.0;
        for (size_t c = r + 1; c < k; c++) {
            const double half = *angles++ * *scale++ / 2;
            s->left[r * k + c] = s->turn[c * k + r] = -half;
            s->left[c * k + r] = s->turn[r * k + c] = half;
        }
    }
    memcpy(s->work, s->left, k * k * sizeof(double));
    return tod_solve(s->work, s->turn, k);
}

/* The rate of the samples after `turn` in nats per coefficient; s->slopes becomes its gradient in the turn. */
static double rate_of_turn(const Search *s)
{
    const size_t k = s->k, lanes = s->lanes, items = TOD_GROUP * lanes;
    round_rotation(s->turn, k, lanes, s->single);
    memset(s->slopes, 0, k * k * sizeof *s->slopes);
    double value = 0.0;
    for (size_t m = 0; m < s->n; m += CHUNK) {
        const size_t n = s->n - m < CHUNK ? s->n - m : CHUNK;
        const float *samples = s->samples + m * items;
        s->kernels->multiply_rows(samples, lanes, n * TOD_GROUP, k, s->single, lanes, s->rotated);
        value += s->kernels->rate_slopes(s->rotated, n, lanes);
        memset(s->sums, 0, k * lanes * sizeof *s->sums);
        s->kernels->add_products(samples, lanes, n * TOD_GROUP, k, s->rotated, lanes, s->sums);
        for (size_t i = 0; i < k; i++)
            for (size_t j = 0; j < k; j++)
                s->slopes[i * k + j] += (double)s->sums[i * lanes + j];
    }
    const double count = (double)(s->n * TOD_GROUP * k);
    for (size_t i = 0; i < k * k; i++)
        s->slopes[i] *= ENERGY_GAIN / (2.0 * count);
    return value / (4.0 * count);
}

static double objective(void *context, const double *angles, double *gradient)
{
    Search *s = context;
    const size_t k = s->k;
    if (!cayley(s, angles))
        return HUGE_VAL;
    const double value = rate_of_turn(s);
    /* dS -> (I - S/2)^-1 dS/2 (I + turn): its adjoint takes the gradient in the turn to that in S */
    double *sums = s->work, *right = s->work + k * k, *transposed = s->skew;
    for (size_t i = 0; i < k; i++)
        for (size_t j = 0; j < k; j++) {
            sums[i * k + j] = s->turn[j * k + i] + (i == j);
            transposed[i * k + j] = s->left[j * k + i];
        }
    tod_multiply(s->slopes, sums, k, right);
    tod_solve(transposed, right, k);
    size_t angle = 0;
    for (size_t r = 0; r < k; r++)
        for (size_t c = r + 1; c < k; c++, angle++)
            gradient[angle] = (right[r * k + c] - right[c * k + r]) / 2 * s->scale[angle];
    return value;
}

/* Second derivatives of the rate of single coefficients for a turn in the plane of two components give the scales. */
static void find_scales(const Search *s)
{
    const size_t k = s->k, lanes = s->lanes, rows = s->n * TOD_GROUP;
    float *spreads = s->rotated, *squares = s->rotated + TOD_GROUP * lanes;
    double *cross = s->slopes, *slopes = s->work;
    memset(cross, 0, k * k * sizeof *cross);
    memset(slopes, 0, k * sizeof *slopes);
    const size_t chunk = (CHUNK - 1) / 2 * TOD_GROUP;
    squares = spreads + chunk * lanes;
    for (size_t row = 0; row < rows; row += chunk) {
        const size_t n = rows - row < chunk ? rows - row : chunk;
        for (size_t i = 0; i < n * lanes; i++) {
            const float value = s->samples[row * lanes + i];
            squares[i] = value * value;
            spreads[i] = 1.0f / (1.0f + (float)ENERGY_GAIN * squares[i]);
        }
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < k; j++) {
                const float spread = spreads[i * lanes + j];
                slopes[j] += (double)(squares[i * lanes + j] * spread);
                spreads[i * lanes + j] = spread * (2.0f * spread - 1.0f);
            }
        memset(s->sums, 0, k * lanes * sizeof *s->sums);
        s->kernels->add_products(spreads, lanes, n, k, squares, lanes, s->sums);
        for (size_t i = 0; i < k; i++)
            for (size_t j = 0; j < k; j++)
                cross[i * k + j] += (double)s->sums[i * lanes + j];
    }
    const double unit = ENERGY_GAIN / (double)(rows * k);
    double mean = 0.0;
    size_t angle = 0;
    for (size_t r = 0; r < k; r++)
        for (size_t c = r + 1; c < k; c++, angle++) {
            s->scale[angle] = fabs(cross[r * k + c] + cross[c * k + r] - slopes[r] - slopes[c]) * unit;
            mean += s->scale[angle] / (double)s->n_angles;
        }
    for (size_t i = 0; i < s->n_angles; i++) {
        const double least = 0.05 * mean + 1e-12;
        s->scale[i] = 1.0 / sqrt(s->scale[i] > least ? s->scale[i] : least);
    }
}

static int is_significant(const TodNeighborhoods *groups, size_t m, float limit)
{
    for (size_t g = 0; g < TOD_GROUP; g++) {
        const float *values = groups->values + (g * groups->n + m) * groups->k;
        for (size_t i = 0; i < groups->k; i++)
            if (fabsf(values[i]) > limit)
                return 1;
    }
    return 0;
}

/* Take evenly spaced significant neighborhoods. */
static TodStatus take_samples(Search *s, const TodNeighborhoods *groups, const TodRotationSearch *search,
                              TodArena *scratch)
{
    uint8_t *used = tod_arena_take(scratch, groups->n, 1);
    if (!used)
        return TOD_NO_MEMORY;
    size_t n = 0;
    for (size_t m = 0; m < groups->n; m++)
        n += used[m] = (uint8_t)is_significant(groups, m, search->significant);
    const size_t stride = n ? (n * TOD_GROUP + search->n_samples - 1) / search->n_samples : 1;
    s->n = (n + stride - 1) / stride;
    s->samples = tod_arena_zeros(scratch, s->n * TOD_GROUP * s->lanes, sizeof *s->samples);
    if (!s->samples)
        return TOD_NO_MEMORY;
    float *to = s->samples;
    size_t number = 0;
    for (size_t m = 0; m < groups->n; m++) {
        if (!used[m] || number++ % stride)
            continue;
        for (size_t g = 0; g < TOD_GROUP; g++, to += s->lanes)
            memcpy(to, groups->values + (g * groups->n + m) * groups->k, groups->k * sizeof *to);
    }
    return TOD_OK;
}

/* Rotate the samples by the turn, in place. */
static void turn_samples(const Search *s)
{
    const size_t items = TOD_GROUP * s->lanes;
    round_rotation(s->turn, s->k, s->lanes, s->single);
    for (size_t m = 0; m < s->n; m += CHUNK) {
        const size_t n = s->n - m < CHUNK ? s->n - m : CHUNK;
        s->kernels->multiply_rows(s->samples + m * items, s->lanes, n * TOD_GROUP, s->k, s->single, s->lanes,
                                  s->rotated);
        memcpy(s->samples + m * items, s->rotated, n * items * sizeof *s->samples);
    }
}

/* Columns of the rotation by falling rate of the samples, which it has rotated already. */
static void sort_columns(const Search *s, double *rotation)
{
    const size_t k = s->k;
    double *rates = s->work, *sorted = s->slopes;
    memset(rates, 0, k * sizeof *rates);
    for (size_t i = 0; i < s->n * TOD_GROUP; i++)
        for (size_t j = 0; j < k; j++) {
            const float value = s->samples[i * s->lanes + j];
            rates[j] += (double)log1pf((float)ENERGY_GAIN * value * value);
        }
    for (size_t to = 0; to < k; to++) {
        size_t best = 0;
        for (size_t j = 1; j < k; j++)
            if (rates[j] > rates[best])
                best = j;
        rates[best] = -1.0;
        for (size_t i = 0; i < k; i++)
            sorted[i * k + to] = rotation[i * k + best];
    }
    memcpy(rotation, sorted, k * k * sizeof *rotation);
}

static TodStatus search_rotation(const TodNeighborhoods *groups, const TodRotationSearch *search, double *rotation,
                                 TodArena *scratch)
{
    const size_t k = groups->k, lanes = lanes_for(k), n_angles = k * (k - 1) / 2;
    Search s = {.kernels = tod_encode_kernels(), .k = k, .lanes = lanes, .n_angles = n_angles};
    const TodStatus status = take_samples(&s, groups, search, scratch);
    if (status != TOD_OK || s.n == 0)
        return status;
    double *squares = tod_arena_take(scratch, 6 * k * k, sizeof *squares);
    double *angles = tod_arena_take(scratch, n_angles, sizeof *angles);
    s.scale = tod_arena_take(scratch, n_angles, sizeof *s.scale);
    s.rotated = tod_arena_take(scratch, CHUNK * TOD_GROUP * lanes, sizeof *s.rotated);
    s.single = tod_arena_take(scratch, k * lanes, sizeof *s.single);
    s.sums = tod_arena_take(scratch, k * lanes, sizeof *s.sums);
    if (!squares || !angles || !s.scale || !s.rotated || !s.single || !s.sums)
        return TOD_NO_MEMORY;
    s.skew = squares, s.turn = squares + k * k, s.left = squares + 2 * k * k;
    s.slopes = squares + 3 * k * k, s.work = squares + 4 * k * k;
    for (int round = 0; round < search->n_rounds; round++) {
        TodMark mark = tod_arena_mark(scratch);
        find_scales(&s);
        memset(angles, 0, n_angles * sizeof *angles);
        const TodStatus found =
            tod_minimize(objective, &s, n_angles, search->n_iterations, TOLERANCE, angles, scratch);
        tod_arena_rewind(scratch, mark);
        if (found != TOD_OK)
            return found;
        if (!cayley(&s, angles))
            break;
        turn_samples(&s);
        tod_multiply(rotation, s.turn, k, s.slopes);
        memcpy(rotation, s.slopes, k * k * sizeof *rotation);
    }
    tod_orthogonalize(rotation, k, s.work);
    sort_columns(&s, rotation);
    return TOD_OK;
}

TodStatus tod_sparse_rotation(const TodNeighborhoods *groups, const TodRotationSearch *search, double *rotation)
{
    const size_t k = groups->k;
    memset(rotation, 0, k * k * sizeof *rotation);
    for (size_t i = 0; i < k; i++)
        rotation[i * k + i] = 1.0;
    if (k < 2)
        return TOD_OK;
    TodArena scratch;
    tod_arena_open(&scratch, tod_default_allocator(), 1 << 16);
    const TodStatus status = search_rotation(groups, search, rotation, &scratch);
    tod_arena_close(&scratch);
    return status;
}

TodStatus tod_rotated_rates(const TodNeighborhoods *groups, const double *rotation, float *rates)
{
    const size_t k = groups->k, lanes = lanes_for(k), items = TOD_GROUP * lanes;
    const TodEncodeKernels *kernels = tod_encode_kernels();
    TodArena scratch;
    tod_arena_open(&scratch, tod_default_allocator(), 1 << 16);
    float *single = tod_arena_take(&scratch, k * lanes, sizeof *single);
    float *samples = tod_arena_zeros(&scratch, 2 * CHUNK * items, sizeof *samples), *rotated = samples + CHUNK * items;
    TodStatus status = single && samples ? TOD_OK : TOD_NO_MEMORY;
    if (status == TOD_OK)
        round_rotation(rotation, k, lanes, single);
    for (size_t m = 0; m < groups->n && status == TOD_OK; m += CHUNK) {
        const size_t n = groups->n - m < CHUNK ? groups->n - m : CHUNK;
        for (size_t i = 0; i < n; i++)
            for (size_t g = 0; g < TOD_GROUP; g++)
                memcpy(samples + (i * TOD_GROUP + g) * lanes, groups->values + (g * groups->n + m + i) * k,
                       k * sizeof *samples);
        kernels->multiply_rows(samples, lanes, n * TOD_GROUP, k, single, lanes, rotated);
        kernels->neighborhood_rates(rotated, n, lanes, rates + m);
    }
    tod_arena_close(&scratch);
    return status;
}
