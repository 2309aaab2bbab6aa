/* SPDX-License-Identifier: MIT */
/* Work at the very end: a destructor and exit handlers that allocate and free a hundred thousand
 * blocks, and a thread that is still allocating meanwhile. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define COUNT 100000

static void *blocks[COUNT];

static void fill(void)
{
    for (size_t i = 0; i < COUNT; i++)
        blocks[i] = malloc(i % 100);
}

static void drain(const char *said)
{
    for (size_t i = 0; i < COUNT; i++) {
        free(blocks[i]);
        blocks[i] = malloc(10);
    }
    if (write(1, said, 2) != 2)
        _exit(3);
}

static void at_exit(void)
{
    drain("e\n");
}

static __attribute__((destructor(101))) void at_the_end(void)
{
    drain("d\n");
}

static void *allocate(void *unused)
{
    for (;;) {
        void *volatile block = malloc(300);

        free(block);
    }
    return unused;
}

int main(void)
{
    pthread_t thread;

    fill();
    atexit(at_exit);
    pthread_create(&thread, NULL, allocate, NULL);
    return 42;
}
