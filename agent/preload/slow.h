/* SPDX-License-Identifier: MIT */
/* Where the hooks go every 32 KiB or at a sample: samples, and drives everything that has to be
 * driven (the stream, the runtime). Keeps errno. */
#ifndef LEAKD_AGENT_PRELOAD_SLOW_H
#define LEAKD_AGENT_PRELOAD_SLOW_H

#include <stddef.h>

struct unwind_registers;

/* Returns the block. A sample's stack begins with the frame that has noted the registers. */
void *slow_alloc(void *block, size_t size_bytes, const struct unwind_registers *from);
void slow_free(void);

/* Drives the stream alone, from a call that is no allocation and may come from a signal handler: the
 * loader is not asked for anything. */
void slow_send(void);

/* The long way of counting, for every thread that preload_attach has let through. */
void slow_count_alloc(void *block, size_t size_bytes, const struct unwind_registers *from);
void slow_count_free(size_t size_bytes);

#endif
