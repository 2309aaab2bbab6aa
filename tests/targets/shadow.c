/* SPDX-License-Identifier: MIT */
/*
 * Random operations of the whole malloc family by several threads that free each other's blocks, with
 * a model of what an exact counter must have seen. Usage: shadow THREADS OPERATIONS SEED KEEP
 * WAVES. All blocks are freed at the end but the last KEEP of the main thread. Prints the model:
 * "alloc_bytes alloc_count free_bytes free_count".
 */
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SHELF 2048

static _Atomic(void *) shelf[SHELF];
static _Atomic uint64_t alloc_bytes, alloc_count, free_bytes, free_count;
static pthread_barrier_t all_here; /* so that what libc keeps for a thread is the same in every run */
static long operations;
static unsigned long seed;

static size_t chunk(void *block)
{
    return malloc_usable_size(block) + sizeof(size_t);
}

static void *born(void *block)
{
    if (block) {
        alloc_bytes += chunk(block);
        alloc_count++;
    }
    return block;
}

static void gone(size_t bytes)
{
    free_bytes += bytes;
    free_count++;
}

static void drop(void *block)
{
    if (block)
        gone(chunk(block));
    free(block);
}

static void *resize(void *block, size_t size)
{
    size_t before = block ? chunk(block) : 0;
    void *moved = realloc(block, size);

    if (before && moved)
        gone(before);
    return born(moved);
}

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void *make(uint64_t r)
{
    size_t size = 1 + (r >> 8) % (r % 16 ? 600 : 60000);
    void *block = NULL;

    switch (r >> 32 & 7) {
    case 0:
        return born(calloc(1 + size / 16, 16));
    case 1:
        return born(memalign(64, size));
    case 2:
        return born(posix_memalign(&block, 256, size) == 0 ? block : NULL);
    case 3:
        return born(aligned_alloc(32, (size + 31) & ~(size_t)31));
    case 4:
        return born(reallocarray(NULL, size, 1));
    default:
        return born(malloc(size));
    }
}

static void *work(void *number)
{
    uint64_t state = seed * 1000003 + (uintptr_t)number * 7919 + 1;

    pthread_barrier_wait(&all_here);
    for (long i = 0; i < operations; i++) {
        uint64_t r = next_random(&state);
        _Atomic(void *) *place = &shelf[(r >> 40) % SHELF];
        void *block = atomic_exchange(place, NULL);

        if (block && (r & 7) == 0) {
            void *moved = resize(block, 1 + (r >> 8) % 2000);

            block = moved ? moved : block;
        } else {
            drop(block);
            block = make(r);
        }
        memset(block, (int)r, 1);
        drop(atomic_exchange(place, block)); /* another thread may have put one meanwhile */
    }
    return NULL;
}

static void run_wave(unsigned threads)
{
    pthread_t ids[64];

    pthread_barrier_init(&all_here, NULL, threads);
    for (unsigned long i = 0; i < threads; i++)
        pthread_create(&ids[i], NULL, work, (void *)i);
    for (unsigned i = 0; i < threads; i++)
        pthread_join(ids[i], NULL);
    pthread_barrier_destroy(&all_here);
}

int main(int argc, char **argv)
{
    unsigned threads = argc > 1 ? (unsigned)atoi(argv[1]) % 65 : 1;
    long keep = argc > 4 ? atol(argv[4]) : 0;
    long waves = argc > 5 ? atol(argv[5]) : 1;

    operations = argc > 2 ? atol(argv[2]) : 1000;
    seed = argc > 3 ? strtoul(argv[3], NULL, 10) : 1;
    for (long i = 0; i < waves; i++)
        run_wave(threads);
    for (int i = 0; i < SHELF; i++)
        drop(shelf[i]);
    for (long i = 0; i < keep && operations > 0; i++)
        born(malloc(1000));
    printf("%lu %lu %lu %lu\n", (unsigned long)alloc_bytes, (unsigned long)alloc_count,
           (unsigned long)free_bytes, (unsigned long)free_count);
    return 0;
}
