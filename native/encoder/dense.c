#include "dense.h"

#include <math.h>
#include <string.h>

void tod_multiply(const double *restrict a, const double *restrict b, size_t n, double *restrict out)
{
    memset(out, 0, n * n * sizeof *out);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < n; k++)
            for (size_t j = 0; j < n; j++)
                out[i * n + j] += a[i * n + k] * b[k * n + j];
}

void tod_multiply_transposed(const double *restrict a, const double *restrict b, size_t n, double *restrict out)
{
    memset(out, 0, n * n * sizeof *out);
    for (size_t k = 0; k < n; k++)
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < n; j++)
                out[i * n + j] += a[k * n + i] * b[k * n + j];
}

static void swap_rows(double *restrict a, double *restrict b, size_t n)
{
    for (size_t j = 0; j < n; j++) {
        const double kept = a[j];
        a[j] = b[j];
        b[j] = kept;
    }
}

int tod_solve(double *restrict left, double *restrict right, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t pivot = i;
        for (size_t r = i + 1; r < n; r++)
            if (fabs(left[r * n + i]) > fabs(left[pivot * n + i]))
                pivot = r;
        if (!(fabs(left[pivot * n + i]) > 0.0))
            return 0;
        if (pivot != i) {
            swap_rows(left + i * n, left + pivot * n, n);
            swap_rows(right + i * n, right + pivot * n, n);
        }
        const double inverse = 1.0 / left[i * n + i];
        for (size_t r = i + 1; r < n; r++) {
            const double factor = left[r * n + i] * inverse;
            for (size_t j = i; j < n; j++)
                left[r * n + j] -= factor * left[i * n + j];
            for (size_t j = 0; j < n; j++)
                right[r * n + j] -= factor * right[i * n + j];
        }
    }
    for (size_t i = n; i-- > 0;) {
        for (size_t k = i + 1; k < n; k++)
            for (size_t j = 0; j < n; j++)
                right[i * n + j] -= left[i * n + k] * right[k * n + j];
        const double inverse = 1.0 / left[i * n + i];
        for (size_t j = 0; j < n; j++)
            right[i * n + j] *= inverse;
    }
    return 1;
}

void tod_orthogonalize(double *matrix, size_t n, double *work)
{
    double *inverse = work, *copy = work + n * n;
    for (int step = 0; step < 2; step++) { /* it converges quadratically, and starts within 1e-7 */
        memcpy(copy, matrix, n * n * sizeof *matrix);
        memset(inverse, 0, n * n * sizeof *inverse);
        for (size_t i = 0; i < n; i++)
            inverse[i * n + i] = 1.0;
        if (!tod_solve(copy, inverse, n))
            return;
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < n; j++)
                matrix[i * n + j] = 0.5 * (matrix[i * n + j] + inverse[j * n + i]);
    }
}
