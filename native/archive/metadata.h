/* The fields of metadata.json, checked. FORMAT.md "Metadata", "daybasis". */
#ifndef TOD_METADATA_H
#define TOD_METADATA_H

#include "container.h"
#include "fields.h"
#include "maps.h"

#define TOD_MAX_COMPONENTS 1024
#define TOD_MAX_TILE (1 << 14)

/* One lightmap of the family daybasis; field names as in FORMAT.md. */
typedef struct TodLightmapEntry {
    TodLightmapInfo info;
    const char *mask; /* name of its section; NULL where every texel is valid */
    int32_t n_classes, n_levels, precision;
    double q_step;
    float centroids[2];
    const int32_t *exponents; /* [n_maps + 1] */
    const char *gap_modes;    /* [n_hours] */
    TodSmoothing smoothing;
    TodCurve curve;
    const char *frame_graph;
    const char *outliers; /* name of their section; NULL for none */
} TodLightmapEntry;

typedef struct TodMetadata {
    TodArchiveInfo info;
    const TodLightmapEntry *lightmaps;
} TodMetadata;

/* Read all of it; what it points to is taken from `held`. */
TodStatus tod_read_entries(const TodContainer *container, const TodJson *json, TodArena *held, TodArena *scratch,
                           TodMetadata *metadata, TodError *error);

/* Fields of `model` of one lightmap; model.c. */
void tod_read_model(TodFields *model, int32_t n_hours, TodArena *held, TodLightmapEntry *entry);

#endif
