/* SPDX-License-Identifier: MIT */
#include "agent/core/own.h"

#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

void *own_map(size_t bytes, int flags)
{
    long at = syscall(SYS_mmap, NULL, bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

    return at == -1 ? NULL : (void *)(uintptr_t)at;
}

void own_unmap(void *memory, size_t bytes)
{
    if (memory)
        syscall(SYS_munmap, memory, bytes);
}
