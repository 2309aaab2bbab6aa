/* SPDX-License-Identifier: MIT */
/*
 * What a flush does to the slowest allocations. Each millisecond one block is allocated at the next
 * of 1,024 call stacks, so that with LEAKD_PERIOD=1 a flush finds 1,000 of them changed and one
 * allocation in 1,000 carries it. A second thread rests meanwhile, since some of what the kernel does is
 * dear only where there are several. Usage: tail COUNT. Prints p50, p99, p99.9 and the worst, in ns.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define STACK_BITS  10
#define BLOCK_BYTES 4096
#define ALIVE       2000

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void *leaf(uint64_t *took_ns)
{
    uint64_t start = now_ns();
    void *block = malloc(BLOCK_BYTES);

    *took_ns = now_ns() - start;
    return block;
}

/* Two calls from two places at each depth: 2^STACK_BITS stacks. */
static __attribute__((noinline)) void *descend(unsigned path, int depth, uint64_t *took_ns)
{
    void *volatile block;

    if (depth == STACK_BITS)
        return leaf(took_ns);
    if (path >> depth & 1)
        block = descend(path, depth + 1, took_ns);
    else
        block = descend(path, depth + 1, took_ns);
    return block;
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static void *rest(void *unused)
{
    for (;;)
        pause();
    return unused;
}

int main(int argc, char **argv)
{
    size_t count = argc > 1 ? strtoul(argv[1], NULL, 10) : 10000;
    uint64_t *took_ns = calloc(count + 1, sizeof(*took_ns));
    struct timespec moment = {.tv_nsec = 1000000};
    static void *alive[ALIVE];
    pthread_t resting;

    if (pthread_create(&resting, NULL, rest, NULL) != 0)
        return 1;
    for (size_t i = 0; i < count; i++) {
        void **place = &alive[i % ALIVE];

        free(*place);
        *place = descend((unsigned)i, 0, &took_ns[i]);
        nanosleep(&moment, NULL);
    }
    qsort(took_ns, count, sizeof(*took_ns), compare);
    printf("%lu %lu %lu %lu\n", took_ns[count / 2], took_ns[count * 99 / 100],
           took_ns[count * 999 / 1000], took_ns[count - 1]);
    return 0;
}
