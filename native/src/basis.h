/* The temporal matrix: stored integers -> A(t) and b(t) in steps. FORMAT.md "Temporal codes". */
#ifndef TOD_BASIS_H
#define TOD_BASIS_H

#include "memory.h"
#include "status.h"

#include <stdint.h>

/* What an archive stores of it; borrowed while it is opened. */
typedef struct TodBasisSpec {
    int32_t n_maps, n_hours;
    const double *hours;      /* [n_hours] ascending */
    const char *gap_modes;    /* [n_hours] 'L' or 'C' */
    const int64_t *codes;     /* [n_maps + 1][3][n_hours], the zigzag undone */
    const int32_t *exponents; /* [n_maps + 1] */
    int32_t precision;
} TodBasisSpec;

typedef struct TodBasis TodBasis;

/* A(t) and b(t) as integers: rgb before the curve = (offset + sum over k of matrix[k] steps[k]) * 2^-unit. */
typedef struct TodAffine {
    int32_t n_maps, unit;
    int32_t is_narrow; /* all of the matrix fits 16 bits */
    int32_t offset[3];
    int32_t matrix[]; /* [3][n_maps], then [3][ceil(n_maps / 2)] pairs of 16-bit entries, the even map's low */
} TodAffine;

/* TOD_INEXACT: an entry is over 2^40. */
TodStatus tod_basis_open(const TodBasisSpec *spec, TodAllocator allocator, TodBasis **basis);

size_t tod_affine_bytes(int32_t n_maps);
int32_t tod_basis_maps(const TodBasis *basis);

/* The matrix at 0 <= time_h < 24, into tod_affine_bytes; TOD_INEXACT where an entry does not fit 31 bits. */
TodStatus tod_basis_at(const TodBasis *basis, double time_h, TodAffine *affine);

/* Leave out the maps whose byte is 0. */
void tod_affine_keep(TodAffine *affine, const uint8_t *kept);

void tod_basis_free(TodBasis *basis);

#endif
