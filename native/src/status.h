/* What a function of the library reports: one code for each cause. No globals, no printing. */
#ifndef TOD_STATUS_H
#define TOD_STATUS_H

typedef enum TodStatus {
    TOD_OK = 0,
    TOD_NO_MEMORY = -1,    /* the allocator gave none */
    TOD_TOO_LARGE = -2,    /* sizes beyond what indices here count */
    TOD_BAD_ARGUMENT = -3, /* the caller's */
    TOD_INEXACT = -4,      /* numbers beyond those whose sums FORMAT.md makes exact */

    /* the coded bytes are not what an encoder writes */
    TOD_DAMAGED_HEADER = -16,
    TOD_DAMAGED_MODEL = -17,
    TOD_DAMAGED_STARTS = -18,
    TOD_DAMAGED_PROBABILITY = -19,
    TOD_DAMAGED_FREQUENCIES = -20,
    TOD_DAMAGED_WORDS = -21,
    TOD_DAMAGED_STREAMS = -22,
    TOD_DAMAGED_TOKEN = -23,
    TOD_DAMAGED_RAW_BITS = -24,
    TOD_DAMAGED_CODE = -25
} TodStatus;

/* One line for a code, never NULL; lives as long as the program. */
const char *tod_status_text(TodStatus status);

#endif
