/* SPDX-License-Identifier: MIT */
/* Where the hooks go every 32 KiB or at a sample: samples, and drives everything that has to be
 * driven (the stream, the runtime). Keeps errno. */
#ifndef LEAKD_AGENT_PRELOAD_SLOW_H
#define LEAKD_AGENT_PRELOAD_SLOW_H

#include <stddef.h>

void slow_alloc(void *block, size_t size_bytes);
void slow_free(void);

/* Counts for threads that have no slot of their own. */
void slow_count_alloc(void *block, size_t size_bytes);
void slow_count_free(size_t size_bytes);

#endif
