#include "basis.h"

#include <math.h>
#include <string.h>

#define MAX_ENTRY 1099511627776.0 /* 2^40: far beyond any light */
#define MAX_STEPS 16777216.0      /* 2^24: float32 tells no more apart */
#define DAY_H 24

struct TodBasis {
    TodArena arena;
    TodAllocator allocator;
    int32_t n_maps, n_hours, n_columns, precision;
    const float *hours, *gaps; /* [n_hours] */
    const int32_t *exponents;  /* [n_maps + 1] */
    const float *ramps;        /* [4][n_hours][n_columns] A, D, s - D and D - e of every gap; 3 rows of A, then b */
};

/* Column of an entry in a row of the tables; k = n_maps is b. */
static size_t column_of(const TodBasis *basis, int32_t channel, int32_t k)
{
    const int32_t n = basis->n_maps;
    return (size_t)(k < n ? channel * n + k : 3 * n + channel);
}

/* Running sums over time, red and blue beside green: entries [n_hours][n_columns]. */
static TodStatus read_entries(const TodBasis *basis, const TodBasisSpec *spec, double *entries)
{
    const int32_t n_hours = spec->n_hours;
    for (int32_t k = 0; k <= spec->n_maps; k++) {
        const int64_t *green = spec->codes + ((size_t)k * 3 + 1) * (size_t)n_hours;
        for (int32_t channel = 0; channel < 3; channel++) {
            const int64_t *codes = spec->codes + ((size_t)k * 3 + (size_t)channel) * (size_t)n_hours;
            int64_t level = 0;
            for (int32_t t = 0; t < n_hours; t++) {
                level += codes[t] + (channel == 1 ? 0 : green[t]);
                const double entry = ldexp((double)level, spec->exponents[k]);
                if (!(fabs(entry) <= MAX_ENTRY))
                    return TOD_INEXACT;
                entries[(size_t)t * (size_t)basis->n_columns + column_of(basis, channel, k)] = entry;
            }
        }
    }
    return TOD_OK;
}

static int is_smooth(const char *modes, int32_t n, int32_t i)
{
    return modes[i % n] == 'C' && modes[(i + n - 1) % n] == 'C';
}

static double gap_after(const double *hours, int32_t n, int32_t i)
{
    i %= n;
    return i + 1 < n ? hours[i + 1] - hours[i] : hours[0] + DAY_H - hours[n - 1];
}

/* The tables of gap i from the entries at the times around it. */
static void fill_ramps(const TodBasis *basis, const TodBasisSpec *spec, const double *entries, int32_t i, float *ramps)
{
    const int32_t n = spec->n_hours;
    const size_t columns = (size_t)basis->n_columns, table = (size_t)n * columns;
    const double *at[4]; /* times i - 1 .. i + 2 */
    for (int32_t j = 0; j < 4; j++)
        at[j] = entries + (size_t)((i + n - 1 + j) % n) * columns;
    const double gap = gap_after(spec->hours, n, i);
    const double before = gap_after(spec->hours, n, i + n - 1), after = gap_after(spec->hours, n, i + 1);
    const int is_cubic = spec->gap_modes[i] == 'C';
    float *row = ramps + (size_t)i * columns;
    for (size_t c = 0; c < columns; c++) {
        row[c] = (float)at[1][c];
        const double change = at[2][c] - at[1][c];
        const double start = is_smooth(spec->gap_modes, n, i) ? (at[2][c] - at[0][c]) / (gap + before) * gap : change;
        const double end = is_smooth(spec->gap_modes, n, i + 1) ? (at[3][c] - at[1][c]) / (after + gap) * gap : change;
        row[table + c] = (float)change;
        row[2 * table + c] = is_cubic ? (float)(start - change) : 0.0f;
        row[3 * table + c] = is_cubic ? (float)(change - end) : 0.0f;
    }
}

static TodStatus fill(TodBasis *basis, const TodBasisSpec *spec)
{
    const size_t n = (size_t)spec->n_hours, columns = (size_t)basis->n_columns;
    float *hours = tod_arena_take(&basis->arena, n, sizeof *hours);
    float *gaps = tod_arena_take(&basis->arena, n, sizeof *gaps);
    float *ramps = tod_arena_take(&basis->arena, 4 * n * columns, sizeof *ramps);
    int32_t *exponents = tod_arena_take(&basis->arena, (size_t)spec->n_maps + 1, sizeof *exponents);
    double *entries = tod_arena_take(&basis->arena, n * columns, sizeof *entries);
    if (!hours || !gaps || !ramps || !exponents || !entries)
        return TOD_NO_MEMORY;
    memcpy(exponents, spec->exponents, ((size_t)spec->n_maps + 1) * sizeof *exponents);
    const TodStatus status = read_entries(basis, spec, entries);
    if (status != TOD_OK)
        return status;
    for (size_t i = 0; i < n; i++)
        hours[i] = (float)spec->hours[i];
    for (size_t i = 0; i < n; i++)
        gaps[i] = (i + 1 < n ? hours[i + 1] : hours[0] + (float)DAY_H) - hours[i];
    for (int32_t i = 0; i < spec->n_hours; i++)
        fill_ramps(basis, spec, entries, i, ramps);
    basis->hours = hours;
    basis->gaps = gaps;
    basis->ramps = ramps;
    basis->exponents = exponents;
    return TOD_OK;
}

TodStatus tod_basis_open(const TodBasisSpec *spec, TodAllocator allocator, TodBasis **basis)
{
    *basis = NULL;
    if (spec->n_maps < 1 || spec->n_maps > UINT16_MAX || spec->n_hours < 1 || spec->n_hours > (1 << 20))
        return TOD_BAD_ARGUMENT;
    TodBasis *made = allocator.allocate(allocator.context, sizeof *made);
    if (!made)
        return TOD_NO_MEMORY;
    memset(made, 0, sizeof *made);
    made->allocator = allocator;
    made->n_maps = spec->n_maps;
    made->n_hours = spec->n_hours;
    made->n_columns = 3 * spec->n_maps + 3;
    made->precision = spec->precision;
    tod_arena_open(&made->arena, allocator, 1 << 10);
    const TodStatus status = fill(made, spec);
    if (status == TOD_OK)
        *basis = made;
    else
        tod_basis_free(made);
    return status;
}

size_t tod_affine_bytes(int32_t n_maps)
{
    const size_t n = (size_t)n_maps;
    return sizeof(TodAffine) + 3 * (n + (n + 1) / 2) * sizeof(int32_t);
}

int32_t tod_basis_maps(const TodBasis *basis)
{
    return basis->n_maps;
}

/* The gap that holds a time, and how far the time is in it: 0 at its start, 1 at its end. In float32, so that stored
   times are met exactly. */
static int32_t find_gap(const TodBasis *basis, float time, float *u)
{
    int32_t gap = 0;
    float progress = 0.0f;
    for (; gap < basis->n_hours; gap++) {
        progress = (time - basis->hours[gap]) / basis->gaps[gap];
        if (!(progress >= 1.0f))
            break;
    }
    if (gap == basis->n_hours) { /* rounded up to the first time of the next day */
        *u = 1.0f;
        return gap - 1;
    }
    *u = progress > 0.0f ? progress : 0.0f;
    return gap;
}

/* A float32 product and a float32 sum, rounded once. */
static float add_product(float sum, float one, float other)
{
    return (float)((double)one * (double)other + (double)sum);
}

/* Entry of the matrix `u` into a gap, in steps of 2^exponent, rounded half to even. `row` is the entry's in A, `first`
   that of the first time. The order is that of the graph's table: A_i - A_0, then the three terms of the gap, then A_0.
 */
static float steps_at(const float *row, float first, size_t table, float u, int32_t exponent)
{
    const float rest = 1.0f - u, product = u * rest;
    float moved = (float)((double)row[0] - (double)first);
    moved = add_product(moved, u, row[table]);
    moved = add_product(moved, product * rest, row[2 * table]);
    moved = add_product(moved, product * u, row[3 * table]);
    return rintf(ldexpf(moved + first, -exponent));
}

/* value * 2^shift as int32, or TOD_INEXACT. */
static TodStatus store_shifted(double value, int32_t shift, int32_t *stored)
{
    const double shifted = ldexp(value, shift);
    if (!(fabs(value) <= MAX_STEPS && fabs(shifted) < 2147483648.0))
        return TOD_INEXACT;
    *stored = (int32_t)shifted;
    return TOD_OK;
}

TodStatus tod_basis_at(const TodBasis *basis, double time_h, TodAffine *affine)
{
    const int32_t n = basis->n_maps, n_pairs = (n + 1) / 2, exponent = basis->exponents[n];
    const float asked = (float)time_h, time = asked < basis->hours[0] ? asked + (float)DAY_H : asked;
    /* products are multiples of 2^-precision, b of 2^exponent: count in the finer of both */
    const int32_t unit = basis->precision > -exponent ? basis->precision : -exponent;
    float u;
    const int32_t gap = find_gap(basis, time, &u);
    const size_t table = (size_t)basis->n_hours * (size_t)basis->n_columns;
    const float *entries = basis->ramps + (size_t)gap * (size_t)basis->n_columns;
    TodStatus status = TOD_OK;
    affine->n_maps = n;
    affine->unit = unit;
    affine->is_narrow = 1;
    for (int32_t channel = 0; channel < 3 && status == TOD_OK; channel++) {
        int32_t *row = affine->matrix + channel * n, *pairs = affine->matrix + 3 * n + channel * n_pairs;
        memset(pairs, 0, (size_t)n_pairs * sizeof *pairs);
        for (int32_t k = 0; k < n && status == TOD_OK; k++) {
            const size_t column = column_of(basis, channel, k);
            const float steps = steps_at(entries + column, basis->ramps[column], table, u, basis->exponents[k]);
            status = store_shifted(steps, unit - basis->precision, &row[k]);
            affine->is_narrow &= status == TOD_OK && row[k] >= INT16_MIN && row[k] <= INT16_MAX;
            pairs[k / 2] = (int32_t)((uint32_t)pairs[k / 2] | ((uint32_t)row[k] & 0xFFFFu) << (k % 2 ? 16 : 0));
        }
        const size_t column = column_of(basis, channel, n);
        if (status == TOD_OK)
            status = store_shifted(steps_at(entries + column, basis->ramps[column], table, u, exponent),
                                   exponent + unit, &affine->offset[channel]);
    }
    return status;
}

void tod_affine_keep(TodAffine *affine, const uint8_t *kept)
{
    const int32_t n = affine->n_maps, n_pairs = (n + 1) / 2;
    int32_t *pairs = affine->matrix + 3 * (size_t)n;
    for (int32_t i = 0; i < 3 * n; i++) {
        const int32_t channel = i / n, k = i % n;
        if (kept[k])
            continue;
        affine->matrix[i] = 0;
        uint32_t pair = (uint32_t)pairs[channel * n_pairs + k / 2];
        pair &= k % 2 ? 0x0000FFFFu : 0xFFFF0000u;
        memcpy(&pairs[channel * n_pairs + k / 2], &pair, sizeof pair);
    }
}

void tod_basis_free(TodBasis *basis)
{
    const TodAllocator allocator = basis->allocator;
    tod_arena_close(&basis->arena);
    allocator.release(allocator.context, basis, sizeof *basis);
}
