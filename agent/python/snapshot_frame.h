/* SPDX-License-Identifier: MIT */
/* Local variables of frames in a snapshot's copy of the process. Plain reads. */
#ifndef LEAKD_AGENT_PYTHON_SNAPSHOT_FRAME_H
#define LEAKD_AGENT_PYTHON_SNAPSHOT_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct layout;

struct frame_locals {
    uintptr_t code;
    uintptr_t values; /* words, see frame_local */
    uint32_t count;
    uint32_t stack_count; /* words behind the values: operands, and what is left of earlier ones */
};

/* The innermost frame of a thread, 0 when it runs no Python code. */
uintptr_t frame_top(const struct layout *layout, uintptr_t thread);

/* frame: a PyFrameObject up to 3.10, a _PyInterpreterFrame from 3.11. False for one without code.
 */
bool frame_read_locals(const struct layout *layout, uintptr_t frame, struct frame_locals *out);

/* Word index of the values, then of the operands: an object, or 0. */
uintptr_t frame_local(const struct layout *layout, const struct frame_locals *locals,
                      uint32_t index);

/* The local variables that code has, free ones last. */
uint32_t frame_count_locals(const struct layout *layout, uintptr_t code);

/* The frame behind a frame object, of a generator or coroutine; 0 when it has none (any more). */
uintptr_t frame_of_object(const struct layout *layout, uintptr_t frame_object);
uintptr_t frame_of_generator(const struct layout *layout, uintptr_t generator);

/* The name of local variable index; its length, 0 when it is not known. */
size_t frame_local_name(const struct layout *layout, const struct frame_locals *locals,
                        uint32_t index, char *out, size_t cap);

/* The str object of the generator's qualified name. */
uintptr_t generator_name(const struct layout *layout, uintptr_t generator);

#endif
