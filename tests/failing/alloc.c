/* SPDX-License-Identifier: MIT */
#include "tests/failing/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static struct failing own;
struct failing *failing = &own;

__attribute__((constructor)) static void map_counters(void)
{
    const char *path = getenv("LEAKD_FAILING");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    void *page;

    if (fd < 0)
        return;
    page = mmap(NULL, sizeof(*failing), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (page != MAP_FAILED)
        failing = page;
}

static bool fails(void)
{
    failing->calls++;
    if (failing->countdown <= 0 || atomic_fetch_sub(&failing->countdown, 1) != 1)
        return false;
    errno = ENOMEM;
    return true;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void *__real_reallocarray(void *block, size_t count, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t max);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);
void *__wrap_reallocarray(void *block, size_t count, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t max);
int __wrap_asprintf(char **out, const char *format, ...) __attribute__((format(printf, 2, 3)));

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *block, size_t size)
{
    return fails() ? NULL : __real_realloc(block, size);
}

void *__wrap_reallocarray(void *block, size_t count, size_t size)
{
    return fails() ? NULL : __real_reallocarray(block, count, size);
}

char *__wrap_strdup(const char *text)
{
    return fails() ? NULL : __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t max)
{
    return fails() ? NULL : __real_strndup(text, max);
}

/* On failure what *out holds is undefined: here it points to nowhere. */
int __wrap_asprintf(char **out, const char *format, ...)
{
    va_list args;
    int len;

    if (fails()) {
        *out = (char *)(uintptr_t)1;
        return -1;
    }
    va_start(args, format);
    len = vasprintf(out, format, args);
    va_end(args);
    return len;
}
