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
    uintptr_t origin; /* what the machine's memory lies above the copy by, modulo 2^64 */
    bool is_old_all; /* the old generation may become all of the heap */
};

enum counters_found {
    COUNTERS_SOME, /* the machine is still starting */
    COUNTERS_ALL,
    COUNTERS_NEVER, /* another collector, or a machine that counts otherwise */
};

/* Looks for all of them in a copy of the machine's memory, which stays where it is: texts are the copy's,
 * numbers are read at origin, where the machine has them. */
enum counters_found counters_find(struct counters *counters, const void *copy, size_t size, uintptr_t origin);

/* "openjdk 17.0.15"; false while that is not known. */
bool counters_describe(const struct counters *counters, char *out, size_t size);

enum counters_had {
    COUNTERS_READ,
    COUNTERS_NOT_NOW, /* hardly ever: one collection after the other began and ended meanwhile */
    COUNTERS_GONE,    /* the memory cannot be read (its file was cut), or the kernel does not let us */
};

/* All but time_ms. A collection that is under way has not happened yet. One system call, hardly ever more; it
 * cannot fault, and leaves errno alone. */
enum counters_had counters_read(const struct counters *counters, struct wire_heap *out);

#endif
