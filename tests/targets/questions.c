/* SPDX-License-Identifier: MIT */
/*
 * How often the allocator is asked for the size of a block: of 10,000 that malloc has just given, of as
 * many of calloc's, and of all of them when they go. Who is asked says it, libusable.so behind the agent.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCKS 10000

static size_t (*questions)(void);

static size_t asked_by_malloc(void **blocks)
{
    size_t before = questions();

    for (size_t i = 0; i < BLOCKS; i++)
        blocks[i] = malloc(100);
    return questions() - before;
}

static size_t asked_by_calloc(void **blocks)
{
    size_t before = questions();

    for (size_t i = 0; i < BLOCKS; i++)
        blocks[i] = calloc(1, 100);
    return questions() - before;
}

static size_t asked_by_free(void **blocks)
{
    size_t before = questions();

    for (size_t i = 0; i < 2 * BLOCKS; i++)
        free(blocks[i]);
    return questions() - before;
}

int main(void)
{
    static void *blocks[2 * BLOCKS];
    void *symbol = dlsym(RTLD_DEFAULT, "usable_questions");
    size_t by_malloc, by_calloc;

    if (!symbol)
        return 2;
    memcpy(&questions, &symbol, sizeof(symbol));
    by_malloc = asked_by_malloc(blocks);
    by_calloc = asked_by_calloc(blocks + BLOCKS);
    printf("%zu %zu %zu\n", by_malloc, by_calloc, asked_by_free(blocks));
    return 0;
}
