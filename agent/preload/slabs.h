/* SPDX-License-Identifier: MIT */
/*
 * What a page's blocks measure, where the next allocator cuts a page into blocks of one size only, as
 * jemalloc does (its slabs and extents are whole pages). It spares free the question for the size.
 *
 * Every block is noted, or forgotten where its size is not known, after the allocator has given it and
 * before the program has it. While a block lives its page is cut in one way, so whatever was noted
 * last for the page holds for each living block in it, by whichever thread. Pages that share a place
 * take it from each other, and who finds another's there asks.
 */
#ifndef LEAKD_AGENT_PRELOAD_SLABS_H
#define LEAKD_AGENT_PRELOAD_SLABS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/core/attr.h"
#include "agent/core/tally.h"

#define SLABS_PAGE_BYTES 4096u
#define SLABS_PLACES     65536u /* 256 MiB of heap; 8 bytes for each page in use are touched */

/* Addresses of pages, and below them the granules of a block of theirs; 0: nothing is known. */
extern ATTR_HIDDEN uint64_t slabs[SLABS_PLACES];

/* False: the pages of this allocator are cut in other ways, and nothing is noted. */
extern ATTR_HIDDEN bool slabs_are_kept;

static inline uint64_t *slabs_place(const void *block)
{
    return &slabs[(uintptr_t)block / SLABS_PAGE_BYTES % SLABS_PLACES];
}

static inline uint64_t slabs_page(const void *block)
{
    return (uintptr_t)block & -(uint64_t)SLABS_PAGE_BYTES;
}

/* Only what differs is written: threads that allocate side by side share the line. */
static inline void slabs_put(const void *block, uint64_t entry)
{
    uint64_t *place = slabs_place(block);

    if (__atomic_load_n(place, __ATOMIC_RELAXED) != entry)
        __atomic_store_n(place, entry, __ATOMIC_RELAXED);
}

/* measure: of this block (tally.h), less than a page of granules. */
static inline void slabs_note(const void *block, uint64_t measure)
{
    slabs_put(block, slabs_page(block) | measure >> TALLY_COUNT_BITS);
}

static inline void slabs_forget(const void *block)
{
    if (slabs_are_kept)
        slabs_put(block, 0);
}

/* For a block of any size. */
void slabs_note_bytes(const void *block, size_t size_bytes);

/* The measure of a living block; 0: it must be asked. */
static inline uint64_t slabs_measure(const void *block)
{
    uint64_t granules = __atomic_load_n(slabs_place(block), __ATOMIC_RELAXED) - slabs_page(block);

    return likely(granules - 1 < SLABS_PAGE_BYTES - 1) ? granules << TALLY_COUNT_BITS | TALLY_ONES : 0;
}

#endif
