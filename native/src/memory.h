/* Memory from the caller's allocator, taken in stages and given back all at once. */
#ifndef TOD_MEMORY_H
#define TOD_MEMORY_H

#include <stddef.h>

#include "todpack.h"

#define TOD_LARGE_PAGE ((size_t)1 << 21)

typedef struct TodBlock TodBlock;

/* A stack of memory: what was taken after a mark goes back with `tod_arena_rewind`, to be taken again; the allocator
   has it back when the arena is closed. Not for several threads at once. */
typedef struct TodArena {
    TodAllocator allocator;
    size_t grain;
    TodBlock *top, *spare;
} TodArena;

typedef struct TodMark {
    TodBlock *block;
    size_t used;
} TodMark;

/* Blocks are asked for in multiples of `grain` bytes. */
void tod_arena_open(TodArena *arena, TodAllocator allocator, size_t grain);
void tod_arena_close(TodArena *arena);

/* `count` items of `item_bytes`, aligned to 64 bytes, contents undefined; NULL where memory ends or the product does
   not fit a size_t. A count of 0 gives a valid pointer to nothing. */
void *tod_arena_take(TodArena *arena, size_t count, size_t item_bytes);

/* The same, filled with zeros. */
void *tod_arena_zeros(TodArena *arena, size_t count, size_t item_bytes);

/* Bytes that it has from the allocator. */
size_t tod_arena_bytes(const TodArena *arena);

TodMark tod_arena_mark(const TodArena *arena);
void tod_arena_rewind(TodArena *arena, TodMark mark);

#endif
