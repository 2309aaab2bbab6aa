/* SPDX-License-Identifier: MIT */
/* Whether a snapshot may be taken now, and the order for it. */
#ifndef LEAKD_SNAPSHOT_H
#define LEAKD_SNAPSHOT_H

#include <stddef.h>
#include <stdint.h>

struct ingest;
struct process;

/*
 * Orders a snapshot of the process and notes it there. types: whose retainers are wanted; with none
 * those that grow, and when nothing does the copy chooses. process may be NULL: -ESRCH. 0 and its
 * number, or a negative errno with the reason in words (in the log, too, when reason is NULL):
 * -EBUSY one is not over yet, -ENOMEM also when there is no room for a copy, -EOPNOTSUPP,
 * -ENOTCONN.
 */
int leakd_snapshot_order(struct ingest *ingest, struct process *process, const char *const *types,
                         size_t type_count, uint32_t *number, char *reason, size_t reason_size);

#endif
