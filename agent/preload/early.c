/* SPDX-License-Identifier: MIT */
/*
 * The malloc family before the next allocator is known. The first call finds out; whoever allocates
 * meanwhile, dlsym mostly, gets memory of the bump arena that is never given back.
 */
#include <errno.h>

#include "agent/preload/bump.h"
#include "agent/preload/next.h"
#include "agent/preload/state.h"

#define PAGE_BYTES 4096

static bool is_too_early(void)
{
    return preload_begin() <= PRELOAD_RESOLVING;
}

void *early_malloc(size_t size)
{
    return is_too_early() ? bump_alloc(16, size) : next.malloc(size);
}

void *early_calloc(size_t count, size_t size)
{
    size_t total;

    if (!is_too_early())
        return next.calloc(count, size);
    if (__builtin_mul_overflow(count, size, &total)) {
        errno = ENOMEM;
        return NULL;
    }
    return bump_alloc(16, total);
}

/* The hooks ask first whose the block is: this one is nobody's, and stays. */
void early_free(void *block)
{
    if (!is_too_early())
        next.free(block);
}

void *early_realloc(void *block, size_t size)
{
    if (!is_too_early())
        return next.realloc(block, size);
    return block ? NULL : bump_alloc(16, size);
}

void *early_memalign(size_t alignment, size_t size)
{
    return is_too_early() ? bump_alloc(alignment, size) : next.memalign(alignment, size);
}

void *early_aligned_alloc(size_t alignment, size_t size)
{
    return is_too_early() ? bump_alloc(alignment, size) : next.aligned_alloc(alignment, size);
}

int early_posix_memalign(void **out, size_t alignment, size_t size)
{
    int saved_errno = errno;
    void *block;

    if (!is_too_early())
        return next.posix_memalign(out, alignment, size);
    block = bump_alloc(alignment, size);
    errno = saved_errno;
    if (!block)
        return ENOMEM;
    *out = block;
    return 0;
}

void *early_valloc(size_t size)
{
    return is_too_early() ? bump_alloc(PAGE_BYTES, size) : next.valloc(size);
}

/* All of the last page is the caller's: up to its last byte, for rounding up could overflow. */
void *early_pvalloc(size_t size)
{
    return is_too_early() ? bump_alloc(PAGE_BYTES, size | (PAGE_BYTES - 1)) : next.pvalloc(size);
}

size_t early_malloc_usable_size(void *block)
{
    return is_too_early() ? 0 : next.malloc_usable_size(block);
}
