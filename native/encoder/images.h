/* Images of all maps of a tile, and how those of a coarser level act on those of a finer one. */
#ifndef TOD_IMAGES_H
#define TOD_IMAGES_H

#include "encode_kernels.h"
#include "taps.h"

#define TOD_MARGIN 4 /* samples around an image that taps may touch; they stay what they are, times weights of 0 */
#define TOD_STENCIL 9

/* (height, width) samples of `lanes` float32 with a margin. */
typedef struct TodImage {
    float *data;
    int32_t height, width;
    size_t lanes;
} TodImage;

static inline size_t tod_image_row(const TodImage *image)
{
    return ((size_t)image->width + 2 * TOD_MARGIN) * image->lanes;
}

static inline float *tod_image_at(const TodImage *image, int32_t y, int32_t x)
{
    return image->data + (size_t)(y + TOD_MARGIN) * tod_image_row(image) + (size_t)(x + TOD_MARGIN) * image->lanes;
}

/* Take a zero image. */
TodStatus tod_take_image(TodImage *image, TodSize size, size_t lanes, TodArena *arena);

void tod_clear_image(TodImage *image);

/* What a level's detail and low samples do in its image, and the metric of that image: the squared norm of what it
   becomes at the finest level is the sum over its samples p, q of x_p x_q stencil[p][q - p]. Only neighbors overlap,
   as long as the low half of the lifting reaches one sample to each side. */
typedef struct TodSpread {
    const TodLevel *level;
    uint8_t *is_inner[TOD_N_ORIENTATIONS + 1]; /* whether tod_inner_taps serve: by band, TOD_LOW the last */
    const uint8_t *sites, *low_sites; /* samples of the image, and of its low half, that belong to a chart */
    TodTaps inner[TOD_N_ORIENTATIONS + 1];
    float *stencil; /* [height][width][TOD_STENCIL] of the level's image; NULL at the finest: the identity */
    float *energy[TOD_N_ORIENTATIONS]; /* squared norm of each detail's synthesis function */
} TodSpread;

typedef struct TodSpreads {
    int32_t n_levels;
    TodSpread levels[TOD_MAX_LEVELS];
    float *low_stencil; /* of the low band */
} TodSpreads;

/* valid: [height][width] of the tile, 0 or 1; kept. */
TodStatus tod_build_spreads(const TodPyramid *pyramid, const uint8_t *valid, TodArena *arena, TodSpreads *spreads);

/* The taps of a sample, quickly. */
void tod_taps_of(const TodSpread *spread, int orientation, int32_t row, int32_t column, TodTaps *taps);

/* What a coefficient of 1 adds to slopes of its level's image: its taps, and the metric. */
#define TOD_REACH (TOD_TAP_SIDE + 2)
typedef struct TodReach {
    int32_t y, x, height, width;
    float weight[TOD_REACH][TOD_REACH];
} TodReach;
void tod_reach_of(const TodSpread *spread, const TodTaps *taps, TodReach *reach);

/* coarse[p] = sum of the taps of low sample p times `fine`. */
void tod_restrict(const TodSpread *spread, const TodImage *fine, TodImage *coarse);

/* fine += the low samples' taps times `coarse`. */
void tod_prolong(const TodSpread *spread, const TodImage *coarse, TodImage *fine);

/* slopes += metric of the image times `change`. */
void tod_add_metric(const TodSpread *spread, const TodImage *change, TodImage *slopes);

#endif
