/* SPDX-License-Identifier: MIT */
/* What the flush tells the daemon about the tables that are in no room of their own, for
 * agent/link. Flushing thread only. */
#ifndef LEAKD_AGENT_CORE_REPORT_H
#define LEAKD_AGENT_CORE_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/wire/record.h"

enum wire_method core_native_method(void);
void core_read_native_totals(struct wire_domain_totals *out);
/* All but what the link itself counts: skipped_flushes, flush_ns_total. */
void core_read_health(struct wire_health *out);

uint32_t core_name_count(void);
void core_name(uint32_t id, struct wire_str *out);

/* What core_describe_runtime has noted. The number changes with every call of it. */
unsigned core_runtime_description(struct wire_str *runtime, struct wire_str *reason);

/* All sites and types are due again: the daemon is a new one. */
void core_mark_all_changed(void);

/* Lets a raised period fall back when there is room for samples; the next fast 16 ms raise it again. */
void core_relax_period(void);

/* In a forked child, as early as possible: totals count on from what is alive now. */
void core_forked(void);

#endif
