/* SPDX-License-Identifier: MIT */
/* Reading the store: for views, metrics and the watch. Nothing here changes anything. */
#ifndef LEAKD_STORE_QUERY_H
#define LEAKD_STORE_QUERY_H

#include "daemon/store/model.h"

struct store;

/* In order of first sight; index below query_process_count. */
size_t query_process_count(const struct store *store);
const struct process *query_process_at(const struct store *store, size_t index);
const struct process *query_process(const struct store *store, const char *id); /* NULL: none */

size_t query_incident_count(const struct store *store);
const struct incident *query_incident_at(const struct store *store,
                                         size_t index); /* newest first */
const struct incident *query_incident(const struct store *store, const char *id);

size_t query_operator_mark_count(const struct store *store);
const struct operator_mark *query_operator_mark_at(const struct store *store,
                                                   size_t index); /* newest first */
/* The newest release mark that speaks of the process; NULL: none does. */
const struct operator_mark *query_release_mark(const struct store *store,
                                               const struct process *process);
/* The build-id of the process's executable as hex, "" when it has none or is not known. */
void query_build_id(const struct process *process, char *out, size_t size);

/* The limit that growth meets first, 0 = none, and what it is: the heap's own for a leak in a Java heap. */
#define QUERY_LIMIT_HEAP "java_heap_max"
uint64_t query_limit(const struct process *process, const char **source);

/* The tests behind the verdict, for and against, with their figures; returns how many. */
#define QUERY_TESTS_MAX (DETECT_CHECKS_MAX + PROCESS_OBJECTIONS_MAX)
size_t query_tests(const struct process *process, struct detect_check out[QUERY_TESTS_MAX]);

enum query_order { ORDER_GROWTH, ORDER_LIVE, ORDER_RATE };

/* Up to max sites (types) of the process, best first. Growth: what still grows stands first, by
 * what it has gained at least since it is looked at (points); then the rest by what it gained, then
 * by live bytes. Rate: bytes allocated since the start. */
size_t query_sites(const struct process *process, enum query_order order, const struct site **out,
                   size_t max);
size_t query_types(const struct process *process, enum query_order order, const struct type **out,
                   size_t max);

/* Live bytes gained since the site (type) has points; 0 without. May be negative. */
double site_gain_bytes(const struct site *site);
double type_gain_bytes(const struct type *type);

/* True when the last third of the points still rises at a fair part of their whole rate. */
bool points_still_gain(const struct points *points);

/* Live bytes and count of a site: alloc minus free, never below 0. */
uint64_t site_live_bytes(const struct site *site);
uint64_t site_live_count(const struct site *site);

/* What the sites held at a past moment: live bytes and bytes allocated since the start, by index in
 * process.sites, as the mean of the recorded moments in from..to or else the nearest one; what they
 * hold now counts as recorded. live and alloc have room for site_count; all 0 before the first
 * record. *used_from and *used_to are the first and last moment used, 0: there is none. */
void query_past_sites(const struct process *process, uint64_t from_wall_ms, uint64_t to_wall_ms,
                      uint64_t now_wall_ms, double *live, double *alloc, uint64_t *used_from_ms,
                      uint64_t *used_to_ms);
/* The oldest recorded moment; 0: none. */
uint64_t query_past_oldest_ms(const struct process *process);

/* The frames of a site with names, leaf first, inlined functions unfolded. Up to max. */
size_t query_frames(const struct store *store, const struct process *process,
                    const struct site *site, struct frame *out, size_t max);

/* The frame that people should look at: the first Python frame of the program's own, else the first
 * native frame that is not the allocator's or the runtime's; NULL when there are none. */
const struct frame *query_culprit(const struct frame *frames, size_t count);

/* The text of an interned name, "" when it never came. */
const char *query_name(const struct process *process, uint32_t name_id);

/* "python", "native" or "mixed". */
const char *query_site_kind(const struct site *site);

struct store_stats {
    size_t processes_watching;
    size_t processes;
    size_t incidents_open;
    uint64_t sites;
    uint64_t bytes; /* memory of series, sites, names; an estimate */
};
void query_stats(const struct store *store, struct store_stats *out);

#endif
