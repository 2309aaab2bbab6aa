/* SPDX-License-Identifier: MIT */
/* Snapshots and who keeps objects alive. */
#include "daemon/http/view.h"

void view_retainer(struct json *json, const char *key, const struct retainer *retainer)
{
    json_object(json, key);
    json_str(json, "type", retainer->type);
    json_double(json, "share", retainer->share);
    json_u64(json, "sampled", retainer->sampled);
    json_array(json, "path");
    for (size_t i = 0; i < retainer->step_count; i++)
        json_str(json, NULL, retainer->steps[i]);
    json_array_end(json);
    json_object_end(json);
}

static void put_types(struct json *json, const struct snapshot *snapshot)
{
    json_array(json, "types");
    for (size_t i = 0; i < snapshot->type_count; i++) {
        json_object(json, NULL);
        json_str(json, "name", snapshot->types[i].name);
        json_u64(json, "live_bytes", snapshot->types[i].bytes);
        json_u64(json, "live_count", snapshot->types[i].count);
        json_null(json, "growth_bytes_per_s");
        json_str(json, "source", "snapshot");
        json_object_end(json);
    }
    json_array_end(json);
}

static void put_retainers(struct json *json, const struct snapshot *snapshot)
{
    json_array(json, "retainers");
    for (size_t i = 0; i < snapshot->retainer_count; i++)
        view_retainer(json, NULL, &snapshot->retainers[i]);
    json_array_end(json);
}

static void put_time_ns(struct json *json, const char *key, uint64_t ns)
{
    if (ns)
        json_u64(json, key, ns / 1000);
    else
        json_null(json, key);
}

void view_snapshot(struct json *json, const char *key, const struct snapshot *snapshot, bool whole)
{
    json_object(json, key);
    json_u64(json, "number", snapshot->number);
    json_str(json, "state", snapshot_state_name(snapshot->state));
    json_str(json, "reason", snapshot->reason[0] ? snapshot->reason : NULL);
    view_time(json, "requested_ms", snapshot->requested_wall_ms);
    view_time(json, "ended_ms", snapshot->ended_wall_ms);
    put_time_ns(json, "pause_us", snapshot->pause_ns);
    put_time_ns(json, "duration_us", snapshot->duration_ns);
    json_u64(json, "objects", snapshot->objects);
    json_u64(json, "bytes", snapshot->bytes);
    json_bool(json, "partial", snapshot->is_cut);
    if (whole) {
        put_types(json, snapshot);
        put_retainers(json, snapshot);
    }
    json_object_end(json);
}
