/* SPDX-License-Identifier: MIT */
/* Who this process says it is. */
#ifndef LEAKD_AGENT_LINK_HELLO_H
#define LEAKD_AGENT_LINK_HELLO_H

#include <stdbool.h>

#include "agent/wire/wire.h"

/* From the constructor: keeps what the environment and the loader know now. */
void hello_init(void);

/* Another process image or another process: takes a new instance number. */
void hello_renew(bool forked);

/* Writes the hello and, if LEAKD_RELEASE says one, the release as a mark. Under the link's lock. */
bool hello_put(struct wire_wr *wr);

/* True when the last hello written has become wrong. */
bool hello_is_stale(void);

#endif
