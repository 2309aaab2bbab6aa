/* SPDX-License-Identifier: MIT */
/*
 * A site's frames packed: per frame a kind, then two or three numbers of 7 bits a byte. Some 6
 * bytes a frame instead of 32, and equal stacks of equal programs become equal bytes.
 */
#ifndef LEAKD_STORE_STACK_H
#define LEAKD_STORE_STACK_H

#include <stddef.h>
#include <stdint.h>

#include "agent/wire/record.h"

/* kind and the longest numbers: 5 + 10 bytes native, 5 + 5 + 5 Python. */
#define STACK_FRAME_BYTES_MAX 16
#define STACK_BYTES_MAX       (WIRE_STACK_FRAMES_MAX * STACK_FRAME_BYTES_MAX)

/* Returns the length; out has room for STACK_BYTES_MAX. */
size_t stack_pack(const struct wire_stack_frame *frames, size_t count, uint8_t *out);
/* Reads one frame and returns the position of the next. */
const uint8_t *stack_unpack(const uint8_t *packed, struct wire_stack_frame *out);

#endif
