/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "daemon/watch/private.h"

#define BUILD_ID_DIGITS 12 /* enough to find the build by, short enough to be read out */

/* The executable of a script is its interpreter, which stays the same over releases. */
static bool is_interpreted(const struct process *process)
{
    return strcmp(process->runtime, "native") != 0;
}

void release_of(const struct store *store, const struct process *process, char *out, size_t size)
{
    const struct operator_mark *mark = query_release_mark(store, process);
    char build_id[2 * WIRE_BUILD_ID_MAX + 1], started[40];

    query_build_id(process, build_id, sizeof(build_id));
    words_time(process->started_wall_ms, started, sizeof(started));
    if (process->marks && process->marks->release[0])
        snprintf(out, size, "release %s", process->marks->release);
    else if (mark)
        snprintf(out, size, "release %s", mark->text);
    else if (build_id[0] && !is_interpreted(process))
        snprintf(out, size, "build %.*s", BUILD_ID_DIGITS, build_id);
    else
        snprintf(out, size, "start of %s", started);
}
