#ifdef __linux__
#define _GNU_SOURCE /* MAP_ANONYMOUS, MADV_HUGEPAGE */
#endif

#include "memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifdef __linux__
#include <sys/mman.h>
#endif

#define TOD_ALIGNMENT ((size_t)64)

struct TodBlock {
    TodBlock *below;
    size_t n_bytes; /* of the whole block, this head included */
    size_t used;
};

static void *default_allocate(void *context, size_t n_bytes)
{
    (void)context;
    return malloc(n_bytes);
}

static void default_release(void *context, void *block, size_t n_bytes)
{
    (void)context;
    (void)n_bytes;
    free(block);
}

TodAllocator tod_default_allocator(void)
{
    TodAllocator allocator = {default_allocate, default_release, NULL};
    return allocator;
}

#if defined(__linux__) && defined(MADV_HUGEPAGE)
/* From here on blocks are the system's own pages: heaps keep what is freed, glibc's one for each thread. */
#define MAPPED_BYTES ((size_t)1 << 18)

static char *map(size_t n_bytes)
{
    char *pages = mmap(NULL, n_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return pages == MAP_FAILED ? NULL : pages;
}

static void *scratch_allocate(void *context, size_t n_bytes)
{
    if (n_bytes < MAPPED_BYTES)
        return default_allocate(context, n_bytes);
    if (n_bytes < TOD_LARGE_PAGE)
        return map(n_bytes);
    if (n_bytes > SIZE_MAX - TOD_LARGE_PAGE)
        return NULL;
    char *whole = map(n_bytes + TOD_LARGE_PAGE);
    if (!whole)
        return NULL;
    const size_t before = (size_t)(-(uintptr_t)whole & (TOD_LARGE_PAGE - 1)); /* pages are aligned to their size */
    if (before)
        munmap(whole, before);
    if (before < TOD_LARGE_PAGE)
        munmap(whole + before + n_bytes, TOD_LARGE_PAGE - before);
    (void)madvise(whole + before, n_bytes, MADV_HUGEPAGE); /* where there are none, small ones do */
    return whole + before;
}

static void scratch_release(void *context, void *block, size_t n_bytes)
{
    if (n_bytes < MAPPED_BYTES)
        default_release(context, block, n_bytes);
    else
        munmap(block, n_bytes);
}

TodAllocator tod_scratch_allocator(void)
{
    TodAllocator allocator = {scratch_allocate, scratch_release, NULL};
    return allocator;
}
#else
TodAllocator tod_scratch_allocator(void)
{
    return tod_default_allocator();
}
#endif

void tod_arena_open(TodArena *arena, TodAllocator allocator, size_t grain)
{
    arena->grain = grain;
    arena->allocator = allocator;
    arena->top = arena->spare = NULL;
}

static void release_all(TodArena *arena, TodBlock *block)
{
    while (block) {
        TodBlock *below = block->below;
        arena->allocator.release(arena->allocator.context, block, block->n_bytes);
        block = below;
    }
}

void tod_arena_close(TodArena *arena)
{
    release_all(arena, arena->top);
    release_all(arena, arena->spare);
    arena->top = arena->spare = NULL;
}

/* A block of at least so many bytes: the smallest spare one, or a new one. */
static TodBlock *take_block(TodArena *arena, size_t n_bytes)
{
    TodBlock **best = NULL;
    for (TodBlock **at = &arena->spare; *at; at = &(*at)->below)
        if ((*at)->n_bytes >= n_bytes && (!best || (*at)->n_bytes < (*best)->n_bytes))
            best = at;
    if (best) {
        TodBlock *block = *best;
        *best = block->below;
        return block;
    }
    TodBlock *block = arena->allocator.allocate(arena->allocator.context, n_bytes);
    if (block)
        block->n_bytes = n_bytes;
    return block;
}

static size_t aligned_offset(const TodBlock *block, size_t offset)
{
    uintptr_t at = (uintptr_t)block + offset;
    return offset + (size_t)(-at & (TOD_ALIGNMENT - 1));
}

void *tod_arena_take(TodArena *arena, size_t count, size_t item_bytes)
{
    if (item_bytes && count > (SIZE_MAX / 2) / item_bytes)
        return NULL;
    size_t n_bytes = count * item_bytes;
    TodBlock *block = arena->top;
    if (block) {
        size_t offset = aligned_offset(block, block->used);
        if (offset <= block->n_bytes && n_bytes <= block->n_bytes - offset) {
            block->used = offset + n_bytes;
            return (char *)block + offset;
        }
    }
    size_t whole = sizeof(TodBlock) + TOD_ALIGNMENT + n_bytes + arena->grain - 1;
    whole -= whole % arena->grain;
    block = take_block(arena, whole);
    if (!block)
        return NULL;
    block->below = arena->top;
    size_t offset = aligned_offset(block, sizeof(TodBlock));
    block->used = offset + n_bytes;
    arena->top = block;
    return (char *)block + offset;
}

void *tod_arena_zeros(TodArena *arena, size_t count, size_t item_bytes)
{
    void *memory = tod_arena_take(arena, count, item_bytes);
    if (memory)
        memset(memory, 0, count * item_bytes);
    return memory;
}

size_t tod_arena_bytes(const TodArena *arena)
{
    size_t n_bytes = 0;
    for (const TodBlock *block = arena->top; block; block = block->below)
        n_bytes += block->n_bytes;
    for (const TodBlock *block = arena->spare; block; block = block->below)
        n_bytes += block->n_bytes;
    return n_bytes;
}

TodMark tod_arena_mark(const TodArena *arena)
{
    TodMark mark = {arena->top, arena->top ? arena->top->used : 0};
    return mark;
}

void tod_arena_rewind(TodArena *arena, TodMark mark)
{
    while (arena->top != mark.block) {
        TodBlock *block = arena->top;
        arena->top = block->below;
        block->below = arena->spare;
        arena->spare = block;
    }
    if (arena->top)
        arena->top->used = mark.used;
}
