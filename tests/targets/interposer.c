/* SPDX-License-Identifier: MIT */
/*
 * Another preloaded library, in front of the agent or behind it: it stands before open, mmap and
 * sigprocmask and allocates in all three, and its constructor, one of the first to run, allocates
 * ten thousand blocks. Built as a shared object.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>

#define EXPORTED __attribute__((visibility("default")))

EXPORTED int open(const char *path, int flags, ...);
EXPORTED void *mmap(void *at, size_t len, int prot, int flags, int fd, off_t offset);
EXPORTED int sigprocmask(int how, const sigset_t *set, sigset_t *old);

static void churn(size_t size)
{
    void *volatile block = malloc(size);

    free(block);
}

static void find(const char *name, void *next)
{
    void *symbol = dlsym(RTLD_NEXT, name);

    memcpy(next, &symbol, sizeof(symbol));
}

int open(const char *path, int flags, ...)
{
    static int (*next)(const char *, int, ...);
    va_list rest;
    mode_t mode;

    va_start(rest, flags);
    mode = va_arg(rest, mode_t);
    va_end(rest);
    churn(100);
    find("open", (void *)&next);
    return next(path, flags, mode);
}

void *mmap(void *at, size_t len, int prot, int flags, int fd, off_t offset)
{
    static void *(*next)(void *, size_t, int, int, int, off_t);

    churn(100);
    find("mmap", (void *)&next);
    return next(at, len, prot, flags, fd, offset);
}

int sigprocmask(int how, const sigset_t *set, sigset_t *old)
{
    static int (*next)(int, const sigset_t *, sigset_t *);

    churn(100);
    find("sigprocmask", (void *)&next);
    return next(how, set, old);
}

static __attribute__((constructor(101))) void allocate_early(void)
{
    static void *blocks[10000];

    for (size_t i = 0; i < 10000; i++)
        blocks[i] = malloc(i % 500);
    for (size_t i = 0; i < 10000; i++)
        free(blocks[i]);
}
