/* SPDX-License-Identifier: MIT */
/* Calls every entry of the malloc family so many times and gives everything back. Usage: family ROUNDS
 * [KINDS]; 8 leaves out pvalloc, which jemalloc does not have. Prints how many blocks a round takes. */
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 1;
    int kinds = argc > 2 ? atoi(argv[2]) : 9;

    for (int i = 0; i < rounds * kinds; i++) {
        char *block = take(i % kinds);

        if (!block || malloc_usable_size(block) < 100)
            return 1;
        memset(block, 'x', 100);
        free(block);
    }
    printf("%d\n", kinds);
    return 0;
}
