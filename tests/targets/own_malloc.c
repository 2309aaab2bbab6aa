/* SPDX-License-Identifier: MIT */
/* A program with an allocator of its own, as those that link jemalloc statically: the loader prefers
 * it to any that is preloaded. It hands out blocks and never takes one back. */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define ARENA_BYTES (16u << 20)
#define HEAD_BYTES  16

static _Alignas(16) unsigned char arena[ARENA_BYTES];
static size_t used;

#define EXPORTED __attribute__((visibility("default")))

EXPORTED void *malloc(size_t size);
EXPORTED void free(void *block);
EXPORTED void *calloc(size_t count, size_t size);
EXPORTED void *realloc(void *block, size_t size);

void *malloc(size_t size)
{
    size_t need = HEAD_BYTES + ((size + 15) & ~(size_t)15);
    unsigned char *block;

    if (size > ARENA_BYTES || need > ARENA_BYTES - used) {
        errno = ENOMEM;
        return NULL;
    }
    block = arena + used + HEAD_BYTES;
    memcpy(block - HEAD_BYTES, &size, sizeof(size));
    used += need;
    return block;
}

void free(void *block)
{
    (void)block;
}

void *calloc(size_t count, size_t size)
{
    return size != 0 && count > SIZE_MAX / size ? NULL : malloc(count * size); /* zero for ever */
}

void *realloc(void *block, size_t size)
{
    void *moved = malloc(size);
    size_t old = 0;

    if (block && moved) {
        memcpy(&old, (unsigned char *)block - HEAD_BYTES, sizeof(old));
        memcpy(moved, block, old < size ? old : size);
    }
    return moved;
}

int main(void)
{
    char *volatile block = malloc(100);

    block = realloc(block, 1000);
    printf("%s\n", block ? "own malloc" : "no memory");
    free(block);
    return 0;
}
