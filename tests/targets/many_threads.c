/* SPDX-License-Identifier: MIT */
/* Threads that allocate, hand a block to the main thread, and allocate once more when their keys are
 * destroyed. Usage: many_threads TOGETHER WAVES. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static pthread_key_t key;
static pthread_barrier_t all_here;

/* Through a volatile: compilers leave out a malloc whose block goes nowhere but to free. */
static void churn(size_t size)
{
    void *volatile block = malloc(size);

    free(block);
}

static void on_key_destroyed(void *block)
{
    free(block);
    churn(333);
}

static void *run(void *unused)
{
    char *block = malloc(1000);

    (void)unused;
    for (int i = 0; i < 20; i++)
        churn((size_t)i * 50);
    pthread_setspecific(key, malloc(77));
    pthread_barrier_wait(&all_here);
    memset(block, 3, 1000);
    return block;
}

int main(int argc, char **argv)
{
    int together = argc > 1 ? atoi(argv[1]) : 100;
    int waves = argc > 2 ? atoi(argv[2]) : 1;
    pthread_t *threads = calloc((size_t)together, sizeof(*threads));
    long sum = 0;
    pthread_attr_t attr;

    pthread_key_create(&key, on_key_destroyed);
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 64 * 1024);
    for (int wave = 0; wave < waves; wave++) {
        pthread_barrier_init(&all_here, NULL, (unsigned)together);
        for (int i = 0; i < together; i++) {
            if (pthread_create(&threads[i], &attr, run, NULL) != 0)
                return 3;
        }
        for (int i = 0; i < together; i++) {
            void *block;

            pthread_join(threads[i], &block);
            sum += ((char *)block)[999];
            free(block);
        }
        pthread_barrier_destroy(&all_here);
    }
    free(threads);
    printf("%d threads, %ld\n", together * waves, sum);
    return 0;
}
