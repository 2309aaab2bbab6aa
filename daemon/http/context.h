/* SPDX-License-Identifier: MIT */
/* What the handlers, the events and the metrics share. Owned by http.c. */
#ifndef LEAKD_HTTP_CONTEXT_H
#define LEAKD_HTTP_CONTEXT_H

#include <stdbool.h>

#include "daemon/http/events.h"
#include "daemon/http/http.h"
#include "daemon/http/metrics.h"

struct maps_reader;

struct http_context {
    struct http_source source;
    struct events *events;
    struct metrics *metrics;
    struct maps_reader *maps;
    uint64_t started_wall_ms;
    uint64_t connections; /* open now */
    size_t streams_max;
    bool stopping; /* /readyz says no, so that nobody sends more */
};

#endif
