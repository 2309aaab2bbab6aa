/* SPDX-License-Identifier: MIT */
/*
 * Another preloaded library that stands before mmap64 alone, as those do that were built for large
 * files, and says so. Built as a shared object.
 */
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#define EXPORTED __attribute__((visibility("default")))

EXPORTED void *mmap64(void *at, size_t len, int prot, int flags, int fd, off_t offset);

void *mmap64(void *at, size_t len, int prot, int flags, int fd, off_t offset)
{
    dprintf(STDERR_FILENO, "mmap64 of %zu bytes\n", len);
    return (void *)syscall(SYS_mmap, at, len, prot, flags, fd, offset);
}
