/* SPDX-License-Identifier: MIT */
/* The worker numbers of living processes: the lowest that is free in the unit, kept for life. */
#ifndef LEAKD_HTTP_SLOTS_H
#define LEAKD_HTTP_SLOTS_H

#include <stddef.h>
#include <stdint.h>

struct process;
struct store;
struct slots;

struct slot {
    const struct process *process; /* good until the loop goes on */
    char *label;                   /* the unit, or the name of a process that has none */
    uint32_t worker;
};

int slots_new(struct slots **out);
void slots_free(struct slots *slots);

/* Frees the slots of those that ended and gives new ones. -ENOMEM: some are missing. */
int slots_update(struct slots *slots, const struct store *store);
/* Of the living processes, in order of first sight. */
const struct slot *slots_at(const struct slots *slots, size_t index); /* NULL behind the last */

#endif
