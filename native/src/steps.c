#include "steps.h"

#include <math.h>

#include "pyramid.h"

static const double DETAIL_NORMS[5][TOD_N_ORIENTATIONS] = {
    {1.038328, 1.038328, 1.4375},   {0.796109, 0.796109, 0.921875}, {0.729915, 0.729915, 0.792969},
    {0.712848, 0.712848, 0.760742}, {0.708545, 0.708545, 0.752686},
};
static const double LOW_NORM = 0.667;
static const float LEAST_MASS = 1e-3f;

void tod_detail_steps(const double *restrict mass, size_t n, int depth, int orientation, double q_step,
                      float *restrict steps)
{
    const float inverse_norm = (float)(1.0 / DETAIL_NORMS[depth < 4 ? depth : 4][orientation]);
    const double gain = ldexp(orientation == TOD_HH ? 2.0 : 1.0, -depth);
    const float step = (float)(q_step * gain);
    for (size_t i = 0; i < n; i++) {
        const double share = mass[i] > (double)LEAST_MASS ? mass[i] : (double)LEAST_MASS;
        steps[i] = step * (inverse_norm * sqrtf(sqrtf((float)(1.0 / share))));
    }
}

void tod_low_steps(const double *restrict mass, size_t n, int n_levels, double q_step, float *restrict steps)
{
    const float inverse_norm = (float)(1.0 / LOW_NORM);
    const float step = (float)(q_step * ldexp(1.0, -n_levels));
    for (size_t i = 0; i < n; i++) {
        const float share = (float)mass[i] > LEAST_MASS ? (float)mass[i] : LEAST_MASS;
        steps[i] = step * (inverse_norm * sqrtf(sqrtf(1.0f / share)));
    }
}
