/* SPDX-License-Identifier: MIT */
/*
 * The malloc loop of the budget: blocks alive in 10,000 places a thread, replaced at random.
 * Usage: loop THREADS PAIRS [mixed]. Sizes are 16..512 bytes; mixed: 8 bytes to 4 KiB, half of them
 * below 128, every eighth block by calloc, every eighth resized. Prints nanoseconds a pair of malloc and
 * free: of CPU time, in all; and of wall time, below which a tenth of the stretches of 20,000 pairs are,
 * half a millisecond each and with ten samples in it: those in which nobody else was in the way.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ALIVE         10000
#define THREADS_MAX   16
#define STRETCH_PAIRS 20000

static long pairs;
static bool mixed;
static double *stretches; /* of the first thread */

static double now_ns(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static uint64_t next_random(uint64_t state)
{
    state ^= state << 13;
    state ^= state >> 7;
    return state ^ state << 17;
}

/* Of each power of two as many blocks. */
static size_t mixed_size(uint64_t random)
{
    size_t below = (size_t)8 << (random >> 20) % 9;

    return below + (random & (below - 1));
}

static void *make_mixed(uint64_t random, void *old)
{
    size_t size = mixed_size(random);

    if ((random >> 8 & 7) == 0)
        return realloc(old, size);
    free(old);
    return (random >> 8 & 7) == 1 ? calloc(1, size) : malloc(size);
}

static uint64_t replace_mixed(void **blocks, long count, uint64_t state)
{
    for (long i = 0; i < count; i++) {
        void **place;

        state = next_random(state);
        place = &blocks[(state >> 32) * ALIVE >> 32];
        *place = make_mixed(state, *place);
    }
    return state;
}

static uint64_t replace(void **blocks, long count, uint64_t state)
{
    for (long i = 0; i < count; i++) {
        void **place;

        state = next_random(state);
        place = &blocks[(state >> 32) * ALIVE >> 32];
        free(*place);
        *place = malloc(16 + (state & 0x1ff) % 497);
    }
    return state;
}

static void *work(void *number)
{
    uint64_t state = 88172645463325252u + (uintptr_t)number;
    void **blocks = calloc(ALIVE, sizeof(*blocks));

    for (long done = 0; done < pairs; done += STRETCH_PAIRS) {
        long count = pairs - done < STRETCH_PAIRS ? pairs - done : STRETCH_PAIRS;
        double start = now_ns(CLOCK_MONOTONIC);

        state = mixed ? replace_mixed(blocks, count, state) : replace(blocks, count, state);
        if (number == 0)
            stretches[done / STRETCH_PAIRS] = (now_ns(CLOCK_MONOTONIC) - start) / (double)count;
    }
    for (int i = 0; i < ALIVE; i++)
        free(blocks[i]);
    free(blocks);
    return NULL;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    int count = argc > 1 ? atoi(argv[1]) : 1;
    pthread_t threads[THREADS_MAX];
    size_t rows;

    pairs = argc > 2 ? atol(argv[2]) : 10000000;
    mixed = argc > 3 && strcmp(argv[3], "mixed") == 0;
    rows = (size_t)(pairs + STRETCH_PAIRS - 1) / STRETCH_PAIRS;
    stretches = calloc(rows, sizeof(*stretches));
    for (long i = 1; i < count && i < THREADS_MAX; i++)
        pthread_create(&threads[i], NULL, work, (void *)i);
    work(NULL);
    for (int i = 1; i < count && i < THREADS_MAX; i++)
        pthread_join(threads[i], NULL);
    qsort(stretches, rows, sizeof(*stretches), compare);
    printf("%.2f %.2f\n", now_ns(CLOCK_PROCESS_CPUTIME_ID) / ((double)pairs * count),
           stretches[rows / 10]);
    return 0;
}
