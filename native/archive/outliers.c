#include "outliers.h"

#include <math.h>
#include <string.h>

#include "pixels.h"

#define MAX_OUTLIERS 65535
#define FIELDS 6

static uint32_t u32_at(const uint8_t *data)
{
    return data[0] | (uint32_t)data[1] << 8 | (uint32_t)data[2] << 16 | (uint32_t)data[3] << 24;
}

static TodOutlier outlier_at(const uint8_t *data)
{
    TodOutlier outlier = {(int32_t)u32_at(data), (int32_t)u32_at(data + 4), (int32_t)u32_at(data + 8), {0, 0, 0}};
    for (int c = 0; c < 3; c++) {
        const uint32_t bits = u32_at(data + 12 + 4 * c);
        memcpy(&outlier.rgb[c], &bits, sizeof bits);
        outlier.rgb[c] += 0.0f; /* of -0 too, 0 */
    }
    return outlier;
}

static int is_possible(const TodOutlier *outlier, const TodArchiveInfo *archive, const TodLightmapInfo *info)
{
    for (int c = 0; c < 3; c++)
        if (!isfinite(outlier->rgb[c]) || outlier->rgb[c] < 0.0f)
            return 0;
    return outlier->hour >= 0 && outlier->hour < archive->n_hours && outlier->y >= 0 && outlier->y < info->height &&
           outlier->x >= 0 && outlier->x < info->width;
}

static int is_before(const TodOutlier *a, const TodOutlier *b)
{
    if (a->hour != b->hour)
        return a->hour < b->hour;
    return a->y != b->y ? a->y < b->y : a->x < b->x;
}

TodStatus tod_read_outliers(const TodSection *section, TodBytes bytes, const TodArchiveInfo *archive,
                            const TodLightmapInfo *info, TodArena *held, TodOutliers *outliers, TodError *error)
{
    if (archive->transfer != TOD_LINEAR)
        return tod_fail(error, TOD_INVALID_SECTION, "section %s: expected linear radiance, found srgb8", section->name);
    if (section->type != TOD_I4 || section->rank != 2 || section->shape[1] != FIELDS ||
        section->shape[0] > MAX_OUTLIERS)
        return tod_fail(error, TOD_INVALID_SECTION,
                        "section %s: expected i4 of shape [n, %d], n up to %d, found another", section->name, FIELDS,
                        MAX_OUTLIERS);
    const int32_t n = (int32_t)section->shape[0];
    TodOutlier *rows = tod_arena_take(held, (size_t)n, sizeof *rows);
    if (!rows)
        return tod_fail_at(error, TOD_NO_MEMORY, section->name);
    for (int32_t i = 0; i < n; i++) {
        rows[i] = outlier_at(bytes.data + 4 * FIELDS * (size_t)i);
        if (!is_possible(&rows[i], archive, info) || (i > 0 && !is_before(&rows[i - 1], &rows[i])))
            return tod_fail(error, TOD_INVALID_SECTION,
                            "section %s: expected ascending places in the day and values >= 0, found others",
                            section->name);
    }
    *outliers = (TodOutliers){n, rows};
    return TOD_OK;
}

static void put_pixel(const float rgb[3], TodFormat format, uint8_t *pixel)
{
    if (format == TOD_RGB32F) {
        memcpy(pixel, rgb, 3 * sizeof *rgb);
    } else if (format == TOD_RGB9E5) {
        const uint32_t word = tod_rgb9e5_of(rgb);
        memcpy(pixel, &word, sizeof word);
    } else {
        const uint16_t halves[4] = {tod_half_of(rgb[0]), tod_half_of(rgb[1]), tod_half_of(rgb[2]), 0x3C00};
        memcpy(pixel, halves, tod_pixel_bytes(format));
    }
}

void tod_put_outliers(const TodOutliers *outliers, const TodArchiveInfo *archive, double time_h, TodRegion region,
                      const TodMask *mask, TodFormat format, void *pixels, size_t stride)
{
    for (int32_t i = 0; i < outliers->n; i++) {
        const TodOutlier *one = &outliers->rows[i];
        if ((float)archive->hours[one->hour] != (float)time_h || one->y < region.y0 || one->y >= region.y1 ||
            one->x < region.x0 || one->x >= region.x1 || (mask && !tod_is_valid(mask, one->y, one->x)))
            continue;
        uint8_t *row = (uint8_t *)pixels + (size_t)(one->y - region.y0) * stride;
        put_pixel(one->rgb, format, row + (size_t)(one->x - region.x0) * tod_pixel_bytes(format));
    }
}
