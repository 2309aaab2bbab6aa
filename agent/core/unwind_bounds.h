/* SPDX-License-Identifier: MIT */
/*
 * Which part of the stack around a stack pointer is known to be mapped, without a system call:
 * up to __libc_stack_end on the main thread's stack, up to the thread's control block on a stack
 * that belongs to a pthread, and on any other (makecontext, sigaltstack, a raw clone) up to the
 * end of the page that the stack pointer is in, because that page is in use.
 */
#ifndef LEAKD_AGENT_CORE_UNWIND_BOUNDS_H
#define LEAKD_AGENT_CORE_UNWIND_BOUNDS_H

#include <stdbool.h>
#include <stdint.h>

struct stack_bounds {
    uintptr_t low;
    uintptr_t high;
};

/* Outside of any allocator hook. */
void unwind_bounds_init(void);

/* Of the calling thread running at sp. */
void unwind_bounds_at(uintptr_t sp, struct stack_bounds *out);

/* The same for a stack pointer that is not in use but was found in a signal's frame; false when
 * it is on no stack that belongs to the thread. */
bool unwind_bounds_of_interrupted(uintptr_t sp, struct stack_bounds *out);

#endif
