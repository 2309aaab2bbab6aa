/* SPDX-License-Identifier: MIT */
/*
 * Which pages of the address space are in the books of mapping.h: four bits a page, so that any
 * part of any mapping can go and what is left is known to the page. Sixteen pages are changed by
 * one compare-and-swap and nothing is ever held: a thread that is interrupted, left by a siglongjmp
 * or missing in a forked child costs at most what it had not done yet. 8 MiB of the same state take
 * one word, others a leaf of 1 KiB. Fixed tables: what finds no room is not counted, and that is
 * told.
 *
 * A piece is what was mapped at once, or what is left of it between two holes.
 */
#ifndef LEAKD_AGENT_CORE_PAGES_H
#define LEAKD_AGENT_CORE_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGES_BYTES 4096

enum pages_change {
    PAGES_PUT,   /* are counted from now on, as one piece; whatever stood there is gone */
    PAGES_CLEAR, /* are not counted */
    PAGES_LEAVE, /* are about to go: counted still, but they give up their samples */
    PAGES_STAY,  /* do not go */
    PAGES_GO,    /* those that were about to go are not counted any more */
};

/* What a change has done. */
struct pages_sum {
    uint64_t come_pages; /* PUT: counted now; LEAVE: about to go, also if they were before */
    uint64_t come_pieces;
    uint64_t gone_pages; /* counted before, not now */
    uint64_t gone_pieces;
    bool goes_on; /* LEAVE: the first page belongs to a piece that has begun before it */
};

/* Called for each first page of a piece that had a sample and has it no more. */
typedef void (*pages_on_sample)(uintptr_t addr, void *arg);

size_t pages_memory_bytes(void);
void pages_init(void *memory); /* zeroed, aligned to 64 */

/* Whole pages: start and bytes are multiples of PAGES_BYTES. Any thread, in a signal handler too.
 */
struct pages_sum pages_change(enum pages_change change, uintptr_t start, size_t bytes,
                              pages_on_sample on_sample, void *arg);

bool pages_is_counted(uintptr_t addr);

/* The page is the first one of a piece from now on; false when it was that, or is not counted. */
bool pages_begin_piece(uintptr_t addr);
/* Takes that back; false when the page is not counted any more. */
bool pages_join_piece(uintptr_t addr);

/* The first page of the piece that the counted page at addr belongs to; 0 when that is too far
 * away. */
uintptr_t pages_first_of(uintptr_t addr);

/* A piece has a sample, noted on its first page. Who takes it is the only one. */
bool pages_set_sampled(uintptr_t first);
bool pages_take_sampled(uintptr_t first);

/* How often something has found no room. */
uint64_t pages_dropped(void);

#endif
