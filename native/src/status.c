#include "status.h"

const char *tod_status_text(TodStatus status)
{
    switch (status) {
    case TOD_OK: return "done";
    case TOD_NO_MEMORY: return "no memory left";
    case TOD_TOO_LARGE: return "sizes are too large";
    case TOD_BAD_ARGUMENT: return "an argument is not possible";
    case TOD_INEXACT: return "numbers go beyond those whose sums are exact";
    case TOD_DAMAGED_HEADER: return "coefficient stream: its header does not fit its size";
    case TOD_DAMAGED_MODEL: return "model section: too short, too long, or a side value out of range";
    case TOD_DAMAGED_STARTS: return "model section: class starts are not ascending from 0, or do not fit each other";
    case TOD_DAMAGED_PROBABILITY: return "model section: a probability is 0";
    case TOD_DAMAGED_FREQUENCIES: return "model section: bad frequency table";
    case TOD_DAMAGED_WORDS: return "ANS section is not whole words ending in a nonzero one";
    case TOD_DAMAGED_STREAMS: return "zstd streams: one ends early, or they do not fit the section";
    case TOD_DAMAGED_TOKEN: return "zstd streams: a token out of range";
    case TOD_DAMAGED_RAW_BITS: return "raw bits end early";
    case TOD_DAMAGED_CODE: return "a code is larger than codes may be";
    }
    return "unknown status";
}
