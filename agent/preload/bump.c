/* SPDX-License-Identifier: MIT */
#include "agent/preload/bump.h"

#include <errno.h>

#include "agent/core/live.h"

_Alignas(4096) uint8_t bump_arena[BUMP_BYTES];
_Atomic size_t bump_used;

void *bump_alloc(size_t alignment, size_t size)
{
    size_t start = atomic_load(&bump_used);
    size_t at;

    if (alignment < 16)
        alignment = 16;
    do {
        at = (start + alignment - 1) & ~(alignment - 1);
        if (at >= BUMP_BYTES || size > BUMP_BYTES - at || alignment > 4096) {
            errno = ENOMEM;
            return NULL;
        }
    } while (!atomic_compare_exchange_weak(&bump_used, &start, at + size + (size == 0)));
    live_mark_range((uintptr_t)&bump_arena[at], 1); /* so that free comes here, when the gate is open too */
    return &bump_arena[at];
}

size_t bump_readable_bytes(const void *block)
{
    return BUMP_BYTES - (size_t)((const uint8_t *)block - bump_arena);
}
