/* Regional rotations: the K values of a site times the matrix of its class. FORMAT.md "Coefficients to maps". */
#ifndef TOD_ROTATIONS_H
#define TOD_ROTATIONS_H

#include "kernels.h"
#include "memory.h"
#include "status.h"

#define TOD_BLOCK 16 /* texels along a side of what shares a class */

/* Lanes that `n_maps` maps take: whole vectors. */
static inline int32_t tod_lanes_of(int32_t n_maps)
{
    return (n_maps + TOD_LANES - 1) / TOD_LANES * TOD_LANES;
}

/* Largest magnitude of codes whose rotated values float32 sums exactly, in any order. */
uint32_t tod_largest_exact(int32_t n_maps);

/* Matrices from their stored integers, the upper triangles of skew-symmetric matrices by rows, times 64.

   rotations: [n_regions][n_maps][tod_lanes_of(n_maps)]; entry (class, j, k) is what coded value j gives to map k.
   TOD_INEXACT where they are no rotations. */
TodStatus tod_rotations_of_codes(const int64_t *codes, int32_t n_regions, int32_t n_maps, TodArena *scratch,
                                 float *rotations);

#endif
