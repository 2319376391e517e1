#define ZSTD_STATIC_LINKING_ONLY /* formats without magic number, the caller's allocator */
#include "unzstd.h"

#include <string.h>

#ifdef TODPACK_VENDORED_ZSTD
#include "zstddeclib.c"
#else
#include <zstd.h>
#include <zstd_errors.h>
#endif

#define MIN_WINDOW_LOG 20
#define MAX_WINDOW_LOG 27
#define CUSTOM_HEAD 64 /* keeps what follows aligned */

/* zstd frees blocks without their size: it is kept before them. */
static void *allocate(void *opaque, size_t n_bytes)
{
    const TodAllocator *allocator = opaque;
    if (n_bytes > SIZE_MAX - CUSTOM_HEAD)
        return NULL;
    unsigned char *block = allocator->allocate(allocator->context, n_bytes + CUSTOM_HEAD);
    if (!block)
        return NULL;
    memcpy(block, &n_bytes, sizeof n_bytes);
    return block + CUSTOM_HEAD;
}

static void release(void *opaque, void *block)
{
    const TodAllocator *allocator = opaque;
    size_t n_bytes;
    if (!block)
        return;
    unsigned char *whole = (unsigned char *)block - CUSTOM_HEAD;
    memcpy(&n_bytes, whole, sizeof n_bytes);
    allocator->release(allocator->context, whole, n_bytes + CUSTOM_HEAD);
}

/* log2 of the largest window that n bytes have use for. */
static int window_log_of(size_t n)
{
    int log = MIN_WINDOW_LOG;
    while (log < MAX_WINDOW_LOG && ((size_t)1 << log) < n)
        log++;
    return log;
}

/* Whether a frame's window is no larger; the library looks at it only where it decodes piece by piece.
   Source: RFC 8878, "Frame_Header_Descriptor" and "Window_Descriptor". */
static int has_window(TodBytes frame, ZSTD_format_e format, int log)
{
    const size_t head = format == ZSTD_f_zstd1 ? 4 : 0;
    if (frame.n < head + 2)
        return 1; /* cut short, which decoding tells */
    if (frame.data[head] & 0x20)
        return 1; /* one segment: as large as the content */
    const int exponent = frame.data[head + 1] >> 3, eighths = frame.data[head + 1] & 7;
    return 10 + exponent + (eighths > 0) <= log;
}

static TodStatus decode(TodBytes frame, TodBytes dictionary, ZSTD_format_e format, TodAllocator scratch, uint8_t *to,
                        size_t n)
{
    const ZSTD_customMem memory = {allocate, release, &scratch};
    if (!has_window(frame, format, window_log_of(n)))
        return TOD_INVALID_SECTION;
    ZSTD_DCtx *context = ZSTD_createDCtx_advanced(memory);
    if (!context)
        return TOD_NO_MEMORY;
    uint8_t nothing;
    ZSTD_inBuffer in = {frame.data, frame.n, 0};
    ZSTD_outBuffer out = {n ? to : &nothing, n, 0};
    size_t left = ZSTD_DCtx_setParameter(context, ZSTD_d_format, format);
    if (!ZSTD_isError(left))
        left = ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, window_log_of(n));
    if (!ZSTD_isError(left) && dictionary.n)
        left = ZSTD_DCtx_refPrefix(context, dictionary.data, dictionary.n);
    if (!ZSTD_isError(left)) { /* a call that neither reads nor writes makes no progress any more */
        size_t before;
        do {
            before = in.pos + out.pos;
            left = ZSTD_decompressStream(context, &out, &in);
        } while (left && !ZSTD_isError(left) && in.pos + out.pos > before);
    }
    ZSTD_freeDCtx(context);
    if (ZSTD_isError(left) && ZSTD_getErrorCode(left) == ZSTD_error_memory_allocation)
        return TOD_NO_MEMORY;
    return left == 0 && in.pos == in.size && out.pos == n ? TOD_OK : TOD_INVALID_SECTION;
}

int tod_has_magic(TodBytes frame)
{
    return frame.n >= 4 && memcmp(frame.data, "\x28\xB5\x2F\xFD", 4) == 0;
}

int tod_zstd_size(TodBytes frame, uint64_t *n)
{
    *n = tod_has_magic(frame) ? ZSTD_getFrameContentSize(frame.data, frame.n) : ZSTD_CONTENTSIZE_ERROR;
    return *n < ZSTD_CONTENTSIZE_ERROR;
}

TodStatus tod_unzstd(TodBytes frame, TodAllocator scratch, uint8_t *to, size_t n)
{
    uint64_t declared;
    if (!tod_zstd_size(frame, &declared) || declared != n)
        return TOD_INVALID_SECTION;
    return decode(frame, (TodBytes){NULL, 0}, ZSTD_f_zstd1, scratch, to, n);
}

TodStatus tod_unzstd_magicless(TodBytes frame, TodBytes dictionary, TodAllocator scratch, uint8_t *to, size_t n)
{
    /* the frame's first byte: the size of its content size, and whether it is one segment, which declares it too */
    if (frame.n < 1 || frame.data[0] & 0xE0)
        return TOD_INVALID_SECTION;
    return decode(frame, dictionary, ZSTD_f_zstd1_magicless, scratch, to, n);
}
