/* What becomes of the values of a texel: the curve, the range of the signal, the format of the caller's pixels. */
#ifndef TOD_PIXELS_H
#define TOD_PIXELS_H

#include <stddef.h>
#include <stdint.h>

#include "todpack.h"

typedef enum TodCurve { TOD_CURVE_NONE, TOD_CURVE_SQUARE, TOD_CURVE_EXP } TodCurve;

/* How values become pixels. */
typedef struct TodOutput {
    TodFormat format;
    TodCurve curve;
    float knee;    /* of TOD_CURVE_EXP */
    float highest; /* values are clipped to 0 .. highest; INFINITY for radiance */
} TodOutput;

/* Three float32 values as half floats' bits and as a shared-exponent word, rounded half to even and half up. */
uint16_t tod_half_of(float value);
uint32_t tod_rgb9e5_of(const float rgb[3]);

#endif
