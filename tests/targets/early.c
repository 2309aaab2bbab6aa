/* SPDX-License-Identifier: MIT */
/* Allocates before any constructor of a library has run: calloc is the very first call. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *first;
static void *blocks[10000];

static void before_everything(void)
{
    first = calloc(1, 100);
    for (int i = 0; i < 10000; i++)
        blocks[i] = malloc((size_t)(i % 300));
    first = realloc(first, 5000);
}

__attribute__((section(".preinit_array"), used)) static void (*const entry)(void) =
    before_everything;

int main(void)
{
    int sum = 0;

    for (int i = 0; i < 100; i++)
        sum += first[i];
    for (int i = 0; i < 10000; i++)
        free(blocks[i]);
    free(first);
    printf("%d\n", sum);
    return 0;
}
