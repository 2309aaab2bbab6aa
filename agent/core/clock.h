/* SPDX-License-Identifier: MIT */
/* The process's clocks, read without a system call. */
#ifndef LEAKD_AGENT_CORE_CLOCK_H
#define LEAKD_AGENT_CORE_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Of 4 ms or so, a few nanoseconds to read on every clock source. */
static inline uint64_t clock_coarse_ms(void)
{
    struct timespec now = {0};

    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Fine. A system call on machines whose clock source the vDSO cannot read: only where those are
 * allowed. */
static inline uint64_t clock_fine_ns(void)
{
    struct timespec now = {0};

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

#endif
