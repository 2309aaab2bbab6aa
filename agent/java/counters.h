/* SPDX-License-Identifier: MIT */
/*
 * Which of HotSpot's counters say what of its heap, for the collectors of which that is known: serial, parallel,
 * G1. Of the same names and meanings in releases 8 to 28, but for what counters.c says.
 */
#ifndef LEAKD_AGENT_JAVA_COUNTERS_H
#define LEAKD_AGENT_JAVA_COUNTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/java/perfdata.h"
#include "agent/wire/record.h"

#define COUNTERS_MAX           28
#define COUNTERS_RELEASE_BYTES 48

struct counters {
    struct perfdata_entry entries[COUNTERS_MAX];
    bool is_old_all; /* the old generation may become all of the heap */
};

enum counters_found {
    COUNTERS_SOME, /* the machine is still starting */
    COUNTERS_ALL,
    COUNTERS_NEVER, /* another collector, or a machine that counts otherwise */
};

/* Looks for all of them in the machine's memory, which stays where it is from COUNTERS_ALL on. */
enum counters_found counters_find(struct counters *counters, const void *memory, size_t size);

/* "openjdk 17.0.15"; false while that is not known. */
bool counters_describe(const struct counters *counters, char *out, size_t size);

/* All but time_ms. A collection that is under way has not happened yet. False when this cannot be had, which is
 * hardly ever: one collection after the other began and ended meanwhile. */
bool counters_read(const struct counters *counters, struct wire_heap *out);

#endif
