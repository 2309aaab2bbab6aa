/* SPDX-License-Identifier: MIT */
/*
 * Snapshots: a copy of the process, made when it is safe, counts all objects and tells who keeps
 * them. The process stands still while the kernel copies its page tables, and no longer. The copy
 * is nobody's child that could be waited for, and makes no SIGCHLD.
 */
#ifndef LEAKD_AGENT_PYTHON_SNAPSHOT_H
#define LEAKD_AGENT_PYTHON_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>

struct core_courier;
struct interp;
struct wire_snapshot_order;
struct wire_snapshot_state;

/* Keeps the order; a younger one takes the place of one that was not carried out. There is one copy at
 * a time: while one is made or at work, an order waits some seconds and is refused. Flushing thread. */
void snapshot_order(const struct wire_snapshot_order *order, const struct core_courier *courier);

/* A seccomp filter is no obstacle from now on. */
void snapshot_allow_in_sandbox(void);

/* Cheap. True: an order waits. */
bool snapshot_is_due(void);

/* Makes the copy, or does nothing yet (the collector runs, another thread is at it), or refuses.
 * thread: the calling thread's state, which holds the interpreter's lock. Outside of malloc's own
 * work. */
void snapshot_take(const struct interp *interp, const uint8_t *thread);

/* What the daemon is to be told, once; to be asked until it is false. Also looks after what is left of
 * earlier copies. Flushing thread. */
bool snapshot_state(struct wire_snapshot_state *out);

#endif
