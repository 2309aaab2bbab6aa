/* SPDX-License-Identifier: MIT */
/* The way from a snapshot's copy of the process to the daemon: a connection of its own. */
#ifndef LEAKD_AGENT_LINK_COURIER_H
#define LEAKD_AGENT_LINK_COURIER_H

#include "agent/core/core.h"

extern const struct core_courier courier;

/* path stays valid. */
void courier_init(const char *path);

#endif
