/* L-BFGS: minimize a smooth function of many variables. Source: Nocedal and Wright, "Numerical optimization", 2006. */
#ifndef TOD_MINIMIZE_H
#define TOD_MINIMIZE_H

#include "memory.h"
#include "status.h"

/* The value at x [n], and its gradient. */
typedef double (*TodObjective)(void *context, const double *x, double *gradient);

/* Improve x [n] in at most n_iterations steps, until a step gains less than `tolerance` of the value. Variables are
   scaled so that curvatures are about 1. */
TodStatus tod_minimize(TodObjective objective, void *context, size_t n, int n_iterations, double tolerance, double *x,
                       TodArena *scratch);

#endif
