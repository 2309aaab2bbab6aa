/* SPDX-License-Identifier: MIT */
#include "agent/java/java.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "agent/core/clock.h"
#include "agent/core/core.h"
#include "agent/core/image.h"
#include "agent/core/module.h"
#include "agent/core/peek.h"
#include "agent/java/counters.h"
#include "agent/java/vmstructs.h"

/* A machine that has its code in the process makes the counters within milliseconds, or much later when a
 * program loads it first and starts it when it is needed: each look waits twice as long as the last. The
 * last of them is some 35 minutes behind the first. */
#define LOOK_AGAIN_MS 16
#define LOOKS_MAX     18

/* Rounds in which the collector's counters may be missing while the machine starts. */
#define ROUNDS_MAX 600

#define UNKNOWN_COLLECTOR "java: what its collector leaves is not known, the heap is not told"

enum java_state {
    JAVA_SOUGHT,  /* no machine yet, or one that has not begun */
    JAVA_MAPPED,  /* its memory is known, not yet all that is wanted */
    JAVA_READ,
    JAVA_IGNORED,
};

static _Atomic int state = JAVA_IGNORED;

static struct {
    _Atomic bool busy;
    _Atomic bool is_met;
    unsigned looks;
    uint64_t due_ms;
} search;

static struct vmstructs_counters found; /* from JAVA_MAPPED on */
static struct counters counters;        /* the flushing thread's */

/* Of the machine's memory, which is never loaded from: whoever cuts the file behind it makes that fault, and a
 * flush inside the machine's own crash handler would fault again. Touched only where there is a machine. */
static _Alignas(uint64_t) uint8_t copy[VMSTRUCTS_COUNTERS_BYTES_MAX];
static unsigned rounds;

/* ---- the machine, met on a stack --------------------------------------------------------------- */

static void settle(enum java_state how)
{
    module_watch(NULL, NULL);
    atomic_store(&state, how);
}

static void look(const struct image *image)
{
    const uint64_t now_ms = clock_coarse_ms();

    if (atomic_load(&state) != JAVA_SOUGHT || now_ms < search.due_ms)
        return;
    if (vmstructs_find_counters(image, &found)) {
        settle(JAVA_MAPPED);
        return;
    }
    search.due_ms = now_ms + ((uint64_t)LOOK_AGAIN_MS << search.looks);
    if (++search.looks == LOOKS_MAX)
        settle(JAVA_IGNORED);
}

/* One thread at a time; the others need not wait. */
static void met(const struct image *image)
{
    atomic_store(&search.is_met, true);
    if (atomic_exchange(&search.busy, true))
        return;
    look(image);
    atomic_store(&search.busy, false);
}

/* ---- the counters, at a flush ------------------------------------------------------------------- */

static void find_counters(void)
{
    char runtime[COUNTERS_RELEASE_BYTES];
    enum counters_found how;

    if (!peek((uintptr_t)found.memory, copy, found.size)) {
        atomic_store(&state, JAVA_IGNORED);
        return;
    }
    how = counters_find(&counters, copy, found.size, (uintptr_t)found.memory);
    if (how == COUNTERS_SOME && ++rounds < ROUNDS_MAX)
        return;
    atomic_store(&state, how == COUNTERS_ALL ? JAVA_READ : JAVA_IGNORED);
    if (counters_describe(&counters, runtime, sizeof(runtime)))
        core_describe_other_runtime(runtime, how == COUNTERS_ALL ? "" : UNKNOWN_COLLECTOR);
}

static bool read_heap(struct wire_heap *out)
{
    enum counters_had how;

    if (atomic_load(&state) == JAVA_MAPPED)
        find_counters();
    if (atomic_load(&state) != JAVA_READ)
        return false;
    how = counters_read(&counters, out);
    if (how == COUNTERS_GONE)
        atomic_store(&state, JAVA_IGNORED);
    return how == COUNTERS_READ;
}

/* The machine's threads are not in the child, and its counters are the parent's still: they may be memory
 * that both share, and a machine that was starting may have made them already. */
static void forked(void)
{
    atomic_store(&search.busy, false);
    if (atomic_load(&search.is_met) || atomic_load(&state) != JAVA_SOUGHT)
        settle(JAVA_IGNORED);
}

static const struct core_heap heap = {.read = read_heap, .forked = forked};

void java_init(void)
{
    atomic_store(&state, JAVA_SOUGHT);
    core_set_heap(&heap);
    module_watch("libjvm.so", met);
}
