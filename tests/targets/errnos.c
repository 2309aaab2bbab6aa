/* SPDX-License-Identifier: MIT */
/* The results and errno of calls at the edges of malloc's contract. */
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *volatile sink;

/* Through a volatile: compilers leave out a malloc whose block goes nowhere but to free. */
static void churn(size_t size)
{
    void *volatile block = malloc(size);

    free(block);
}

static void show(const char *what, const void *result)
{
    printf("%s: %s, errno %d\n", what, result ? "block" : "NULL", errno);
    errno = 0;
}

int main(void)
{
    volatile size_t huge = SIZE_MAX / 2;
    void *volatile block = malloc(10);
    void *out = (void *)1;

    errno = 0;
    show("malloc(0)", sink = malloc(0));
    show("malloc(huge)", sink = malloc(huge));
    show("calloc overflow", sink = calloc(huge, 4));
    show("realloc fails", sink = realloc(block, huge));
    memset(block, 7, 10); /* still there */
    show("realloc to 0", sink = realloc(block, 0));
    show("realloc NULL", sink = realloc(NULL, 5));
    show("reallocarray overflow", sink = reallocarray(NULL, huge, 4));
    show("aligned_alloc", sink = aligned_alloc(64, 64));
    show("memalign(1)", sink = memalign(1, 10));
    printf("posix_memalign(3): %d %d\n", posix_memalign(&out, 3, 10), out == (void *)1);
    printf("posix_memalign(huge): %d\n", posix_memalign(&out, 16, huge));
    errno = 0;
    show("valloc", sink = valloc(1));
    show("pvalloc", sink = pvalloc(1));
    printf("pvalloc: %d\n", malloc_usable_size(sink) >= 4096);
    show("pvalloc(huge)", sink = pvalloc(huge + huge - 4));
    errno = 4711;
    for (int i = 0; i < 200000; i++)
        churn((size_t)(i % 3000));
    free(NULL);
    printf("after many: errno %d\n", errno);
    return 0;
}
