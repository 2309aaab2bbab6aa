/* SPDX-License-Identifier: MIT */
/* Live bytes and counts by type of object, from the samples whose type is known. */
#ifndef LEAKD_AGENT_CORE_TYPE_H
#define LEAKD_AGENT_CORE_TYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/core/live.h"
#include "agent/wire/record.h"

#define TYPE_PLACES (2 * WIRE_TYPES_MAX) /* twice the types we take, so that probes stay short */

size_t type_memory_bytes(void);
void type_init(void *memory); /* zeroed, aligned to 64 */

/* A sample of this type lives, or no longer does. Any thread, inside free(). */
void type_add(uint32_t type_id, const struct live_sample *sample);
void type_remove(uint32_t type_id, const struct live_sample *sample);

/* For the flushing thread: types are kept at places 0..TYPE_PLACES-1; place 0 is the sum of the types
 * that found no room, under WIRE_NAME_OTHER. */

/* The first place from `from` on that has changed, or TYPE_PLACES. */
uint32_t type_next_changed(uint32_t from);
bool type_take_changed(uint32_t place);
void type_mark_changed(uint32_t place);
void type_mark_all_changed(void);
void type_read(uint32_t place, struct wire_type_totals *out);

#endif
