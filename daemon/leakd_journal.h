/* SPDX-License-Identifier: MIT */
/*
 * Drives the journal: what changed in the store and in the outbox is written by a worker at once,
 * one batch at a time, and what was there before a restart is put back. Fails never: without a disk
 * leakd goes on in memory, says so and tries again. Loop thread. For leakd.c.
 */
#ifndef LEAKD_LEAKD_JOURNAL_H
#define LEAKD_LEAKD_JOURNAL_H

#include <uv.h>

struct alert;
struct conf;
struct http_figures;
struct leakd_journal;
struct store;
struct watch;

struct leakd_journal_rooms {
    struct store *store;
    struct alert *alert;
    struct watch *watch;
};

/* Reads what there is before it returns, so that nobody sees a store without its incidents.
 * -ENOMEM. */
int leakd_journal_start(uv_loop_t *loop, const struct conf *conf,
                        const struct leakd_journal_rooms *rooms, struct leakd_journal **out);
/* Something changed; it is collected once the caller has returned to the loop. NULL is fine. */
void leakd_journal_wake(struct leakd_journal *journal);
/* Calls on_settled, never before it returns, once what is in the rooms now is on the disk, or that
 * has failed or takes too long: then their rows say so. -EIO: there is no disk at the moment,
 * -EBUSY: too many wait; on_settled is not called. */
int leakd_journal_settle(struct leakd_journal *journal, void (*on_settled)(void *arg), void *arg);
/* Once a second. */
void leakd_journal_tick(struct leakd_journal *journal);
/* The members about the storage. */
void leakd_journal_figures(const struct leakd_journal *journal, struct http_figures *out);
/* Writes what is left. The rooms must live until on_closed. */
void leakd_journal_close(struct leakd_journal *journal, void (*on_closed)(void *arg), void *arg);

#endif
