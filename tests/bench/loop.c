/* SPDX-License-Identifier: MIT */
/*
 * The malloc loop of the budget: blocks of 16..512 bytes, 10,000 alive a thread, random replacement.
 * Usage: loop THREADS PAIRS [checkpoints]. Prints the CPU nanoseconds a pair of malloc and free.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ALIVE 10000

static long pairs;

static void *work(void *number)
{
    uint64_t state = 88172645463325252u + (uintptr_t)number;
    void **blocks = calloc(ALIVE, sizeof(*blocks));

    for (long i = 0; i < pairs; i++) {
        void **place;

        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        place = &blocks[(state >> 32) * ALIVE >> 32];
        free(*place);
        *place = malloc(16 + (state & 0x1ff) % 497);
    }
    for (int i = 0; i < ALIVE; i++)
        free(blocks[i]);
    free(blocks);
    return NULL;
}

int main(int argc, char **argv)
{
    int count = argc > 1 ? atoi(argv[1]) : 1;
    pthread_t threads[16];
    struct timespec cpu;

    pairs = argc > 2 ? atol(argv[2]) : 10000000;
    for (long i = 1; i < count && i < 16; i++)
        pthread_create(&threads[i], NULL, work, (void *)i);
    work(NULL);
    for (int i = 1; i < count && i < 16; i++)
        pthread_join(threads[i], NULL);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    printf("%.2f\n", ((double)cpu.tv_sec * 1e9 + (double)cpu.tv_nsec) / ((double)pairs * count));
    return 0;
}
