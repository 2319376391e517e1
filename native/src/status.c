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
    case TOD_NOT_AN_ARCHIVE: return "not a todpack archive";
    case TOD_TRUNCATED: return "the file is shorter or longer than its header says";
    case TOD_DAMAGED: return "a checksum does not match; the file is damaged";
    case TOD_INVALID_METADATA: return "metadata.json is not what an encoder writes";
    case TOD_INVALID_SECTION: return "a section is missing or not what the metadata says";
    case TOD_UNSUPPORTED_VERSION: return "unsupported version of the format";
    case TOD_UNSUPPORTED_FEATURE: return "the archive requires a feature that is not known";
    case TOD_UNSUPPORTED_FAMILY: return "unsupported family; this library decodes daybasis";
    case TOD_UNSUPPORTED_GRAPH: return "unsupported graph; this library decodes the standard one";
    case TOD_OVER_LIMIT: return "over the limits";
    case TOD_READ_FAILED: return "the reader gave fewer bytes than it should";
    }
    return "unknown status";
}
