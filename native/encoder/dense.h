/* Small dense matrices in double: (n, n), by rows. */
#ifndef TOD_DENSE_H
#define TOD_DENSE_H

#include <stddef.h>

/* out = a @ b; out is none of them. */
void tod_multiply(const double *a, const double *b, size_t n, double *out);

/* out = a^T @ b. */
void tod_multiply_transposed(const double *a, const double *b, size_t n, double *out);

/* Replace `right` by left^-1 @ right, by elimination with pivots; `left` is overwritten. Returns 0 where it is
   singular. */
int tod_solve(double *left, double *right, size_t n);

/* Make a nearly orthogonal matrix orthogonal: its polar factor, by Newton's iteration. `work` holds 2 n^2. */
void tod_orthogonalize(double *matrix, size_t n, double *work);

#endif
