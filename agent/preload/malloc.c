/* SPDX-License-Identifier: MIT */
/* The malloc family as the program sees it. An address is remembered before the program has it and
 * forgotten before the real free: it may be anybody's at once. */
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "agent/core/attr.h"
#include "agent/core/hot.h"
#include "agent/preload/bump.h"
#include "agent/preload/classes.h"
#include "agent/preload/next.h"
#include "agent/preload/slabs.h"
#include "agent/preload/slow.h"
#include "agent/preload/state.h"

/* The parts of glibc's contract that matter to us are in these declarations only. */
#define X(name, result, parameters) result name parameters;
NEXT_MALLOC_FAMILY(X)
#undef X
void *reallocarray(void *block, size_t count, size_t size);

/*
 * malloc, calloc, realloc and free have a shortest way, without a call but the real one. What it counts
 * for a thread without a slot goes to thread_nobody, whose slow path is always due, and is counted there.
 */

/* The long way of counting, for every block, thread and state. It notes the registers, as alloc_due: the
 * stack of a sample begins here then, with no walk through the agent's own frames. */
static ATTR_NOINLINE void *counted(void *block)
{
    struct unwind_registers here;

    if (!block || bump_owns(block))
        return block;
    slabs_forget(block);
    if (!preload_attach())
        return block;
    unwind_registers_here(&here);
    slow_count_alloc(block, next_block_bytes(block), &here);
    return block;
}

static ATTR_NOINLINE void *alloc_due(void *block)
{
    struct unwind_registers here;

    if (!thread_has_slot())
        return counted(block);
    unwind_registers_here(&here);
    return slow_alloc(block, next_block_bytes(block), &here);
}

/* The short way where the allocator is asked for the size. It must not be for a block of ours, which a
 * thread may still have got when another one opened the gate. */
static ATTR_NOINLINE void *count_asked(void *block)
{
    size_t size_bytes;

    if (!hot_is_asked(block) || bump_owns(block))
        return counted(block);
    size_bytes = next.malloc_usable_size(block);
    slabs_note_bytes(block, size_bytes);
    if (hot_alloc(thread_self.slot, size_bytes))
        return alloc_due(block);
    return block;
}

/* And where it need not be asked, for what was requested tells. */
static ATTR_NOINLINE ATTR_HOT void *count_requested(void *block, size_t size)
{
    uint64_t measure = classes_measure(size);

    if (unlikely(measure == 0 || !hot_is_asked(block)))
        return count_asked(block);
    slabs_note(block, measure);
    if (hot_alloc_measured(thread_self.slot, measure))
        return alloc_due(block);
    return block;
}

/* The shortest way of counting. */
static inline void *count_block(void *block, size_t size)
{
    if (!hot_is_counted(block))
        return count_requested(block, size);
    if (hot_alloc_measured(thread_self.slot, next_exact_measure(block)))
        return alloc_due(block);
    return block;
}

ATTR_EXPORT ATTR_HOT void *malloc(size_t size)
{
    return count_block(next.malloc(size), size);
}

ATTR_EXPORT ATTR_HOT void *calloc(size_t count, size_t size)
{
    return count_block(next.calloc(count, size), 0); /* to be asked: not worth keeping both */
}

static ATTR_NOINLINE void free_slowly(void *block)
{
    if (!block || bump_owns(block))
        return;
    if (preload_attach()) {
        core_forget((uintptr_t)block);
        slow_count_free(next_block_bytes(block));
    }
    next.free(block);
}

/* After a free has been counted and before it happens. */
static ATTR_NOINLINE void free_due(void *block)
{
    if (thread_has_slot())
        slow_free();
    else if (preload_attach())
        slow_count_free(next_block_bytes(block));
    next.free(block);
}

static inline bool must_go_slowly(const void *block)
{
    return !hot_is_asked(block) || unlikely(live_maybe((uintptr_t)block));
}

static ATTR_NOINLINE void free_by_asking(void *block)
{
    if (hot_free(thread_self.slot, next.malloc_usable_size(block)))
        free_due(block);
    else
        next.free(block);
}

static ATTR_NOINLINE ATTR_HOT void free_asked(void *block)
{
    uint64_t measure;

    if (must_go_slowly(block)) { /* first: a page of the bump arena may have been noted, too */
        free_slowly(block);
        return;
    }
    measure = slabs_measure(block);
    if (measure == 0)
        free_by_asking(block);
    else if (hot_free_measured(thread_self.slot, measure))
        free_due(block);
    else
        next.free(block);
}

ATTR_EXPORT ATTR_HOT void free(void *block)
{
    if (hot_must_look(block))
        free_asked(block);
    else if (hot_free_measured(thread_self.slot, next_exact_measure(block)))
        free_due(block);
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

/* The old block is gone when there is a new one, or when the program has freed it by asking for
 * nothing. */
static ATTR_NOINLINE void *realloc_slowly(void *block, size_t size)
{
    struct live_sample sample;
    bool tracked, gone;
    size_t old_bytes;
    void *moved;

    if (!block)
        return counted(next.realloc(NULL, size));
    if (bump_owns(block))
        return realloc_from_bump(block, size);
    if (!preload_attach())
        return next.realloc(block, size);
    old_bytes = next_block_bytes(block);
    tracked = core_take((uintptr_t)block, &sample); /* before: the address may be reused at once */
    moved = next.realloc(block, size);
    gone = moved || size == 0;
    if (gone)
        slow_count_free(old_bytes);
    if (tracked && (gone || !live_put((uintptr_t)block, &sample)))
        core_account_free(&sample);
    return counted(moved);
}

static ATTR_COLD void *realloc_gave_nothing(size_t old_bytes, size_t size)
{
    if (size == 0 && preload_attach())
        slow_count_free(old_bytes);
    return NULL;
}

static ATTR_COLD void realloc_free_due(size_t old_bytes)
{
    if (thread_has_slot())
        slow_free();
    else if (preload_attach())
        slow_count_free(old_bytes);
}

static size_t asked_bytes(void *block)
{
    uint64_t measure = slabs_measure(block);

    return measure != 0 ? tally_bytes(measure) : next.malloc_usable_size(block);
}

static ATTR_NOINLINE ATTR_HOT void *realloc_asked(void *block, size_t size)
{
    size_t old_bytes;
    void *moved;

    if (must_go_slowly(block))
        return realloc_slowly(block, size);
    old_bytes = asked_bytes(block);
    moved = next.realloc(block, size);
    if (unlikely(!moved))
        return realloc_gave_nothing(old_bytes, size);
    if (hot_free(thread_self.slot, old_bytes))
        realloc_free_due(old_bytes);
    return count_asked(moved);
}

ATTR_EXPORT ATTR_HOT void *realloc(void *block, size_t size)
{
    uint64_t old_measure;
    void *moved;

    if (hot_must_look(block))
        return realloc_asked(block, size);
    old_measure = next_exact_measure(block);
    moved = next.realloc(block, size);
    if (unlikely(!moved))
        return realloc_gave_nothing(tally_bytes(old_measure), size);
    if (hot_free_measured(thread_self.slot, old_measure))
        realloc_free_due(tally_bytes(old_measure));
    return count_block(moved, 0);
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

ATTR_EXPORT void *memalign(size_t alignment, size_t size)
{
    return counted(next.memalign(alignment, size));
}

ATTR_EXPORT void *aligned_alloc(size_t alignment, size_t size)
{
    return counted(next.aligned_alloc(alignment, size));
}

ATTR_EXPORT int posix_memalign(void **out, size_t alignment, size_t size)
{
    int rc = next.posix_memalign(out, alignment, size);

    if (rc == 0)
        counted(*out);
    return rc;
}

ATTR_EXPORT void *valloc(size_t size)
{
    return counted(next.valloc(size));
}

ATTR_EXPORT void *pvalloc(size_t size)
{
    return counted(next.pvalloc(size));
}

ATTR_EXPORT size_t malloc_usable_size(void *block)
{
    if (bump_owns(block))
        return 0; /* nothing of it may be used that was not asked for */
    return next.malloc_usable_size(block);
}
