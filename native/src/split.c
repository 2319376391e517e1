#include "split.h"

#include <string.h>

int tod_take_split_lines(TodSplitLines *lines, int32_t width, TodArena *scratch)
{
    const size_t n = (size_t)width + 2;
    lines->even = tod_arena_zeros(scratch, n, sizeof *lines->even);
    lines->odd = tod_arena_zeros(scratch, n, sizeof *lines->odd);
    lines->none = tod_arena_zeros(scratch, n, sizeof *lines->none);
    lines->even_mass = tod_arena_zeros(scratch, n, sizeof(double));
    lines->odd_mass = tod_arena_zeros(scratch, n, sizeof(double));
    lines->no_mass = tod_arena_zeros(scratch, n, sizeof(double));
    lines->given = tod_arena_zeros(scratch, n, sizeof(double));
    lines->given_before = tod_arena_zeros(scratch, n, sizeof(double));
    lines->no_joins = tod_arena_zeros(scratch, n, 1);
    return lines->even && lines->odd && lines->none && lines->even_mass && lines->odd_mass && lines->no_mass &&
           lines->given && lines->given_before && lines->no_joins;
}

/* Samples that belong together: even, the odd one after it, and the next even one. */
typedef struct Lines {
    const int32_t *even, *odd, *next;
    const double *even_mass, *odd_mass, *next_mass;
} Lines;

/* Joins of the odd samples, and the mass each gives to the next even one; returns 1 where labels cross. */
static int join_odd(const Lines *in, int32_t n, uint8_t *restrict joins, double *restrict given)
{
    const int32_t *restrict even = in->even, *restrict odd = in->odd, *restrict next = in->next;
    const double *restrict odd_mass = in->odd_mass;
    int32_t crossed = 0;
    for (int32_t i = 0; i < n; i++) {
        const int32_t o = odd[i] != 0;
        const int32_t before = (odd[i] == even[i]) & o, after = (odd[i] == next[i]) & o;
        const int32_t promoted = o & (before == 0) & (after == 0) & (even[i] == 0);
        crossed |= (o & (even[i] != 0) & (before == 0)) | (o & (next[i] != 0) & (after == 0));
        joins[i] = (uint8_t)(before | after << 1 | promoted << 2);
        given[i] = after ? odd_mass[i] * (before ? 0.5 : 1.0) : 0.0;
    }
    return crossed;
}

/* Labels and masses of both halves; `given` comes from the odd samples before the even ones. */
static inline void split_samples(const Lines *in, int32_t n, int single, const uint8_t *restrict joins,
                                 const double *restrict given, int32_t *restrict low, int32_t *restrict high,
                                 double *restrict low_mass, double *restrict high_mass)
{
    const int32_t *restrict even = in->even, *restrict odd = in->odd;
    const double *restrict even_mass = in->even_mass, *restrict odd_mass = in->odd_mass;
    const double *restrict next_mass = in->next_mass;
    for (int32_t i = 0; i < n; i++) {
        const int32_t before = joins[i] & TOD_JOINS_BEFORE, after = joins[i] & TOD_JOINS_AFTER;
        const int32_t promoted = joins[i] & TOD_PROMOTED;
        const double weight = joins[i] == (TOD_JOINS_BEFORE | TOD_JOINS_AFTER) ? 0.5 : 1.0;
        double sum = even_mass[i] + (before ? odd_mass[i] * weight : 0.0);
        sum = single ? (double)(float)sum : sum;
        sum += given[i];
        sum = single ? (double)(float)sum : sum;
        low_mass[i] = 0.5 * (promoted ? odd_mass[i] : sum);
        low[i] = promoted ? odd[i] : even[i];
        double rest = odd_mass[i] + (before ? weight * even_mass[i] : 0.0);
        rest += after ? weight * next_mass[i] : 0.0;
        high_mass[i] = 0.5 * rest;
        high[i] = promoted ? 0 : odd[i];
    }
}

/* Joins of the even samples from those of the odd ones before and after them. */
static void join_even(const uint8_t *restrict before, const uint8_t *restrict after, int32_t n, uint8_t *restrict joins)
{
    for (int32_t i = 0; i < n; i++)
        joins[i] = (uint8_t)((before[i] & TOD_JOINS_AFTER) >> 1 | (after[i] & TOD_JOINS_BEFORE) << 1);
}

static uint8_t any_promoted(const uint8_t *joins, int32_t n)
{
    int32_t any = 0;
    for (int32_t i = 0; i < n; i++)
        any |= joins[i];
    return (any & TOD_PROMOTED) != 0;
}

/* The last even sample has no odd one after it where the count is odd. */
static void end_alone(const Lines *in, int32_t i, int single, double given, int32_t *low, double *low_mass)
{
    const double sum = in->even_mass[i] + given;
    *low = in->even[i];
    *low_mass = 0.5 * (single ? (double)(float)sum : sum);
}

void tod_split_rows(const TodSamples *from, TodSamples *low, TodSamples *high, TodPass *pass, TodSplitLines *lines)
{
    const int32_t width = from->size.width, n_even = (width + 1) / 2, n_odd = width / 2;
    const Lines in = {lines->even,      lines->odd,      lines->even + 1,
                      lines->even_mass, lines->odd_mass, lines->even_mass + 1};
    double *given = lines->given + 1; /* given[-1] stays 0 */
    lines->even[n_even] = 0;
    lines->even_mass[n_even] = 0.0;
    lines->given[0] = 0.0;
    for (int32_t y = 0; y < from->size.height; y++) {
        const int32_t *labels = from->labels + (size_t)y * (size_t)width;
        const double *mass = from->mass + (size_t)y * (size_t)width;
        for (int32_t i = 0; i < n_odd; i++) {
            lines->even[i] = labels[2 * i];
            lines->odd[i] = labels[2 * i + 1];
            lines->even_mass[i] = mass[2 * i];
            lines->odd_mass[i] = mass[2 * i + 1];
        }
        if (n_even > n_odd) {
            lines->even[n_odd] = labels[width - 1];
            lines->even_mass[n_odd] = mass[width - 1];
        }
        const size_t low_at = (size_t)y * (size_t)n_even, high_at = (size_t)y * (size_t)n_odd;
        uint8_t *odd = pass->odd + high_at, *even = pass->even + low_at;
        pass->crossed |= join_odd(&in, n_odd, odd, given);
        pass->promotes[y] = any_promoted(odd, n_odd);
        split_samples(&in, n_odd, 1, odd, given - 1, low->labels + low_at, high->labels + high_at, low->mass + low_at,
                      high->mass + high_at);
        even[0] = n_odd ? (uint8_t)((odd[0] & TOD_JOINS_BEFORE) << 1) : 0;
        if (n_odd)
            join_even(odd, odd + 1, n_odd - 1, even + 1);
        if (n_even > n_odd) {
            end_alone(&in, n_odd, 1, given[n_odd - 1], low->labels + low_at + n_odd, low->mass + low_at + n_odd);
            even[n_odd] = n_odd ? (uint8_t)((odd[n_odd - 1] & TOD_JOINS_AFTER) >> 1) : 0;
        }
    }
}

void tod_split_columns(const TodSamples *from, TodSamples *low, TodSamples *high, int single, TodPass *pass,
                       TodSplitLines *lines)
{
    const int32_t width = from->size.width, n_even = (from->size.height + 1) / 2, n_odd = from->size.height / 2;
    const uint8_t *joins_before = lines->no_joins;
    double *given = lines->given, *given_before = lines->given_before;
    memset(given_before, 0, (size_t)width * sizeof *given_before);
    for (int32_t i = 0; i < n_even; i++) {
        const size_t even_at = 2 * (size_t)i * (size_t)width, odd_at = even_at + (size_t)width;
        const size_t at = (size_t)i * (size_t)width;
        const int has_odd = i < n_odd, has_next = i + 1 < n_even;
        const Lines in = {from->labels + even_at,
                          has_odd ? from->labels + odd_at : lines->none,
                          has_next ? from->labels + odd_at + width : lines->none,
                          from->mass + even_at,
                          has_odd ? from->mass + odd_at : lines->no_mass,
                          has_next ? from->mass + odd_at + width : lines->no_mass};
        if (!has_odd) {
            for (int32_t x = 0; x < width; x++)
                end_alone(&in, x, single, given_before[x], low->labels + at + x, low->mass + at + x);
            join_even(joins_before, lines->no_joins, width, pass->even + at);
            break;
        }
        uint8_t *odd = pass->odd + at;
        pass->crossed |= join_odd(&in, width, odd, given);
        pass->promotes[i] = any_promoted(odd, width);
        if (single)
            split_samples(&in, width, 1, odd, given_before, low->labels + at, high->labels + at, low->mass + at,
                          high->mass + at);
        else
            split_samples(&in, width, 0, odd, given_before, low->labels + at, high->labels + at, low->mass + at,
                          high->mass + at);
        join_even(joins_before, odd, width, pass->even + at);
        joins_before = odd;
        double *spare = given_before;
        given_before = given;
        given = spare;
    }
}
