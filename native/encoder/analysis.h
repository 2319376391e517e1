/* Forward lifting of images of all maps: native/src/lifting.h undoes it. FORMAT.md "Coefficients to maps". */
#ifndef TOD_ANALYSIS_H
#define TOD_ANALYSIS_H

#include "images.h"

/* Split the image of a level into bands, in place: low, lh, hl and hh lie interleaved. */
void tod_analyze_level(const TodLevel *level, TodImage *image);

#endif
