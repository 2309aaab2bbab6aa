/* SPDX-License-Identifier: MIT */
/* How far the agent has come in this process. */
#ifndef LEAKD_AGENT_PRELOAD_STATE_H
#define LEAKD_AGENT_PRELOAD_STATE_H

#include <stdbool.h>

enum preload_state {
    PRELOAD_UNKNOWN,   /* nothing has been allocated yet */
    PRELOAD_RESOLVING, /* one thread looks for the next allocator; nobody waits for it */
    PRELOAD_PASSING,   /* the next allocator is known, the tables are not ready */
    PRELOAD_COUNTING,
    PRELOAD_INERT, /* everything is passed on, for good */
};

/* The state, after having moved it on if nobody else is at it. Any thread, inside malloc(). */
enum preload_state preload_begin(void);

/* For a thread without a slot: gives it one. True when its operations are to be counted. */
bool preload_attach(void);

#endif
