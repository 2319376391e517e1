/* An allocator that keeps account of what is taken, for the promise of memory. */
#ifndef TOD_FUZZ_ACCOUNT_H
#define TOD_FUZZ_ACCOUNT_H

#include <stdio.h>
#include <stdlib.h>

#include "todpack.h"

typedef struct Account {
    size_t now, peak;
} Account;

static void *take_from(void *context, size_t n_bytes)
{
    Account *account = context;
    void *block = malloc(n_bytes);
    if (block) {
        account->now += n_bytes;
        account->peak = account->now > account->peak ? account->now : account->peak;
    }
    return block;
}

static void give_to(void *context, void *block, size_t n_bytes)
{
    Account *account = context;
    account->now -= n_bytes;
    free(block);
}

static inline TodAllocator allocator_of(Account *account)
{
    TodAllocator allocator = {take_from, give_to, account};
    return allocator;
}

/* A broken promise ends the process; what is said is all that is known of it. */
static inline void check(int holds, const char *promise)
{
    if (!holds) {
        fprintf(stderr, "broken promise: %s\n", promise);
        abort();
    }
}

#endif
