/* SPDX-License-Identifier: MIT */
/*
 * Allocations of our own code that fail when a test says so. Programs that link alloc.c with
 * FAILING_LINK_OPTIONS (tests/CMakeLists.txt) call these instead of libc's; what libraries allocate
 * is not in it. With LEAKD_FAILING=FILE in the environment the counters are in that file, shared
 * with the test that made it: two 64-bit numbers, the countdown and the number of calls.
 */
#ifndef LEAKD_TESTS_FAILING_ALLOC_H
#define LEAKD_TESTS_FAILING_ALLOC_H

#include <stdatomic.h>
#include <stdint.h>

struct failing {
    _Atomic int64_t countdown; /* the call that brings it to 0 fails; 0 and less: none does */
    _Atomic uint64_t calls;
};

extern struct failing *failing;

#endif
