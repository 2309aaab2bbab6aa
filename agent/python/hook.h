/* SPDX-License-Identifier: MIT */
/*
 * The hooks of the attributing state: malloc, calloc and realloc of the OBJ and MEM domains,
 * sampled. They go in and out while a thread holds the interpreter's lock, and only when the
 * allocator found there is pymalloc itself or ours; free is never hooked: a sample needs them no longer
 * once it is taken. While they are wanted, those of OBJ are in for the turns that are attended
 * (agent/python/turn.h).
 */
#ifndef LEAKD_AGENT_PYTHON_HOOK_H
#define LEAKD_AGENT_PYTHON_HOOK_H

#include <stdbool.h>

struct interp;

/* What stands in the way of hooks that are wanted. */
enum hook_block {
    HOOK_FREE,
    HOOK_FOREIGN,  /* another allocator: PYTHONMALLOC, tracemalloc or a tool like it */
    HOOK_SEVERAL,  /* sub-interpreters that may run at the same time */
};

/* Notes the allocators that the program was built with, before anybody replaces them. sampled is called
 * after each sample, between core_enter and core_leave; passed, outside of these, when some KiB have gone
 * through the MEM domain, in turns that are attended and in others. */
void hook_init(const struct interp *interp, void (*sampled)(void), void (*passed)(void));

/* Before the interpreter starts, with one thread: puts the hooks in at once. */
void hook_install_early(void);

void hook_want(bool wanted);
bool hook_is_wanted(void);

/* Cheap. True: they are not as they should be in this turn, hook_toggle has something to do. */
bool hook_is_due(void);

/* Brings that about, if this thread may. The interpreter's lock must be held. Also
 * notices when somebody took the hooks out. */
void hook_toggle(void);

/* Wanted and not hindered, whether this turn is attended or not. */
bool hook_is_attributing(void);
enum hook_block hook_blocked(void);

#endif
