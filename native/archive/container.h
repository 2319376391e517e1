/* The container: fixed header, compressed metadata, then sections. FORMAT.md "Header", "Sections". */
#ifndef TOD_CONTAINER_H
#define TOD_CONTAINER_H

#include "checksum.h"
#include "error.h"
#include "json.h"
#include "unzstd.h"

typedef enum TodCodec {
    TOD_CODEC_RAW,
    TOD_CODEC_ZSTD,
    TOD_CODEC_ZSTD_1,
    TOD_CODEC_ADAPTIVE,
    TOD_CODEC_STANDARD
} TodCodec;
typedef enum TodItemType { TOD_U1, TOD_I1, TOD_U2, TOD_I2, TOD_I4, TOD_F2, TOD_F4 } TodItemType;

#define TOD_SHAPE_KEPT 3 /* dimensions; no section that is read has more */

typedef struct TodSection {
    const char *name;
    uint64_t offset; /* in the file */
    uint64_t stored_bytes, decoded_bytes;
    int64_t shape[TOD_SHAPE_KEPT];
    uint32_t crc32;
    TodCodec codec;
    TodItemType type;
    int32_t rank;
} TodSection;

typedef struct TodContainer {
    TodReader reader;
    const uint8_t *memory; /* the file; NULL where it is read */
    TodLimits limits;
    TodCrc crc;
    int32_t major, minor;
    const TodSection *sections; /* by name, ascending */
    size_t n_sections;
    uint64_t largest;                      /* bytes that decoding one of them takes at most */
    uint64_t most_integers, most_of_tiles; /* that one has in adaptive bits, of all and of those of tiles */
    uint64_t longest_stream;               /* decoded bytes of a tile's coefficients */
    uint64_t start;                        /* of the sections in the file */
} TodContainer;

/* Check the header and give the text of the metadata, from `scratch`. */
TodStatus tod_read_metadata(TodContainer *container, TodArena *scratch, TodJson *json, TodError *error);

/* Check the table of sections, which is taken from `held`; sections.c. */
TodStatus tod_read_sections(TodContainer *container, const TodJson *json, TodArena *held, TodError *error);

/* Bytes of an item. */
size_t tod_item_bytes(TodItemType type);

/* The section of a name. TOD_INVALID_SECTION: there is none. */
TodStatus tod_find_section(const TodContainer *container, const char *name, const TodSection **section,
                           TodError *error);

/* Read, verify and decode a section, items in C order; the bytes are the caller's file, or taken from `scratch`. */
TodStatus tod_read_section(const TodContainer *container, const TodSection *section, TodArena *scratch, TodBytes *bytes,
                           TodError *error);

/* a + factor * n, or UINT64_MAX where that is too large. */
uint64_t tod_budget(uint64_t a, uint64_t factor, uint64_t n);

#endif
