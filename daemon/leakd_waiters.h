/* SPDX-License-Identifier: MIT */
/* Who wants to know when a run of the journal has ended. Loop thread. For leakd_journal.c. */
#ifndef LEAKD_LEAKD_WAITERS_H
#define LEAKD_LEAKD_WAITERS_H

#include <stddef.h>
#include <stdint.h>

#define LEAKD_WAITERS_MAX 64u
/* So long a client waits for a disk that does not answer, and until the next tick. */
#define LEAKD_WAIT_MAX_MS 5000u

struct leakd_waiters {
    size_t count;
    struct {
        void (*on_settled)(void *arg);
        void *arg;
        uint64_t run; /* number of the run */
        uint64_t until_ms;
    } list[LEAKD_WAITERS_MAX];
};

/* -EBUSY: there are as many as may be. */
int leakd_waiters_add(struct leakd_waiters *waiters, uint64_t run, uint64_t now_mono_ms,
                      void (*on_settled)(void *arg), void *arg);
/* Tells those who wait for a run up to this one, and those who have waited long enough. */
void leakd_waiters_release(struct leakd_waiters *waiters, uint64_t run, uint64_t now_mono_ms);

#endif
