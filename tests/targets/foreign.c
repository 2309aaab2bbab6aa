/* SPDX-License-Identifier: MIT */
/*
 * Blocks that come or go past the agent, are used to their last usable byte, or are huge.
 * Usage: foreign COUNT. Prints what it found.
 */
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define HUGE_BYTES (200ull << 30)

extern void *__libc_malloc(size_t size);
extern void __libc_free(void *block);

/* Fills every usable byte and looks for it again after others have been made and filled. */
static int usable_bytes_are_ours(int count)
{
    static unsigned char *blocks[500];
    int bad = 0;

    for (int i = 0; i < count; i++) {
        int place = i % 500;

        if (blocks[place]) {
            size_t size = malloc_usable_size(blocks[place]);

            for (size_t k = 0; k < size; k++)
                bad += blocks[place][k] != (unsigned char)place;
            free(blocks[place]);
        }
        blocks[place] = malloc((size_t)i % 900);
        if (blocks[place])
            memset(blocks[place], place, malloc_usable_size(blocks[place]));
    }
    for (int i = 0; i < 500; i++) {
        free(blocks[i]);
        blocks[i] = NULL;
    }
    return bad;
}

static void cross(int count)
{
    for (int i = 0; i < count; i++) {
        void *volatile past = __libc_malloc((size_t)i % 700);
        void *volatile seen = malloc((size_t)i % 700);

        free(past);
        __libc_free(seen);
    }
}

static const char *map_huge(void)
{
    char *memory = mmap(NULL, HUGE_BYTES, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (memory == MAP_FAILED)
        return "refused";
    memory[HUGE_BYTES - 1] = 1;
    munmap(memory, HUGE_BYTES);
    return "mapped";
}

int main(int argc, char **argv)
{
    int count = argc > 1 ? atoi(argv[1]) : 1000;

    cross(count);
    printf("%d bytes were touched by others\n", usable_bytes_are_ours(count));
    printf("200 GiB: %s, PTRDIFF_MAX: %s\n", map_huge(),
           malloc((size_t)PTRDIFF_MAX - (size_t)argc) ? "given" : "refused");
    return 0;
}
