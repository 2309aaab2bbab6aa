/* SPDX-License-Identifier: MIT */
#include "daemon/leakd_waiters.h"

#include <errno.h>

int leakd_waiters_add(struct leakd_waiters *waiters, uint64_t run, uint64_t now_mono_ms,
                      void (*on_settled)(void *arg), void *arg)
{
    size_t at = waiters->count;

    if (at == LEAKD_WAITERS_MAX)
        return -EBUSY;
    waiters->list[at].on_settled = on_settled;
    waiters->list[at].arg = arg;
    waiters->list[at].run = run;
    waiters->list[at].until_ms = now_mono_ms + LEAKD_WAIT_MAX_MS;
    waiters->count++;
    return 0;
}

/* Those who are told may bring the next one to the list, so they are taken from it before. */
void leakd_waiters_release(struct leakd_waiters *waiters, uint64_t run, uint64_t now_mono_ms)
{
    struct leakd_waiters before = *waiters;

    waiters->count = 0;
    for (size_t i = 0; i < before.count; i++)
        if (before.list[i].run > run && now_mono_ms < before.list[i].until_ms)
            waiters->list[waiters->count++] = before.list[i];
    for (size_t i = 0; i < before.count; i++)
        if (before.list[i].run <= run || now_mono_ms >= before.list[i].until_ms)
            before.list[i].on_settled(before.list[i].arg);
}
