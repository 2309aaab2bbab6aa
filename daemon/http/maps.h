/* SPDX-License-Identifier: MIT */
/*
 * The mappings of one process at a time, read by a worker and kept for a few seconds. Whoever asks
 * first starts the reading and is told to ask again.
 */
#ifndef LEAKD_HTTP_MAPS_H
#define LEAKD_HTTP_MAPS_H

#include <uv.h>

#include "daemon/base/procfs_maps.h"
#include "daemon/store/model.h"

struct maps_reader;

enum maps_state { MAPS_READING, MAPS_READ, MAPS_FAILED };

struct maps_answer {
    enum maps_state state;
    int error;                      /* negative errno of FAILED */
    uint64_t taken_wall_ms;         /* of READ */
    const struct procfs_maps *maps; /* of READ; borrowed until the return to the loop */
};

int maps_reader_new(uv_loop_t *loop, struct maps_reader **out);
/* A reading under way ends by itself. NULL is fine. */
void maps_reader_free(struct maps_reader *reader);

void maps_ask(struct maps_reader *reader, const struct process *process, uint64_t now_wall_ms,
              struct maps_answer *out);

#endif
