/* SPDX-License-Identifier: MIT */
/*
 * Sites: distinct stacks with their running totals. Fixed tables; a stack that finds no room is
 * counted in WIRE_SITE_OTHER.
 */
#ifndef LEAKD_AGENT_CORE_SITE_H
#define LEAKD_AGENT_CORE_SITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/core/live.h"
#include "agent/core/stack.h"
#include "agent/wire/record.h"

size_t site_memory_bytes(void);
void site_init(void *memory); /* zeroed, aligned to 64 */

/* Any thread, inside malloc(). */
uint16_t site_of(enum wire_domain domain, const struct stack *stack);
void site_add(const struct live_sample *sample);    /* a sample was born */
void site_remove(const struct live_sample *sample); /* its block was freed */
void site_shrink(uint16_t site_id, uint64_t gone_bytes); /* a sample goes on with less weight */

uint64_t site_dropped(void); /* stacks counted in WIRE_SITE_OTHER */

/* The rest is for the flushing thread. */

uint32_t site_count(void); /* ids 1..count */
void site_describe(uint32_t id, struct wire_site *out);

/* Looks up the births of live samples, a bounded number at a call, for the ages of site_read: those are of
 * the last time it came around. */
void site_look_at_ages(void);

/* The first site from `from` on that has changed, or WIRE_SITES_MAX + 1. */
uint32_t site_next_changed(uint32_t from);
/* True once after the site has changed. */
bool site_take_changed(uint32_t id);
void site_mark_changed(uint32_t id);
void site_mark_all_changed(void);
void site_read(uint32_t id, uint64_t now_ms, struct wire_site_totals *out);

/* In a forked child: the totals start with what was inherited alive. */
void site_rebase(void);

#endif
