/* Width of a quantisation step at every site. FORMAT.md "Charts and pyramid", "Coefficients to maps" step 3. */
#ifndef TOD_STEPS_H
#define TOD_STEPS_H

#include <stddef.h>
#include <stdint.h>

/* Of the n sites of a detail band, `depth` levels above the finest. */
void tod_detail_steps(const double *mass, size_t n, int depth, int orientation, double q_step, float *steps);

/* Of the n sites of the low band. */
void tod_low_steps(const double *mass, size_t n, int n_levels, double q_step, float *steps);

#endif
