#include "rotations.h"

#include <math.h>
#include <string.h>

#define SKEW_SCALE 64.0
#define ROTATION_GRID 1024.0

/* Sums below this are exact in float32: products are multiples of 2^-15, and 512 has 24 bits. */
#define EXACT_LIMIT 500.0

uint32_t tod_largest_exact(int32_t n_maps)
{
    const double largest = EXACT_LIMIT / sqrt((double)n_maps) - 0.5; /* a centroid may add one half */
    return largest > 0.0 ? (uint32_t)largest : 0;
}

/* Gauss-Jordan elimination of left @ x = right; no pivots, since the symmetric part of left is positive definite. */
static void eliminate(double *restrict left, double *restrict right, int32_t n, double *restrict factors)
{
    for (int32_t i = 0; i < n; i++) {
        const double *pivot_left = left + (size_t)i * (size_t)n, *pivot_right = right + (size_t)i * (size_t)n;
        for (int32_t r = 0; r < n; r++)
            factors[r] = left[(size_t)r * (size_t)n + (size_t)i] / pivot_left[i];
        for (int32_t r = 0; r < n; r++) {
            if (r == i)
                continue;
            double *row_left = left + (size_t)r * (size_t)n, *row_right = right + (size_t)r * (size_t)n;
            for (int32_t c = 0; c < n; c++) {
                row_left[c] -= factors[r] * pivot_left[c];
                row_right[c] -= factors[r] * pivot_right[c];
            }
        }
    }
}

/* left = I - S / 2, right = I + S / 2. */
static void fill(const int64_t *codes, int32_t n, double *left, double *right)
{
    for (int32_t r = 0; r < n; r++) {
        left[r * n + r] = right[r * n + r] = 1.0;
        for (int32_t c = r + 1; c < n; c++) {
            const double half = (double)*codes++ / SKEW_SCALE / 2;
            left[r * n + c] = right[c * n + r] = -half;
            left[c * n + r] = right[r * n + c] = half;
        }
    }
}

TodStatus tod_rotations_of_codes(const int64_t *codes, int32_t n_regions, int32_t n_maps, TodArena *scratch,
                                 float *rotations)
{
    const size_t n = (size_t)n_maps, lanes = (size_t)tod_lanes_of(n_maps);
    TodMark mark = tod_arena_mark(scratch);
    double *left = tod_arena_take(scratch, n * n, sizeof *left), *right = tod_arena_take(scratch, n * n, sizeof *right);
    double *factors = tod_arena_take(scratch, n, sizeof *factors);
    if (!left || !right || !factors)
        return TOD_NO_MEMORY;
    TodStatus status = TOD_OK;
    memset(rotations, 0, (size_t)n_regions * n * lanes * sizeof *rotations);
    for (int32_t c = 0; c < n_regions; c++) {
        fill(codes, n_maps, left, right);
        eliminate(left, right, n_maps, factors);
        for (size_t k = 0; k < n; k++) {
            for (size_t j = 0; j < n; j++) {
                const double entry = rint(right[k * n + j] / left[k * n + k] * ROTATION_GRID) / ROTATION_GRID;
                if (!(fabs(entry) < 2.0))
                    status = TOD_INEXACT;
                rotations[j * lanes + k] = (float)entry;
            }
        }
        codes += n * (n - 1) / 2;
        rotations += n * lanes;
    }
    tod_arena_rewind(scratch, mark);
    return status;
}
