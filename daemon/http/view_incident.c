/* SPDX-License-Identifier: MIT */
/* The shapes Incident and Status. */
#include "daemon/http/view.h"

#include <string.h>
#include <unistd.h>

#include "daemon/base/procfs.h"
#include "leakd_version.h"

static void put_deliveries(struct json *json, const struct incident *incident)
{
    json_array(json, "deliveries");
    for (size_t i = 0; i < incident->delivery_count; i++) {
        const struct delivery *delivery = &incident->deliveries[i];

        json_object(json, NULL);
        json_str(json, "receiver", delivery->receiver);
        json_str(json, "event", delivery->event);
        json_str(json, "notice_id", delivery->notice_id);
        json_u64(json, "attempts", delivery->attempts);
        if (delivery->http_status > 0)
            json_i64(json, "http_status", delivery->http_status);
        else
            json_null(json, "http_status");
        json_bool(json, "delivered", delivery->delivered);
        view_time(json, "at_ms", delivery->at_wall_ms);
        json_str(json, "error", delivery->error[0] ? delivery->error : NULL);
        json_object_end(json);
    }
    json_array_end(json);
}

/* The process's state by the incident's word alone. */
static const char *state_of_gone(const struct incident *incident)
{
    static const enum process_state states[] = {PROCESS_EXITED, PROCESS_KILLED, PROCESS_OOM_KILLED};

    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        if (strcmp(incident->end_state, process_state_name(states[i])) == 0)
            return process_state_name(states[i]);
    }
    return process_state_name(incident->end[0] ? PROCESS_EXITED : PROCESS_LOST);
}

/* The process is forgotten already: what the incident froze, in the same shape. */
static void put_gone_process(struct json *json, const struct incident *incident)
{
    json_object(json, "process");
    json_str(json, "id", incident->process_id);
    json_i64(json, "pid", incident->pid);
    json_str(json, "name", incident->process_name);
    json_str(json, "unit", incident->unit);
    json_str(json, "exe", incident->exe);
    json_str(json, "runtime", "");
    json_str(json, "state", state_of_gone(incident));
    json_str(json, "verdict", verdict_name(incident->verdict));
    json_null(json, "since_ms");
    json_str(json, "summary", incident->summary);
    view_growth(json, "growth_bytes_per_s", &incident->growth);
    json_u64(json, "live_bytes", incident->live_bytes);
    json_u64(json, "rss_bytes", incident->rss_bytes);
    json_null(json, "limit_bytes");
    json_null(json, "time_to_limit_s");
    json_u64(json, "alloc_bytes_total", 0);
    json_u64(json, "free_bytes_total", 0);
    json_u64(json, "alloc_count_total", 0);
    json_u64(json, "sample_period_bytes", 0);
    json_u64(json, "started_ms", 0);
    json_object(json, "labels");
    json_object_end(json);
    json_bool(json, "forgotten", true);
    json_object_end(json);
}

static void put_process(struct json *json, const struct http_source *source,
                        const struct incident *incident)
{
    const struct process *process = query_process(source->store, incident->process_id);

    if (process)
        view_process(json, "process", source, process);
    else
        put_gone_process(json, incident);
}

static void put_members(struct json *json, const struct incident *incident)
{
    json_array(json, "processes");
    for (size_t i = 0; i < incident->member_count; i++) {
        const struct incident_member *member = &incident->members[i];

        json_object(json, NULL);
        json_str(json, "id", member->process_id);
        json_i64(json, "pid", member->pid);
        json_str(json, "name", member->name);
        json_str(json, "state", member_state_name(member->state));
        json_object_end(json);
    }
    json_array_end(json);
    json_u64(json, "process_count", incident->process_count);
}

static void put_evidence(struct json *json, const struct incident *incident)
{
    json_array(json, "sites");
    for (size_t i = 0; i < incident->site_count; i++)
        view_frozen_site(json, NULL, &incident->sites[i]);
    json_array_end(json);
    json_array(json, "types");
    for (size_t i = 0; i < incident->type_count; i++)
        view_frozen_type(json, NULL, &incident->types[i]);
    json_array_end(json);
    json_array(json, "retainers");
    for (size_t i = 0; i < incident->retainer_count; i++)
        view_retainer(json, NULL, &incident->retainers[i]);
    json_array_end(json);
}

static void put_end(struct json *json, const struct incident *incident)
{
    json_str(json, "end", incident->end[0] ? incident->end : NULL);
    json_str(json, "end_state", incident->end_state[0] ? incident->end_state : NULL);
    view_time(json, "ended_ms", incident->end_wall_ms);
}

static void put_blame(struct json *json, const struct incident_blame *blame)
{
    if (!blame->place[0]) {
        json_null(json, "blame");
        return;
    }
    json_object(json, "blame");
    json_double(json, "share", blame->share);
    json_str(json, "place", blame->place);
    json_str(json, "type", blame->type[0] ? blame->type : NULL);
    json_object_end(json);
}

static void put_past(struct json *json, const struct incident_past *past)
{
    if (past->count == 0) {
        json_null(json, "seen_before");
        return;
    }
    json_object(json, "seen_before");
    json_u64(json, "count", past->count);
    json_u64(json, "first_ms", past->first_wall_ms);
    json_str(json, "first_release", past->first_release);
    json_str(json, "last_id", past->last_id);
    json_str(json, "last_release", past->last_release);
    json_str(json, "again_since", past->again_release[0] ? past->again_release : NULL);
    json_object_end(json);
}

static void put_notes(struct json *json, const struct incident *incident)
{
    json_array(json, "log");
    for (size_t i = 0; i < incident->note_count; i++) {
        const struct incident_note *note = &incident->notes[i];

        json_object(json, NULL);
        json_u64(json, "at_ms", note->at_wall_ms);
        json_str(json, "what", note->what);
        json_str(json, "by", note->by);
        json_str(json, "text", note->text);
        json_object_end(json);
    }
    json_array_end(json);
}

#define HISTORY_GIVEN_MAX 50

void view_history(struct json *json, const char *key, const struct store *store,
                  const struct incident *incident)
{
    size_t given = 0;

    json_array(json, key);
    for (size_t i = 0; i < query_incident_count(store) && given < HISTORY_GIVEN_MAX; i++) {
        const struct incident *other = query_incident_at(store, i);

        if (other == incident || strcmp(other->fingerprint, incident->fingerprint) != 0)
            continue;
        json_object(json, NULL);
        json_str(json, "id", other->id);
        json_str(json, "state", incident_state_name(other->state));
        json_u64(json, "opened_ms", other->opened_wall_ms);
        view_time(json, "resolved_ms", other->resolved_wall_ms);
        json_str(json, "release", other->release);
        json_str(json, "host", other->host);
        json_str(json, "unit", other->unit);
        json_str(json, "end", other->end[0] ? other->end : NULL);
        json_object_end(json);
        given++;
    }
    json_array_end(json);
}

void view_mark(struct json *json, const char *key, const struct operator_mark *mark)
{
    json_object(json, key);
    json_str(json, "id", mark->id);
    json_u64(json, "at_ms", mark->at_wall_ms);
    json_str(json, "kind", mark->is_release ? "release" : "event");
    json_str(json, "text", mark->text);
    json_str(json, "unit", mark->unit[0] ? mark->unit : NULL);
    json_str(json, "process_id", mark->process_id[0] ? mark->process_id : NULL);
    json_str(json, "by", mark->by);
    json_bool(json, "stored", mark->is_stored);
    json_object_end(json);
}

void view_incident_fields(struct json *json, const struct http_source *source,
                          const struct incident *incident)
{
    json_str(json, "id", incident->id);
    json_str(json, "fingerprint", incident->fingerprint);
    json_str(json, "state", incident_state_name(incident->state));
    json_str(json, "severity", incident->severity);
    json_str(json, "verdict", verdict_name(incident->verdict));
    json_u64(json, "opened_ms", incident->opened_wall_ms);
    view_time(json, "resolved_ms", incident->resolved_wall_ms);
    put_process(json, source, incident);
    json_str(json, "summary", incident->summary);
    put_members(json, incident);
    put_end(json, incident);
    view_time(json, "since_ms", incident->since_wall_ms);
    view_time(json, "until_ms", incident->until_wall_ms);
    json_str(json, "release", incident->release);
    json_str(json, "host", incident->host);
    put_blame(json, &incident->blame);
    put_past(json, &incident->past);
    put_notes(json, incident);
    view_growth(json, "growth_bytes_per_s", &incident->growth);
    view_forecast(json, "time_to_limit_s", &incident->time_to_limit);
    json_u64(json, "live_bytes", incident->live_bytes);
    json_u64(json, "rss_bytes", incident->rss_bytes);
    json_bool(json, "stored",
              incident->stored_revision > 0 &&
                  incident->stored_revision >= incident->state_revision);
    put_evidence(json, incident);
    put_deliveries(json, incident);
}

void view_incident(struct json *json, const char *key, const struct http_source *source,
                   const struct incident *incident)
{
    json_object(json, key);
    view_incident_fields(json, source, incident);
    json_object_end(json);
}

static void put_store(struct json *json, const struct http_source *source)
{
    struct store_stats stats;

    query_stats(source->store, &stats);
    json_u64(json, "processes", stats.processes);
    json_u64(json, "processes_watching", stats.processes_watching);
    json_u64(json, "incidents", query_incident_count(source->store));
    json_u64(json, "incidents_open", stats.incidents_open);
    json_u64(json, "sites", stats.sites);
    json_u64(json, "store_bytes", stats.bytes);
}

static void put_storage(struct json *json, const struct http_figures *figures)
{
    bool degraded = figures->storage_problem && figures->storage_problem[0];

    json_object(json, "storage");
    json_str(json, "state", degraded ? "degraded" : "ok");
    json_str(json, "problem", degraded ? figures->storage_problem : NULL);
    json_u64(json, "bytes", figures->storage_bytes);
    json_u64(json, "history_bytes", figures->history_bytes);
    json_u64(json, "incidents_unstored", figures->incidents_unstored);
    json_u64(json, "samples_left_out_total", figures->history_left_out_total);
    json_u64(json, "damaged_files_total", figures->storage_damaged_total);
    json_object_end(json);
}

static void put_figures(struct json *json, const struct http_source *source)
{
    struct http_figures figures = {0};

    source->figures(source->arg, &figures);
    json_u64(json, "agents_connected", figures.agents_connected);
    json_u64(json, "frames_total", figures.frames_total);
    json_u64(json, "bad_frames_total", figures.bad_frames_total);
    json_u64(json, "refused_connections_total", figures.refused_connections_total);
    json_object(json, "notices");
    json_u64(json, "queued", figures.notices_queued);
    json_u64(json, "delivered_total", figures.notices_delivered_total);
    json_u64(json, "failed_total", figures.notices_failed_total);
    json_u64(json, "given_up_total", figures.notices_given_up_total);
    json_object_end(json);
    put_storage(json, &figures);
}

void view_status(struct json *json, const char *key, const struct http_source *source,
                 uint64_t started_wall_ms, size_t event_clients)
{
    struct procfs_self self = {0};
    char host[256] = "";

    /* A name that does not fit is cut without a NUL. */
    gethostname(host, sizeof(host) - 1);
    procfs_read_self(&procfs_host, &self);
    json_object(json, key);
    json_str(json, "version", LEAKD_VERSION);
    json_str(json, "host", host);
    json_u64(json, "now_ms", source->now_wall_ms());
    json_u64(json, "started_ms", started_wall_ms);
    put_store(json, source);
    put_figures(json, source);
    json_u64(json, "event_clients", event_clients);
    json_u64(json, "rss_bytes", self.rss_bytes);
    json_double(json, "cpu_seconds_total", self.cpu_seconds);
    json_object_end(json);
}
