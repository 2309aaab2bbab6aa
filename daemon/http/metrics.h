/* SPDX-License-Identifier: MIT */
/*
 * /metrics, and the counters of the HTTP side itself. Labels are bounded: a process is its unit (or
 * its name when it has none) and `worker`, the lowest slot of that unit that was free when it came;
 * no two living processes share both. The pid appears in leakd_process_info alone.
 */
#ifndef LEAKD_HTTP_METRICS_H
#define LEAKD_HTTP_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/base/buf.h"
#include "daemon/http/http.h"

struct metrics;

/* route_names[route_count] outlive the metrics. */
int metrics_new(const char *const *route_names, size_t route_count, struct metrics **out);
void metrics_free(struct metrics *metrics);

void metrics_count_request(struct metrics *metrics, size_t route, unsigned status,
                           uint64_t elapsed_ns);

struct metrics_live {
    size_t event_clients;
    uint64_t events_lagged_total;
    uint64_t connections;
};

void metrics_write(struct metrics *metrics, const struct http_source *source,
                   const struct metrics_live *live, bool open_metrics, struct buf *out);

#endif
