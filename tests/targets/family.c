/* SPDX-License-Identifier: MIT */
/* Calls every entry of the malloc family and the sized frees so many times and gives everything back. Usage: family ROUNDS
 * [KINDS]; 8 leaves out pvalloc, which jemalloc does not have. Prints how many blocks a round takes. */
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* C23's, where the C library, an allocator or the agent has them. */
extern void free_sized(void *block, size_t size) __attribute__((weak));
extern void free_aligned_sized(void *block, size_t alignment, size_t size) __attribute__((weak));

static void *take(int kind)
{
    void *block = NULL;

    switch (kind) {
    case 0:
        return malloc(100);
    case 1:
        return calloc(10, 10);
    case 2:
        return realloc(NULL, 100);
    case 3:
        return reallocarray(NULL, 10, 10);
    case 4:
        return memalign(64, 100);
    case 5:
        return aligned_alloc(64, 128);
    case 6:
        return posix_memalign(&block, 64, 100) == 0 ? block : NULL;
    case 7:
        return valloc(100);
    default:
        return pvalloc(100);
    }
}

static void give_back(int kind, void *block)
{
    if (kind == 0 && free_sized)
        free_sized(block, 100);
    else if (kind == 5 && free_aligned_sized)
        free_aligned_sized(block, 64, 128);
    else
        free(block);
}

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 1;
    int kinds = argc > 2 ? atoi(argv[2]) : 9;

    for (int i = 0; i < rounds * kinds; i++) {
        char *block = take(i % kinds);

        if (!block || malloc_usable_size(block) < 100)
            return 1;
        memset(block, 'x', 100);
        give_back(i % kinds, block);
    }
    printf("%d\n", kinds);
    return 0;
}
