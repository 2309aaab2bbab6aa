/* SPDX-License-Identifier: MIT */
/*
 * The arenas of pymalloc, known from a hook on the arena allocator, and what is alive in them. The
 * hook runs once in 256 KiB or 1 MiB of growth; nothing is hooked per operation. No lock: when an
 * arena is given back while it is read, the reader gives it back afterwards.
 */
#ifndef LEAKD_AGENT_PYTHON_ARENA_H
#define LEAKD_AGENT_PYTHON_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct interp;

struct arena_totals {
    uint64_t live_bytes;
    uint64_t live_count;
    uint64_t mapped_bytes;
    bool complete; /* every arena is known; one younger than the last walk is not yet read */
};

/* Called at each new arena, or at each that is given back, by the thread that holds the interpreter's lock. */
typedef void (*arena_on_change)(void);

/* Hooks the arena allocator. False: no memory for the table. Before the interpreter starts for
 * complete figures. */
bool arena_init(const struct interp *interp, arena_on_change on_growth, arena_on_change on_release);

/*
 * Reads all arenas that are new since the last call (for at most 20 times the budget), then for at
 * most budget_ns first those that had room, since they change most, then the others in turn. All
 * are read again after at most (arenas / arenas read a call) calls. One thread at a time.
 */
void arena_walk(uint64_t budget_ns);

/* Sums of what was last read. False when the arena allocator is not ours (any more), or pymalloc
 * has no arena: nothing is known. */
bool arena_totals(struct arena_totals *out);

#endif
