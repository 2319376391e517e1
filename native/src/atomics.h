/* The two things that threads share: pointers that are set once, and a count of bytes. */
#ifndef TOD_ATOMICS_H
#define TOD_ATOMICS_H

#include <stddef.h>

#if defined(_MSC_VER) && !defined(__clang__)
#include <intrin.h>

typedef struct TodSlot {
    void *volatile pointer;
} TodSlot;

typedef struct TodCount {
    volatile long long value;
} TodCount;

static inline void *tod_slot_get(TodSlot *slot)
{
    return _InterlockedCompareExchangePointer(&slot->pointer, NULL, NULL);
}

static inline void *tod_slot_put(TodSlot *slot, void *pointer)
{
    void *before = _InterlockedCompareExchangePointer(&slot->pointer, pointer, NULL);
    return before ? before : pointer;
}

static inline long long tod_count_add(TodCount *count, long long n)
{
    return _InterlockedExchangeAdd64(&count->value, n) + n;
}
#else
#include <stdatomic.h>

typedef struct TodSlot {
    _Atomic(void *) pointer;
} TodSlot;

typedef struct TodCount {
    _Atomic(long long) value;
} TodCount;

/* NULL, or what was put. */
static inline void *tod_slot_get(TodSlot *slot)
{
    return atomic_load_explicit(&slot->pointer, memory_order_acquire);
}

/* Put a pointer into an empty slot: what is in it then, which may be another thread's. */
static inline void *tod_slot_put(TodSlot *slot, void *pointer)
{
    void *before = NULL;
    return atomic_compare_exchange_strong(&slot->pointer, &before, pointer) ? pointer : before;
}

/* Add n: the count then. */
static inline long long tod_count_add(TodCount *count, long long n)
{
    return atomic_fetch_add(&count->value, n) + n;
}
#endif

#endif
