/* SPDX-License-Identifier: MIT */
/*
 * Time of one stack of 30 frames: unwind_stack, glibc's backtrace(), and libunwind's unw_backtrace
 * when its library is installed; warm (the same stack again) and cold (the caches written over in
 * between). Prints one line a walker, in nanoseconds a stack: the median of the rounds.
 *
 *     cc -O2 -D_GNU_SOURCE -I. tests/bench/bench_unwind.c build/agent/libagent_core.a \
 *        build/agent/libagent_wire.a -o bench_unwind
 */
#include <dlfcn.h>
#include <execinfo.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/core/unwind.h"

#define DEPTH      30
#define FRAMES_MAX 128
#define ROUNDS     201
#define WARM_CALLS 200
#define COLD_BYTES (64u << 20)

typedef size_t (*walker_fn)(void);

static int (*libunwind_backtrace)(void **pcs, int max);
static volatile int work;
static char *cold_bytes;

static size_t walk_ours(void)
{
    uintptr_t pcs[FRAMES_MAX];
    bool truncated;

    return unwind_stack(pcs, FRAMES_MAX, &truncated);
}

static size_t walk_glibc(void)
{
    void *pcs[FRAMES_MAX];

    return (size_t)backtrace(pcs, FRAMES_MAX);
}

static size_t walk_libunwind(void)
{
    void *pcs[FRAMES_MAX];

    return (size_t)libunwind_backtrace(pcs, FRAMES_MAX);
}

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double *values, size_t count)
{
    qsort(values, count, sizeof(*values), compare);
    return values[count / 2];
}

static double time_warm(walker_fn walk)
{
    double rounds[ROUNDS];

    for (size_t i = 0; i < ROUNDS; i++) {
        uint64_t start = now_ns();

        for (int n = 0; n < WARM_CALLS; n++)
            work += (int)walk();
        rounds[i] = (double)(now_ns() - start) / WARM_CALLS;
    }
    return median(rounds, ROUNDS);
}

static double time_cold(walker_fn walk)
{
    double rounds[21];

    for (size_t i = 0; i < 21; i++) {
        uint64_t start;

        memset(cold_bytes, (int)i, COLD_BYTES);
        start = now_ns();
        work += (int)walk();
        rounds[i] = (double)(now_ns() - start);
    }
    return median(rounds, 21);
}

static void report(const char *name, walker_fn walk)
{
    uint64_t start = now_ns();
    size_t frames = walk();
    double first = (double)(now_ns() - start);
    double warm = time_warm(walk);
    double cold = time_cold(walk);

    printf("%-10s frames %3zu  first %8.0f  warm %6.0f (%.1f a frame)  cold %6.0f\n", name, frames,
           first, warm, warm / (double)frames, cold);
}

static __attribute__((noinline)) void descend(int depth)
{
    if (depth > 0) {
        descend(depth - 1);
        work++;
        return;
    }
    report("unwind", walk_ours);
    report("backtrace", walk_glibc);
    if (libunwind_backtrace)
        report("libunwind", walk_libunwind);
    work++;
}

int main(void)
{
    void *libunwind = dlopen("libunwind.so.8", RTLD_NOW | RTLD_LOCAL);
    void *symbol = libunwind ? dlsym(libunwind, "unw_backtrace") : NULL;

    memcpy(&libunwind_backtrace, &symbol, sizeof(symbol));
    cold_bytes = malloc(COLD_BYTES);
    if (!cold_bytes || !unwind_init())
        return 1;
    descend(DEPTH - 5); /* main, its two callers in libc, _start and the walker's own caller */
    free(cold_bytes);
    return 0;
}
