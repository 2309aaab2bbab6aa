/* SPDX-License-Identifier: MIT */
/*
 * The table of HotSpot's own variables that libjvm.so exports for debuggers (gHotSpotVMStructs): the same form
 * in releases 8 to 28. Every address is checked against the image's segments before it is read.
 */
#ifndef LEAKD_AGENT_JAVA_VMSTRUCTS_H
#define LEAKD_AGENT_JAVA_VMSTRUCTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct image;

#define VMSTRUCTS_COUNTERS_BYTES_MAX ((size_t)256 << 10) /* larger ones are not taken; 32 KiB are usual */

/* Where the machine's counters are, outside of the image, from its start to the end of the process: it never unmaps them. */
struct vmstructs_counters {
    const void *memory;
    size_t size;
};

/* False: no HotSpot, or it has not made them yet, or makes none. While a frame of the image is on the calling
 * thread's stack; inside malloc(). */
bool vmstructs_find_counters(const struct image *image, struct vmstructs_counters *out);

#endif
