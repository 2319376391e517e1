/* The synthesis function of one coefficient of a level: few weights around its place in the level's image. */
#ifndef TOD_TAPS_H
#define TOD_TAPS_H

#include "pyramid.h"

#define TOD_LOW 3      /* an orientation too: the low half of both passes */
#define TOD_TAP_SIDE 5 /* a high half reaches two samples to each side, a low one one */

/* Sample (y + r, x + c) of the level's image is weight[r][c] times the coefficient; weights outside of the image are
   0. */
typedef struct TodTaps {
    int32_t y, x, height, width;
    float weight[TOD_TAP_SIDE][TOD_TAP_SIDE];
} TodTaps;

/* The taps of sample (row, column) of a band; `orientation` is TOD_LH, TOD_HL, TOD_HH or TOD_LOW. */
void tod_find_taps(const TodLevel *level, int orientation, int32_t row, int32_t column, TodTaps *taps);

/* Share of a neighbor on a side (TOD_JOINS_BEFORE or TOD_JOINS_AFTER) in a sample of these joins: 1 beside another one,
   2 alone, 0 where they do not join. */
float tod_join_weight(int joins, int side);

/* Those far from every border: of a sample of the band at row 0 and column 0. */
void tod_inner_taps(int orientation, TodTaps *taps);

#endif
