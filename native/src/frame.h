/* Frames, regions and texels of a decoded tile at any time. FORMAT.md "Frame graph", "Curve". */
#ifndef TOD_FRAME_H
#define TOD_FRAME_H

#include "basis.h"
#include "maps.h"
#include "pixels.h"

/* Decode a region into `out`, rows `stride` bytes apart. Texels that are neither valid nor a
   gutter get the value of b(t).
   TOD_INEXACT: the sums may go beyond 31 bits. */
TodStatus tod_frame(const TodMaps *maps, const TodAffine *affine, const TodOutput *output, TodRegion region, void *out,
                    size_t stride);

/* Map k as the graph `frame` takes it, float32 with rows `stride` floats apart; 0 where texels are neither valid nor a
   gutter. exponents: [n_maps]. */
void tod_latent(const TodMaps *maps, int32_t k, const int32_t *exponents, int32_t precision, float *out, size_t stride);

/* All of them, `map_stride` floats apart. */
void tod_latents(const TodMaps *maps, const int32_t *exponents, int32_t precision, float *out, size_t stride,
                 size_t map_stride);

#endif
