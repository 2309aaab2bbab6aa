/* SPDX-License-Identifier: MIT */
/* The way from a root to an object, in words: {"module app", ".registry", "list[...]",
 * "app.Session"}. In a snapshot's copy of the process only. */
#ifndef LEAKD_AGENT_PYTHON_SNAPSHOT_PATH_H
#define LEAKD_AGENT_PYTHON_SNAPSHOT_PATH_H

#include <stdint.h>

#include "agent/python/snapshot_walk.h"
#include "agent/wire/wire.h"

#define PATH_STEP_BYTES 192

struct path {
    uint32_t count;
    bool is_cut; /* steps are missing in front of the last one */
    struct path_step {
        uint8_t len;
        bool is_repeated;
        char text[PATH_STEP_BYTES];
    } steps[WIRE_SNAPSHOT_STEPS_MAX];
};

/* index: of a reached object in the heap. */
void path_tell(struct walk *walk, uint32_t index, struct path *out);

#endif
