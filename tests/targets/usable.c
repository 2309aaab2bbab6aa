/* SPDX-License-Identifier: MIT */
/* Stands before malloc_usable_size and counts. Built as a shared object. */
#include <dlfcn.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#define EXPORTED __attribute__((visibility("default")))

EXPORTED size_t malloc_usable_size(void *block);
EXPORTED size_t usable_questions(void);

static size_t (*next)(void *block);
static _Atomic size_t questions;

size_t malloc_usable_size(void *block)
{
    if (!next) {
        void *symbol = dlsym(RTLD_NEXT, "malloc_usable_size");

        memcpy(&next, &symbol, sizeof(symbol));
    }
    atomic_fetch_add(&questions, 1);
    return next(block);
}

size_t usable_questions(void)
{
    return atomic_load(&questions);
}
