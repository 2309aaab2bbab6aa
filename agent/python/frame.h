/* SPDX-License-Identifier: MIT */
/*
 * The Python frames of the calling thread, read by layout: no code runs, no reference is taken,
 * nothing is allocated. The thread must hold the interpreter's lock.
 */
#ifndef LEAKD_AGENT_PYTHON_FRAME_H
#define LEAKD_AGENT_PYTHON_FRAME_H

#include <stddef.h>
#include <stdint.h>

struct core_frame;
struct interp;

/*
 * Leaf first, at most max. A frame whose function has not begun yet is left out, as in CPython's
 * own tracebacks, unless it is all that its run of the interpreter loop has to show: so each run
 * on the C stack has exactly one frame with `entry` set.
 */
size_t frame_walk(const struct interp *interp, const uint8_t *thread, struct core_frame *out,
                  size_t max);

#endif
