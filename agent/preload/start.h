/* SPDX-License-Identifier: MIT */
/* The agent's beginning and end in a process. */
#ifndef LEAKD_AGENT_PRELOAD_START_H
#define LEAKD_AGENT_PRELOAD_START_H

/* From the slow path, while no interpreter is known: looks again, about once a second, while that
 * takes no lock that another thread could hold. */
void start_look_for_python(void);

#endif
