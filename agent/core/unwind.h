/* SPDX-License-Identifier: MIT */
/*
 * The calling thread's stack as return addresses. Walks frames by the .eh_frame tables that every
 * Debian binary carries, found through _dl_find_object (no loader lock, no malloc), with a cache
 * from return address to the rule of its frame. Every read of the stack is inside bounds known
 * to be mapped; a frame that cannot be explained ends the walk, it never faults.
 */
#ifndef LEAKD_AGENT_CORE_UNWIND_H
#define LEAKD_AGENT_CORE_UNWIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/core/unwind_registers.h"

/* Resolves what it needs. Outside of any allocator hook; false: unwind_stack will yield nothing. */
bool unwind_init(void);

/*
 * Writes up to max return addresses, leaf first. Frames inside the agent's own shared object are
 * left out (the walk starts in it); linked into a program, only unwind_stack itself is. For a frame
 * that a signal interrupted its pc + 1 is written, so that "one before" is right for every entry.
 * Sets *truncated when the stack went on behind the last one, or could not be followed to its
 * end. Any thread, inside malloc(), inside a signal handler.
 */
size_t unwind_stack(uintptr_t *pcs, size_t max, bool *truncated);

/* The same from a frame further down, whose function has noted its registers and has not returned. */
size_t unwind_stack_from(const struct unwind_registers *from, uintptr_t *pcs, size_t max, bool *truncated);

#endif
