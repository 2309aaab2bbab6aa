/* SPDX-License-Identifier: MIT */
/*
 * Memory for the agent itself, asked of the kernel by number: libc's functions of that name are the
 * program's, and what the program maps is counted (mapping.h). Zeroed, private, never from malloc.
 */
#ifndef LEAKD_AGENT_CORE_OWN_H
#define LEAKD_AGENT_CORE_OWN_H

#include <stddef.h>

/* flags: those of mmap that are wanted beside private and anonymous. NULL when there is none. */
void *own_map(size_t bytes, int flags);

/* NULL is nothing. */
void own_unmap(void *memory, size_t bytes);

#endif
