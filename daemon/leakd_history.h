/* SPDX-License-Identifier: MIT */
/*
 * Drives the history: what every process holds goes to the disk every few seconds, and a process
 * that comes back after a restart of leakd gets its last hours again. Never waited for: what a slow
 * disk has no time for is left out and counted. Loop thread. For leakd.c.
 */
#ifndef LEAKD_LEAKD_HISTORY_H
#define LEAKD_LEAKD_HISTORY_H

#include <stdbool.h>

#include <uv.h>

struct conf;
struct http_figures;
struct http_history_question;
struct later;
struct leakd_history;
struct store;

int leakd_history_start(uv_loop_t *loop, const struct conf *conf, struct store *store,
                        struct leakd_history **out);
/* Once a second. */
void leakd_history_tick(struct leakd_history *history);
/* struct http_source's read_history. */
int leakd_history_read(struct leakd_history *history, const struct http_history_question *question,
                       struct later *later);
/* True while what processes hold reaches the disk. */
bool leakd_history_works(const struct leakd_history *history);
/* The members about the history. */
void leakd_history_figures(const struct leakd_history *history, struct http_figures *out);
/* Puts the last seconds. The store must live until on_closed. */
void leakd_history_close(struct leakd_history *history, void (*on_closed)(void *arg), void *arg);

#endif
