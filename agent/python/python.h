/* SPDX-License-Identifier: MIT */
/*
 * CPython in the process: found by dlsym at run time, never linked. Registers itself with the core
 * (core_set_runtime) when it finds an interpreter whose layout it knows; says why not otherwise
 * (core_describe_runtime). Installs no hook in the allocation path until it is told to attribute.
 */
#ifndef LEAKD_AGENT_PYTHON_PYTHON_H
#define LEAKD_AGENT_PYTHON_PYTHON_H

#include <stdbool.h>
#include <stdint.h>

/* From the agent's constructor, and again from the slow path while it returns false and the
 * program may still load libpython (embedding). True once the question is settled. always: be in
 * the attributing state from the start (LEAKD_PYTHON=always). Any thread, not inside a hook that
 * holds the loader's lock; may call dlsym. */
bool python_init(bool always);

/*
 * What the interpreter's own allocations drive: a program that makes nothing but small Python
 * objects hardly ever passes through malloc, so the stream would stand still. tick is called
 * at each Python sample and each new arena, between core_enter and core_leave, like what malloc's
 * slow path calls. Before python_init.
 */
void python_drive(void (*tick)(void));

/*
 * What is to be done when the interpreter begins to end, while nothing is freed yet that its daemon threads
 * may still look at. Called between core_enter and core_leave, with the interpreter's lock held, once each
 * time that it ends, or not at all: it is noticed by what it gives back, 32 KiB or an arena. Before python_init.
 */
void python_on_end(void (*end)(void));

/* Snapshots are made under a seccomp filter, too: it is known to allow them. Before python_init. */
void python_allow_snapshot_in_sandbox(void);

/* A collection took so long: the program measures it itself (leakd.py), the interpreter does not.
 * Any thread. */
void python_add_pause(uint64_t pause_ns);

#endif
