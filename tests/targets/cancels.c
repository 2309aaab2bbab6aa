/* SPDX-License-Identifier: MIT */
/*
 * Threads that are cancelled. malloc is no cancellation point: a thread that is told to end while it
 * only allocates must finish its round, for seconds in which an agent would send, and end at
 * pthread_testcancel with its cleanup run. Usage: cancels THREADS.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static atomic_int finished, cleaned;
static pthread_barrier_t all_here;

static void clean(void *block)
{
    free(block);
    cleaned++;
}

static void *allocate(void *unused)
{
    void *held = malloc(123);
    struct timespec start, now;

    (void)unused;
    pthread_cleanup_push(clean, held);
    pthread_barrier_wait(&all_here);
    clock_gettime(CLOCK_MONOTONIC, &start);
    do {
        for (size_t i = 0; i < 5000; i++) {
            void *volatile block = malloc(i % 400);

            free(block);
        }
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (now.tv_sec - start.tv_sec < 3);
    finished++;
    for (;;)
        pthread_testcancel();
    pthread_cleanup_pop(1);
    return NULL;
}

int main(int argc, char **argv)
{
    unsigned count = argc > 1 ? (unsigned)atoi(argv[1]) % 64 : 4;
    pthread_t threads[64];
    int cancelled = 0;

    pthread_barrier_init(&all_here, NULL, count + 1);
    for (unsigned i = 0; i < count; i++)
        pthread_create(&threads[i], NULL, allocate, NULL);
    pthread_barrier_wait(&all_here);
    for (unsigned i = 0; i < count; i++)
        pthread_cancel(threads[i]);
    for (unsigned i = 0; i < count; i++) {
        void *result;

        pthread_join(threads[i], &result);
        cancelled += result == PTHREAD_CANCELED;
    }
    printf("%d cancelled, %d had finished, %d cleaned up\n", cancelled, finished, cleaned);
    return 0;
}
