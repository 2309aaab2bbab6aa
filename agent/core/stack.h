/* SPDX-License-Identifier: MIT */
/* One stack out of two: return addresses and a language runtime's frames. */
#ifndef LEAKD_AGENT_CORE_STACK_H
#define LEAKD_AGENT_CORE_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/core/core.h"
#include "agent/core/unwind_registers.h"

#define STACK_PCS_MAX 96 /* more than a site holds: runs inside the interpreter loop fold */

struct stack {
    uint64_t frames[WIRE_STACK_FRAMES_MAX]; /* packed, leaf first */
    size_t count;
    bool truncated;
};

/*
 * Merges: each run of native frames that runtime->owns_pc claims becomes the runtime's frames up to
 * and including the next with `entry` set. The runtime's frames that no run has asked for come
 * last: the native walk ended early. runtime may be NULL.
 */
void stack_merge(const uintptr_t *pcs, size_t pc_count, const struct core_frame *frames,
                 size_t frame_count, const struct core_runtime *runtime, struct stack *out);

/* The calling thread's stack, from the frame that has noted these registers; NULL: from here. Any thread,
 * inside malloc(). */
void stack_capture(const struct core_runtime *runtime, const struct unwind_registers *from,
                   struct stack *out);

#endif
