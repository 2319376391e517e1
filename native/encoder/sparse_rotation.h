/* The sparse rotation: an orthogonal change of basis after which detail coefficients cost fewer bits.

   The rate of a neighborhood of TOD_GROUP coefficients x of each of K components is, in nats,
   sum over components of (sum of log(1 + g x^2) + TOD_GROUP log(1 + g mean x^2)) / TOD_GROUP, g = 4.
   packer/daybasis/transform/rotation.py says why. */
#ifndef TOD_SPARSE_ROTATION_H
#define TOD_SPARSE_ROTATION_H

#include "memory.h"
#include "status.h"

/* Neighborhoods [TOD_GROUP][n][k] in units of the quantizer's step. */
typedef struct TodNeighborhoods {
    const float *values;
    size_t n, k;
} TodNeighborhoods;

/* How long to look. */
typedef struct TodRotationSearch {
    size_t n_samples;  /* coefficients of each component that are used at most, about */
    int n_rounds;      /* restarts; each measures the curvatures anew */
    int n_iterations;  /* of L-BFGS in each */
    float significant; /* neighborhoods whose largest magnitude is not above this are left out */
} TodRotationSearch;

/* rotation: [k][k] orthogonal, columns by falling rate. The same input gives the same result on one machine. */
TodStatus tod_sparse_rotation(const TodNeighborhoods *groups, const TodRotationSearch *search, double *rotation);

/* rates: [n] of each neighborhood after the rotation [k][k]. */
TodStatus tod_rotated_rates(const TodNeighborhoods *groups, const double *rotation, float *rates);

#endif
