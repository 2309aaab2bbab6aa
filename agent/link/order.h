/* SPDX-License-Identifier: MIT */
/* What the daemon tells us. Under the link's lock. */
#ifndef LEAKD_AGENT_LINK_ORDER_H
#define LEAKD_AGENT_LINK_ORDER_H

#include <stdint.h>

#include "agent/link/stream.h"

/* A new connection: forgets half-read frames and pauses. */
void order_start_anew(void);

/* Reads and obeys what has arrived. Negative errno: the stream is lost or talks nonsense. */
int order_receive(const struct stream *stream, uint64_t now_ms);

/* The time until which the daemon wants to hear nothing; 0 = none. */
uint64_t order_paused_until_ms(void);

#endif
