/* SPDX-License-Identifier: MIT */
#include "daemon/http/metrics.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/procfs.h"
#include "daemon/http/exposition.h"
#include "daemon/http/metrics_process.h"
#include "daemon/http/slots.h"
#include "leakd_version.h"

#ifndef LEAKD_REVISION
#define LEAKD_REVISION "unknown"
#endif

static const unsigned codes[] = {200, 304, 400, 404, 405, 413, 414, 421, 500, 503};
#define CODES (sizeof(codes) / sizeof(codes[0]))

static const struct {
    double seconds;
    const char *text; /* as OpenMetrics wants it */
} bounds[] = {
    {0.0005, "0.0005"}, {0.001, "0.001"}, {0.0025, "0.0025"}, {0.005, "0.005"}, {0.01, "0.01"},
    {0.025, "0.025"},   {0.05, "0.05"},   {0.1, "0.1"},       {0.25, "0.25"},   {1, "1.0"},
};
#define BOUNDS (sizeof(bounds) / sizeof(bounds[0]))

struct metrics {
    const char *const *route_names;
    size_t route_count;
    uint64_t (*requests)[CODES + 1]; /* by route and code; the last is any other code */
    uint64_t buckets[BOUNDS + 1];
    double seconds_sum;
    struct slots *slots;
};

int metrics_new(const char *const *route_names, size_t route_count, struct metrics **out)
{
    struct metrics *metrics = calloc(1, sizeof(*metrics));

    if (!metrics)
        return -ENOMEM;
    metrics->route_names = route_names;
    metrics->route_count = route_count;
    metrics->requests = calloc(route_count, sizeof(*metrics->requests));
    if (!metrics->requests || slots_new(&metrics->slots) < 0) {
        metrics_free(metrics);
        return -ENOMEM;
    }
    *out = metrics;
    return 0;
}

void metrics_free(struct metrics *metrics)
{
    if (!metrics)
        return;
    slots_free(metrics->slots);
    free(metrics->requests);
    free(metrics);
}

void metrics_count_request(struct metrics *metrics, size_t route, unsigned status,
                           uint64_t elapsed_ns)
{
    double seconds = (double)elapsed_ns / 1e9;
    size_t code = 0, bucket = 0;

    while (code < CODES && codes[code] != status)
        code++;
    while (bucket < BOUNDS && seconds > bounds[bucket].seconds)
        bucket++;
    metrics->requests[route][code]++;
    metrics->buckets[bucket]++;
    metrics->seconds_sum += seconds;
}

struct page {
    struct exposition exposition;
    struct metrics *metrics;
    const struct http_source *source;
};

static void write_single(struct exposition *e, const char *name, enum metric_kind kind,
                         const char *help, double value)
{
    exposition_family(e, name, kind, help);
    exposition_begin(e, "");
    exposition_double(e, value);
}

static void write_labelled(struct exposition *e, const char *label, const char *name,
                           uint64_t value)
{
    exposition_begin(e, "");
    exposition_label(e, label, name);
    exposition_u64(e, value);
}

static void write_build(struct exposition *e)
{
    exposition_family(e, "leakd_build", METRIC_INFO, "What is running.");
    exposition_begin(e, "");
    exposition_label(e, "version", LEAKD_VERSION);
    exposition_label(e, "revision", LEAKD_REVISION);
    exposition_u64(e, 1);
}

static void write_incidents(struct page *page)
{
    static const char *const severities[] = {"info", "warning", "critical"};
    static const enum incident_state states[] = {
#define X(name, text) INCIDENT_##name,
        INCIDENT_STATES(X)
#undef X
    };
    size_t state_count = sizeof(states) / sizeof(states[0]);
    uint64_t counts[3][8] = {{0}};

    for (size_t i = 0; i < query_incident_count(page->source->store); i++) {
        const struct incident *incident = query_incident_at(page->source->store, i);

        for (size_t s = 0; s < 3; s++)
            counts[s][incident->state] += strcmp(incident->severity, severities[s]) == 0;
    }
    exposition_family(&page->exposition, "leakd_incidents", METRIC_GAUGE, "Incidents kept.");
    for (size_t i = 0; i < 3 * state_count; i++) {
        exposition_begin(&page->exposition, "");
        exposition_label(&page->exposition, "severity", severities[i / state_count]);
        exposition_label(&page->exposition, "state", incident_state_name(states[i % state_count]));
        exposition_u64(&page->exposition, counts[i / state_count][states[i % state_count]]);
    }
}

static void write_storage(struct exposition *e, const struct http_figures *f)
{
    write_single(e, "leakd_storage_degraded", METRIC_GAUGE,
                 "1 while nothing can be stored on the disk.",
                 f->storage_problem && f->storage_problem[0]);
    write_single(e, "leakd_storage_bytes", METRIC_GAUGE, "Files of incidents and notices.",
                 (double)f->storage_bytes);
    write_single(e, "leakd_history_bytes", METRIC_GAUGE, "File of the processes' history.",
                 (double)f->history_bytes);
    write_single(e, "leakd_history_samples_left_out", METRIC_COUNTER,
                 "Samples that the disk had no time or room for.",
                 (double)f->history_left_out_total);
    write_single(e, "leakd_storage_batches", METRIC_COUNTER, "Batches written to the disk.",
                 (double)f->storage_batches_total);
    write_single(e, "leakd_storage_damaged_files", METRIC_COUNTER,
                 "Damaged files that were put aside.", (double)f->storage_damaged_total);
    write_single(e, "leakd_incidents_unstored", METRIC_GAUGE,
                 "Incidents that the disk has never had.", (double)f->incidents_unstored);
}

static void write_figures(struct page *page)
{
    struct exposition *e = &page->exposition;
    struct http_figures f = {0};

    page->source->figures(page->source->arg, &f);
    write_single(e, "leakd_agents_connected", METRIC_GAUGE, "Agents that are connected.",
                 (double)f.agents_connected);
    write_single(e, "leakd_agent_frames", METRIC_COUNTER, "Frames read from agents.",
                 (double)f.frames_total);
    exposition_family(e, "leakd_agent_frames_dropped", METRIC_COUNTER,
                      "Frames from agents that were not used.");
    write_labelled(e, "reason", "bad", f.bad_frames_total);
    write_single(e, "leakd_agent_connections_refused", METRIC_COUNTER,
                 "Connections of agents that were refused.", (double)f.refused_connections_total);
    exposition_family(e, "leakd_webhook_deliveries", METRIC_COUNTER,
                      "Deliveries of notices: notices delivered or given up, attempts failed.");
    write_labelled(e, "outcome", "delivered", f.notices_delivered_total);
    write_labelled(e, "outcome", "failed", f.notices_failed_total);
    write_labelled(e, "outcome", "given_up", f.notices_given_up_total);
    write_labelled(e, "outcome", "grouped", f.notices_grouped_total);
    write_single(e, "leakd_webhook_queue_length", METRIC_GAUGE, "Notices not delivered yet.",
                 (double)f.notices_queued);
    write_storage(e, &f);
}

static void write_of_receivers(struct page *page, const char *name, enum metric_kind kind,
                               const char *help, uint64_t (*value)(const struct http_receiver *of))
{
    const struct http_source *source = page->source;
    struct http_receiver receiver;

    exposition_family(&page->exposition, name, kind, help);
    for (size_t i = 0; source->receivers.at && source->receivers.at(source->arg, i, &receiver);
         i++) {
        exposition_begin(&page->exposition, "");
        exposition_label(&page->exposition, "receiver", receiver.name);
        exposition_label(&page->exposition, "type", receiver.type);
        exposition_u64(&page->exposition, value(&receiver));
    }
}

static uint64_t queue_of(const struct http_receiver *receiver)
{
    return receiver->queued;
}

static uint64_t dead_of(const struct http_receiver *receiver)
{
    return receiver->dead_letters;
}

static uint64_t delivered_of(const struct http_receiver *receiver)
{
    return receiver->delivered_total;
}

static uint64_t failed_of(const struct http_receiver *receiver)
{
    return receiver->failed_attempts_total;
}

static uint64_t trouble_of(const struct http_receiver *receiver)
{
    return strcmp(receiver->state, "failing") == 0 || strcmp(receiver->state, "off") == 0;
}

static void write_receivers(struct page *page)
{
    write_of_receivers(page, "leakd_receiver_queue_length", METRIC_GAUGE,
                       "Notices that wait for a receiver.", queue_of);
    write_of_receivers(page, "leakd_receiver_dead_letters", METRIC_GAUGE,
                       "Notices to a receiver that were given up and kept.", dead_of);
    write_of_receivers(page, "leakd_receiver_failing", METRIC_GAUGE,
                       "1 while a receiver's last attempt failed, or it is off.", trouble_of);
    write_of_receivers(page, "leakd_receiver_delivered", METRIC_COUNTER,
                       "Notices that a receiver took.", delivered_of);
    write_of_receivers(page, "leakd_receiver_failed_attempts", METRIC_COUNTER,
                       "Attempts to tell a receiver that failed.", failed_of);
}

static void write_store(struct page *page)
{
    struct store_stats stats;

    query_stats(page->source->store, &stats);
    write_single(&page->exposition, "leakd_store_memory_bytes", METRIC_GAUGE,
                 "Memory of series, sites and names.", (double)stats.bytes);
    write_single(&page->exposition, "leakd_store_sites", METRIC_GAUGE, "Allocation sites kept.",
                 (double)stats.sites);
}

static void write_requests(struct page *page)
{
    struct metrics *metrics = page->metrics;

    exposition_family(&page->exposition, "leakd_http_requests", METRIC_COUNTER,
                      "HTTP requests answered.");
    for (size_t i = 0; i < metrics->route_count * (CODES + 1); i++) {
        size_t route = i / (CODES + 1), code = i % (CODES + 1);

        if (metrics->requests[route][code] == 0)
            continue;
        exposition_begin(&page->exposition, "");
        exposition_label(&page->exposition, "route", metrics->route_names[route]);
        if (code < CODES)
            exposition_label_u64(&page->exposition, "code", codes[code]);
        else
            exposition_label(&page->exposition, "code", "other");
        exposition_u64(&page->exposition, metrics->requests[route][code]);
    }
}

static void write_durations(struct page *page)
{
    struct exposition *e = &page->exposition;
    uint64_t count = 0;

    exposition_family(e, "leakd_http_request_duration_seconds", METRIC_HISTOGRAM,
                      "Time from the request's headers to its answer.");
    for (size_t i = 0; i <= BOUNDS; i++) {
        count += page->metrics->buckets[i];
        exposition_begin(e, "_bucket");
        exposition_label(e, "le", i < BOUNDS ? bounds[i].text : "+Inf");
        exposition_u64(e, count);
    }
    exposition_begin(e, "_sum");
    exposition_double(e, page->metrics->seconds_sum);
    exposition_begin(e, "_count");
    exposition_u64(e, count);
}

static void write_process_self(struct exposition *e)
{
    struct procfs_self self;

    if (procfs_read_self(&procfs_host, &self) < 0)
        return;
    write_single(e, "process_cpu_seconds", METRIC_COUNTER, "CPU time of leakd.", self.cpu_seconds);
    write_single(e, "process_resident_memory_bytes", METRIC_GAUGE, "Resident memory of leakd.",
                 (double)self.rss_bytes);
    write_single(e, "process_start_time_seconds", METRIC_GAUGE, "When leakd started.",
                 (double)self.start_wall_ms / 1000);
    write_single(e, "process_open_fds", METRIC_GAUGE, "Descriptors leakd holds.",
                 (double)self.open_fds);
    write_single(e, "process_max_fds", METRIC_GAUGE, "Descriptors leakd may hold.",
                 (double)self.max_fds);
}

void metrics_write(struct metrics *metrics, const struct http_source *source,
                   const struct metrics_live *live, bool open_metrics, struct buf *out)
{
    struct page page = {.metrics = metrics, .source = source};
    struct exposition *e = &page.exposition;

    exposition_init(e, out, open_metrics);
    write_build(e);
    write_figures(&page);
    write_receivers(&page);
    write_store(&page);
    write_incidents(&page);
    if (slots_update(metrics->slots, source->store) == 0)
        metrics_write_processes(e, metrics->slots);
    write_requests(&page);
    write_durations(&page);
    write_single(e, "leakd_http_connections", METRIC_GAUGE, "Connections open.",
                 (double)live->connections);
    write_single(e, "leakd_http_event_clients", METRIC_GAUGE, "Clients of the event stream.",
                 (double)live->event_clients);
    write_single(e, "leakd_http_event_clients_lagged", METRIC_COUNTER,
                 "Clients of the event stream that were let go because they fell behind.",
                 (double)live->events_lagged_total);
    write_process_self(e);
    exposition_end(e);
}
