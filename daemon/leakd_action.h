/* SPDX-License-Identifier: MIT */
/*
 * Does what the watch has decided: the program of [action], or the restart of the unit. Several may
 * run at once. Loop thread. For leakd.c.
 */
#ifndef LEAKD_LEAKD_ACTION_H
#define LEAKD_LEAKD_ACTION_H

#include <uv.h>

struct conf;
struct incident;
struct leakd_action;
struct process;
struct watch;

/* conf is borrowed; leakd_action_reload says that it has changed. */
int leakd_action_new(uv_loop_t *loop, const struct conf *conf, struct watch *watch,
                     struct leakd_action **out);
void leakd_action_reload(struct leakd_action *action);
/* How it ends is told to the watch. */
void leakd_action_start(struct leakd_action *action, const struct incident *incident,
                        const struct process *process);
/* Kills what still runs. NULL is well. */
void leakd_action_free(struct leakd_action *action);

#endif
