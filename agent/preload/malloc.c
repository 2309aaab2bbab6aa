/* SPDX-License-Identifier: MIT */
/* The malloc family as the program sees it. An address is remembered before the program has it and
 * forgotten before the real free: it may be anybody's at once. */
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "agent/core/attr.h"
#include "agent/core/hot.h"
#include "agent/preload/bump.h"
#include "agent/preload/next.h"
#include "agent/preload/slow.h"
#include "agent/preload/state.h"

#define PAGE_BYTES 4096

/* The parts of glibc's contract that matter to us are in these declarations only. */
#define X(name, result, parameters) result name parameters;
NEXT_MALLOC_FAMILY(X)
#undef X
void *reallocarray(void *block, size_t count, size_t size);

/*
 * malloc, calloc and free have a shortest way for threads with a fast slot, without a call but the
 * real one. Everything else takes the long way.
 */

static void *counted(void *block)
{
    if (likely(block != NULL))
        slow_count_alloc(block, next_block_bytes(block));
    return block;
}

/* Whether this operation is passed on without counting: before the beginning, or inert. Attaches the
 * thread on its first one. */
static inline bool is_uncounted(void)
{
    return unlikely(!thread_self.slot) && !preload_attach();
}

/* Before the next allocator is known there is only the bump arena. */
static bool is_too_early(void)
{
    enum preload_state state = preload_begin();

    return state == PRELOAD_UNKNOWN || state == PRELOAD_RESOLVING;
}

static ATTR_COLD void *early_malloc(size_t size)
{
    return is_too_early() ? bump_alloc(16, size) : next.malloc(size);
}

static ATTR_NOINLINE void *malloc_slowly(size_t size)
{
    return is_uncounted() ? early_malloc(size) : counted(next.malloc(size));
}

ATTR_EXPORT void *malloc(size_t size)
{
    struct thread_slot *slot = thread_self.fast;
    void *block;

    if (unlikely(!slot))
        return malloc_slowly(size);
    block = next.malloc(size);
    if (likely(block != NULL) && hot_alloc(slot, next_exact_bytes(block)))
        return slow_alloc(block, next_exact_bytes(block));
    return block;
}

static ATTR_COLD void *early_calloc(size_t count, size_t size)
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

static ATTR_NOINLINE void *calloc_slowly(size_t count, size_t size)
{
    return is_uncounted() ? early_calloc(count, size) : counted(next.calloc(count, size));
}

ATTR_EXPORT void *calloc(size_t count, size_t size)
{
    struct thread_slot *slot = thread_self.fast;
    void *block;

    if (unlikely(!slot))
        return calloc_slowly(count, size);
    block = next.calloc(count, size);
    if (likely(block != NULL) && hot_alloc(slot, next_exact_bytes(block)))
        return slow_alloc(block, next_exact_bytes(block));
    return block;
}

static ATTR_COLD void early_free(void *block)
{
    if (!bump_owns(block) && !is_too_early()) /* too early: it cannot be ours nor given back */
        next.free(block);
}

static ATTR_NOINLINE void free_slowly(void *block)
{
    if (is_uncounted()) {
        early_free(block);
        return;
    }
    if (live_maybe((uintptr_t)block)) {
        if (bump_owns(block))
            return;
        core_forget((uintptr_t)block);
    }
    slow_count_free(next_block_bytes(block));
    next.free(block);
}

/* After a free has been counted and before it happens. */
static ATTR_COLD void free_and_poll(void *block)
{
    slow_free();
    next.free(block);
}

ATTR_EXPORT void free(void *block)
{
    struct thread_slot *slot = thread_self.fast;

    if (unlikely(!block))
        return;
    if (unlikely(!slot) || unlikely(live_maybe((uintptr_t)block)))
        free_slowly(block);
    else if (hot_free(slot, next_exact_bytes(block)))
        free_and_poll(block);
    else
        next.free(block);
}

/* Moves a block of the bump arena, whose size is not kept, to the next allocator. */
static ATTR_COLD void *realloc_from_bump(void *block, size_t size)
{
    size_t readable = bump_readable_bytes(block);
    void *moved = malloc(size);

    if (moved)
        memcpy(moved, block, size < readable ? size : readable);
    return moved;
}

static ATTR_COLD void *early_realloc(void *block, size_t size)
{
    if (block && bump_owns(block))
        return realloc_from_bump(block, size);
    if (is_too_early())
        return block ? NULL : bump_alloc(16, size);
    return next.realloc(block, size);
}

/* Passes on and counts. The old block is gone when there is a new one, or when the program has
 * freed it by asking for nothing. */
static void *resize(void *block, size_t size, bool *gone)
{
    size_t old_bytes = next_block_bytes(block);
    void *moved = next.realloc(block, size);

    *gone = moved != NULL || size == 0;
    if (*gone)
        slow_count_free(old_bytes);
    return moved;
}

static ATTR_NOINLINE void *realloc_sampled(void *block, size_t size)
{
    struct live_sample sample;
    bool tracked, gone;
    void *moved;

    if (bump_owns(block))
        return realloc_from_bump(block, size);
    tracked = live_take((uintptr_t)block, &sample); /* before: the address may be reused at once */
    moved = resize(block, size, &gone);
    if (tracked && (gone || !live_put((uintptr_t)block, &sample)))
        core_account_free(&sample);
    return counted(moved);
}

ATTR_EXPORT void *realloc(void *block, size_t size)
{
    bool gone;

    if (is_uncounted())
        return early_realloc(block, size);
    if (!block)
        return counted(next.realloc(NULL, size));
    if (unlikely(live_maybe((uintptr_t)block)))
        return realloc_sampled(block, size);
    return counted(resize(block, size, &gone));
}

/* Not passed on: every allocator's own would come back to us through realloc. */
ATTR_EXPORT void *reallocarray(void *block, size_t count, size_t size)
{
    size_t total;

    if (__builtin_mul_overflow(count, size, &total)) {
        errno = ENOMEM;
        return NULL;
    }
    return realloc(block, total);
}

static ATTR_COLD void *early_memalign(size_t alignment, size_t size)
{
    return is_too_early() ? bump_alloc(alignment, size) : next.memalign(alignment, size);
}

ATTR_EXPORT void *memalign(size_t alignment, size_t size)
{
    if (is_uncounted())
        return early_memalign(alignment, size);
    return counted(next.memalign(alignment, size));
}

static ATTR_COLD void *early_aligned_alloc(size_t alignment, size_t size)
{
    return is_too_early() ? bump_alloc(alignment, size) : next.aligned_alloc(alignment, size);
}

ATTR_EXPORT void *aligned_alloc(size_t alignment, size_t size)
{
    if (is_uncounted())
        return early_aligned_alloc(alignment, size);
    return counted(next.aligned_alloc(alignment, size));
}

static ATTR_COLD int early_posix_memalign(void **out, size_t alignment, size_t size)
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

ATTR_EXPORT int posix_memalign(void **out, size_t alignment, size_t size)
{
    int rc;

    if (is_uncounted())
        return early_posix_memalign(out, alignment, size);
    rc = next.posix_memalign(out, alignment, size);
    if (rc == 0)
        counted(*out);
    return rc;
}

static ATTR_COLD void *early_valloc(size_t size)
{
    return is_too_early() ? bump_alloc(PAGE_BYTES, size) : next.valloc(size);
}

ATTR_EXPORT void *valloc(size_t size)
{
    if (is_uncounted())
        return early_valloc(size);
    return counted(next.valloc(size));
}

/* All of the last page is the caller's: up to its last byte, for rounding up could overflow. */
static ATTR_COLD void *early_pvalloc(size_t size)
{
    return is_too_early() ? bump_alloc(PAGE_BYTES, size | (PAGE_BYTES - 1)) : next.pvalloc(size);
}

ATTR_EXPORT void *pvalloc(size_t size)
{
    if (is_uncounted())
        return early_pvalloc(size);
    return counted(next.pvalloc(size));
}

ATTR_EXPORT size_t malloc_usable_size(void *block)
{
    if (block && bump_owns(block))
        return 0; /* nothing of it may be used that was not asked for */
    return is_too_early() ? 0 : next.malloc_usable_size(block);
}
