#include "images.h"

#include <string.h>

TodStatus tod_take_image(TodImage *image, TodSize size, size_t lanes, TodArena *arena)
{
    *image = (TodImage){NULL, size.height, size.width, lanes};
    const size_t rows = (size_t)size.height + 2 * TOD_MARGIN;
    image->data = tod_arena_zeros(arena, rows * tod_image_row(image), sizeof *image->data);
    return image->data ? TOD_OK : TOD_NO_MEMORY;
}

void tod_clear_image(TodImage *image)
{
    memset(image->data, 0, ((size_t)image->height + 2 * TOD_MARGIN) * tod_image_row(image) * sizeof *image->data);
}

void tod_taps_of(const TodSpread *spread, int orientation, int32_t row, int32_t column, TodTaps *taps)
{
    const int32_t width = orientation == TOD_LOW ? (spread->level->size.width + 1) / 2
                                                 : spread->level->bands[orientation].width;
    if (spread->is_inner[orientation][(size_t)row * (size_t)width + (size_t)column]) {
        *taps = spread->inner[orientation];
        taps->y += 2 * row;
        taps->x += 2 * column;
    } else {
        tod_find_taps(spread->level, orientation, row, column, taps);
    }
}

static const float *stencil_at(const TodSpread *spread, int32_t y, int32_t x)
{
    return spread->stencil + ((size_t)y * (size_t)spread->level->size.width + (size_t)x) * TOD_STENCIL;
}

void tod_reach_of(const TodSpread *spread, const TodTaps *taps, TodReach *reach)
{
    if (!spread->stencil) {
        *reach = (TodReach){taps->y, taps->x, taps->height, taps->width, {{0.0f}}};
        for (int32_t r = 0; r < taps->height; r++)
            memcpy(reach->weight[r], taps->weight[r], sizeof taps->weight[r]);
        return;
    }
    *reach = (TodReach){taps->y - 1, taps->x - 1, taps->height + 2, taps->width + 2, {{0.0f}}};
    for (int32_t r = 0; r < taps->height; r++)
        for (int32_t c = 0; c < taps->width; c++) {
            const float weight = taps->weight[r][c];
            if (weight == 0.0f)
                continue;
            const float *stencil = stencil_at(spread, taps->y + r, taps->x + c);
            for (int32_t i = 0; i < 3; i++)
                for (int32_t j = 0; j < 3; j++)
                    reach->weight[r + i][c + j] += weight * stencil[3 * i + j];
        }
}

/* Taps times what they lie on; both are windows of the same image. */
static float overlap(const TodReach *reach, const TodTaps *taps)
{
    float sum = 0.0f;
    for (int32_t r = 0; r < taps->height; r++) {
        const int32_t y = taps->y + r - reach->y;
        if (y < 0 || y >= reach->height)
            continue;
        for (int32_t c = 0; c < taps->width; c++) {
            const int32_t x = taps->x + c - reach->x;
            if (x >= 0 && x < reach->width)
                sum += taps->weight[r][c] * reach->weight[y][x];
        }
    }
    return sum;
}

static int equal_taps(const TodTaps *found, const TodTaps *inner)
{
    return found->height == inner->height && memcmp(found->weight, inner->weight, sizeof found->weight) == 0;
}

/* Flags and energies of a band's sites. */
static TodStatus measure_band(TodSpread *spread, int orientation, TodSize size, const uint8_t *sites, const float *scale,
                              TodArena *arena)
{
    const size_t area = (size_t)size.height * (size_t)size.width;
    uint8_t *is_inner = tod_arena_zeros(arena, area, 1);
    float *energy = scale ? tod_arena_zeros(arena, area, sizeof *energy) : NULL;
    if (!is_inner || (scale && !energy))
        return TOD_NO_MEMORY;
    tod_inner_taps(orientation, &spread->inner[orientation]);
    for (size_t i = 0; i < area; i++) {
        if (!sites[i])
            continue;
        TodTaps taps;
        tod_find_taps(spread->level, orientation, (int32_t)(i / (size_t)size.width), (int32_t)(i % (size_t)size.width),
                      &taps);
        is_inner[i] = (uint8_t)equal_taps(&taps, &spread->inner[orientation]);
        if (!energy)
            continue;
        TodReach reach;
        tod_reach_of(spread, &taps, &reach);
        energy[i] = overlap(&reach, &taps) * scale[i] * scale[i];
    }
    spread->is_inner[orientation] = is_inner;
    if (orientation < TOD_N_ORIENTATIONS)
        spread->energy[orientation] = energy;
    return TOD_OK;
}

/* The metric of the low half from that of the image. */
static void find_stencil(const TodSpread *spread, TodSize low, float *stencil)
{
    for (int32_t y = 0; y < low.height; y++)
        for (int32_t x = 0; x < low.width; x++) {
            if (!spread->low_sites[(size_t)y * (size_t)low.width + (size_t)x])
                continue;
            TodTaps taps;
            TodReach reach;
            tod_taps_of(spread, TOD_LOW, y, x, &taps);
            tod_reach_of(spread, &taps, &reach);
            float *at = stencil + ((size_t)y * (size_t)low.width + (size_t)x) * TOD_STENCIL;
            for (int32_t i = 0; i < 3; i++)
                for (int32_t j = 0; j < 3; j++) {
                    const int32_t row = y + i - 1, column = x + j - 1;
                    if (row < 0 || row >= low.height || column < 0 || column >= low.width ||
                        !spread->low_sites[(size_t)row * (size_t)low.width + (size_t)column])
                        continue;
                    tod_taps_of(spread, TOD_LOW, row, column, &taps);
                    at[3 * i + j] = overlap(&reach, &taps);
                }
        }
}

/* Low samples that touch a sample of the image: those that carry a label. */
static void find_low_sites(const TodSpread *spread, TodSize low, uint8_t *sites)
{
    const TodSize size = spread->level->size;
    for (int32_t y = 0; y < low.height; y++)
        for (int32_t x = 0; x < low.width; x++) {
            TodTaps taps;
            tod_find_taps(spread->level, TOD_LOW, y, x, &taps);
            uint8_t any = 0;
            for (int32_t r = 0; r < taps.height; r++)
                for (int32_t c = 0; c < taps.width; c++)
                    if (taps.weight[r][c] != 0.0f && taps.y + r < size.height && taps.x + c < size.width)
                        any |= spread->sites[(size_t)(taps.y + r) * (size_t)size.width + (size_t)(taps.x + c)];
            sites[(size_t)y * (size_t)low.width + (size_t)x] = any;
        }
}

TodStatus tod_build_spreads(const TodPyramid *pyramid, const uint8_t *valid, TodArena *arena, TodSpreads *spreads)
{
    memset(spreads, 0, sizeof *spreads);
    spreads->n_levels = pyramid->n_levels;
    float *stencil = NULL;
    const uint8_t *of_image = valid;
    for (int32_t depth = 0; depth < pyramid->n_levels; depth++) {
        TodSpread *spread = &spreads->levels[depth];
        const TodLevel *level = spread->level = &pyramid->levels[depth];
        const TodSize low = {(level->size.height + 1) / 2, (level->size.width + 1) / 2};
        const size_t area = (size_t)low.height * (size_t)low.width;
        spread->stencil = stencil;
        spread->sites = of_image;
        for (int o = 0; o < TOD_N_ORIENTATIONS; o++)
            if (measure_band(spread, o, level->bands[o], level->sites[o], level->scale[o], arena) != TOD_OK)
                return TOD_NO_MEMORY;
        uint8_t *sites = tod_arena_take(arena, area, 1);
        stencil = tod_arena_zeros(arena, area * TOD_STENCIL, sizeof *stencil);
        if (!sites || !stencil)
            return TOD_NO_MEMORY;
        find_low_sites(spread, low, sites);
        spread->low_sites = of_image = sites;
        if (measure_band(spread, TOD_LOW, low, sites, NULL, arena) != TOD_OK)
            return TOD_NO_MEMORY;
        find_stencil(spread, low, stencil);
    }
    spreads->low_stencil = stencil;
    return TOD_OK;
}

/* Every sample of the low band with its taps on the level below: gathered from them, or scattered to them. */
static void across_levels(const TodSpread *spread, const TodImage *fine, const TodImage *coarse, int to_fine)
{
    const TodEncodeKernels *kernels = tod_encode_kernels();
    for (int32_t y = 0; y < coarse->height; y++)
        for (int32_t x = 0; x < coarse->width; x++) {
            if (!spread->low_sites[(size_t)y * (size_t)coarse->width + (size_t)x])
                continue;
            TodTaps taps;
            tod_taps_of(spread, TOD_LOW, y, x, &taps);
            float *low = tod_image_at(coarse, y, x), *tapped = tod_image_at(fine, taps.y, taps.x);
            if (to_fine)
                kernels->scatter(low, fine->lanes, &taps.weight[0][0], TOD_TAP_SIDE, taps.height, taps.width, tapped,
                                 tod_image_row(fine));
            else
                kernels->gather(tapped, tod_image_row(fine), fine->lanes, &taps.weight[0][0], TOD_TAP_SIDE, taps.height,
                                taps.width, low);
        }
}

void tod_restrict(const TodSpread *spread, const TodImage *fine, TodImage *coarse)
{
    across_levels(spread, fine, coarse, 0);
}

void tod_prolong(const TodSpread *spread, const TodImage *coarse, TodImage *fine)
{
    across_levels(spread, fine, coarse, 1);
}

void tod_add_metric(const TodSpread *spread, const TodImage *change, TodImage *slopes)
{
    const TodEncodeKernels *kernels = tod_encode_kernels();
    for (int32_t y = 0; y < change->height; y++)
        for (int32_t x = 0; x < change->width; x++) {
            const float *from = tod_image_at(change, y, x);
            if (!spread->sites[(size_t)y * (size_t)change->width + (size_t)x])
                continue;
            if (spread->stencil)
                kernels->scatter(from, change->lanes, stencil_at(spread, y, x), 3, 3, 3,
                                 tod_image_at(slopes, y - 1, x - 1), tod_image_row(slopes));
            else
                kernels->add_rows(from, change->lanes, tod_image_at(slopes, y, x));
        }
}
