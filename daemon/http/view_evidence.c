/* SPDX-License-Identifier: MIT */
/* Growth, sites, frames and types: living ones, and those frozen in an incident. */
#include "daemon/http/view.h"

#include <inttypes.h>
#include <stdio.h>

void view_growth(struct json *json, const char *key, const struct growth *growth)
{
    if (!growth->known) {
        json_null(json, key);
        return;
    }
    json_object(json, key);
    json_double(json, "estimate", growth->estimate);
    json_double(json, "lower", growth->lower);
    json_double(json, "upper", growth->upper);
    json_object_end(json);
}

void view_forecast(struct json *json, const char *key, const struct forecast *forecast)
{
    if (!forecast->known) {
        json_null(json, key);
        return;
    }
    json_object(json, key);
    json_double(json, "estimate", forecast->estimate_s);
    json_double(json, "lower", forecast->lower_s);
    json_double(json, "upper", forecast->upper_s);
    json_object_end(json);
}

void view_time(struct json *json, const char *key, uint64_t wall_ms)
{
    if (wall_ms)
        json_u64(json, key, wall_ms);
    else
        json_null(json, key);
}

static void put_line(struct json *json, uint32_t line)
{
    if (line)
        json_u64(json, "line", line);
    else
        json_null(json, "line");
}

/* A function without a name is shown by where it is. */
static void put_function(struct json *json, const char *key, const struct frame *frame)
{
    char text[320];

    if (frame->function) {
        json_str(json, key, frame->function);
        return;
    }
    view_place_name(frame, text, sizeof(text));
    json_str(json, key, text);
}

void view_place_name(const struct frame *frame, char *out, size_t size)
{
    if (frame->function)
        snprintf(out, size, "%s", frame->function);
    else if (frame->module)
        snprintf(out, size, "%.255s+0x%" PRIx64, frame->module, frame->offset);
    else
        snprintf(out, size, "0x%" PRIx64, frame->offset);
}

static const char *language(unsigned kind)
{
    return kind == WIRE_FRAME_PYTHON ? "python" : "native";
}

void view_place(struct json *json, const char *key, const struct frame *frame)
{
    put_function(json, key, frame);
    json_str(json, "file", frame->file);
    put_line(json, frame->line);
    json_str(json, "module", frame->module);
    json_str(json, "language", language(frame->kind));
}

static void put_frame(struct json *json, const struct frame *frame)
{
    json_object(json, NULL);
    json_str(json, "language", language(frame->kind));
    put_function(json, "function", frame);
    json_str(json, "file", frame->file);
    put_line(json, frame->line);
    json_str(json, "module", frame->module);
    json_bool(json, "inlined", frame->inlined);
    json_bool(json, "named", frame->function != NULL);
    json_object_end(json);
}

void view_culprit_frame(struct json *json, const char *key, const struct frame *frame)
{
    if (!frame) {
        json_null(json, key);
        return;
    }
    json_object(json, key);
    put_function(json, "function", frame);
    json_str(json, "file", frame->file);
    put_line(json, frame->line);
    json_str(json, "module", frame->module);
    json_object_end(json);
}

static void put_age(struct json *json, uint32_t oldest_age_ms)
{
    json_double(json, "oldest_s", (double)oldest_age_ms / 1000);
}

static const char *domain_name(unsigned domain)
{
    static const char *const names[WIRE_DOMAINS] = {"native", "python", "mmap"};

    return domain < WIRE_DOMAINS ? names[domain] : "unknown";
}

void view_site(struct json *json, const char *key, const struct http_source *source,
               const struct process *process, const struct site *site)
{
    struct frame frames[VIEW_FRAMES_MAX];
    size_t count = query_frames(source->store, process, site, frames, VIEW_FRAMES_MAX);
    char id[16];

    snprintf(id, sizeof(id), "%" PRIu32, site->id);
    json_object(json, key);
    json_str(json, "id", id);
    json_str(json, "fingerprint", site->fingerprint);
    json_str(json, "kind", query_site_kind(site));
    json_str(json, "verdict", verdict_name(site->verdict));
    view_growth(json, "growth_bytes_per_s", &site->growth);
    json_u64(json, "live_bytes", site_live_bytes(site));
    json_u64(json, "live_count", site_live_count(site));
    put_age(json, site->oldest_age_ms);
    json_array(json, "frames");
    for (size_t i = 0; i < count; i++)
        put_frame(json, &frames[i]);
    json_array_end(json);
    view_culprit_frame(json, "culprit", query_culprit(frames, count));
    json_str(json, "domain", domain_name(site->domain));
    json_u64(json, "alloc_bytes", site->alloc_bytes);
    json_u64(json, "free_bytes", site->free_bytes);
    json_u64(json, "alloc_count", site->alloc_count);
    json_u64(json, "free_count", site->free_count);
    json_u64(json, "live_samples", site->live_samples);
    json_bool(json, "truncated", (site->flags & WIRE_SITE_TRUNCATED) != 0);
    json_object_end(json);
}

void view_culprit(struct json *json, const char *key, const struct http_source *source,
                  const struct process *process)
{
    struct frame frames[VIEW_FRAMES_MAX];
    const struct site *top;
    size_t count;

    /* While nothing grows there is no culprit, and most processes are asked no more than this. */
    if (process->verdict == VERDICT_LEARNING || process->verdict == VERDICT_OK ||
        query_sites(process, ORDER_GROWTH, &top, 1) == 0 || !top->growth.known ||
        top->growth.estimate <= 0) {
        json_null(json, key);
        return;
    }
    count = query_frames(source->store, process, top, frames, VIEW_FRAMES_MAX);
    view_culprit_frame(json, key, query_culprit(frames, count));
}

/* A snapshot's count is exact, and as old as the snapshot: a minute later samples know better. */
#define EXACT_FOR_MS 60000u

static const struct snapshot_type *find_exact(const struct http_source *source,
                                              const struct process *process, const char *name)
{
    const struct snapshot *last = query_last_snapshot(process);

    if (!last || source->now_wall_ms() > last->ended_wall_ms + EXACT_FOR_MS)
        return NULL;
    return query_snapshot_type(last, name);
}

void view_type(struct json *json, const char *key, const struct http_source *source,
               const struct process *process, const struct type *type)
{
    const char *name = query_name(process, type->name_id);
    const struct snapshot_type *exact = find_exact(source, process, name);

    json_object(json, key);
    json_str(json, "name", name);
    json_u64(json, "live_bytes", exact ? exact->bytes : type->live_bytes);
    json_u64(json, "live_count", exact ? exact->count : type->live_count);
    view_growth(json, "growth_bytes_per_s", &type->growth);
    json_str(json, "source", exact ? "snapshot" : "sampled");
    json_str(json, "verdict", verdict_name(type->verdict));
    json_u64(json, "live_samples", type->live_samples);
    json_object_end(json);
}

static void put_frozen_frame(struct json *json, const struct frozen_frame *frame)
{
    json_object(json, NULL);
    json_str(json, "language", language(frame->kind));
    json_str(json, "function",
             frame->function ? frame->function
             : frame->module ? frame->module
                             : "unknown");
    json_str(json, "file", frame->file);
    put_line(json, frame->line);
    json_str(json, "module", frame->module);
    json_bool(json, "inlined", frame->inlined);
    json_bool(json, "named", frame->function != NULL);
    json_object_end(json);
}

static const char *frozen_kind(const struct frozen_site *site)
{
    size_t python = 0;

    for (size_t i = 0; i < site->frame_count; i++)
        python += site->frames[i].kind == WIRE_FRAME_PYTHON;
    return python == 0 ? "native" : python == site->frame_count ? "python" : "mixed";
}

/* query_culprit reads frames of the living kind. */
static void put_frozen_culprit(struct json *json, const struct frozen_site *site)
{
    struct frame frames[INCIDENT_FRAMES_MAX];

    for (size_t i = 0; i < site->frame_count; i++) {
        const struct frozen_frame *from = &site->frames[i];

        frames[i] = (struct frame){.kind = from->kind,
                                   .inlined = from->inlined,
                                   .function = from->function,
                                   .file = from->file,
                                   .line = from->line,
                                   .module = from->module};
    }
    view_culprit_frame(json, "culprit", query_culprit(frames, site->frame_count));
}

void view_frozen_site(struct json *json, const char *key, const struct frozen_site *site)
{
    json_object(json, key);
    json_str(json, "id", site->id);
    json_str(json, "fingerprint", site->fingerprint);
    json_str(json, "kind", frozen_kind(site));
    json_str(json, "verdict", verdict_name(site->verdict));
    view_growth(json, "growth_bytes_per_s", &site->growth);
    json_u64(json, "live_bytes", site->live_bytes);
    json_u64(json, "live_count", site->live_count);
    put_age(json, site->oldest_age_ms);
    json_array(json, "frames");
    for (size_t i = 0; i < site->frame_count; i++)
        put_frozen_frame(json, &site->frames[i]);
    json_array_end(json);
    put_frozen_culprit(json, site);
    json_object_end(json);
}

void view_frozen_type(struct json *json, const char *key, const struct frozen_type *type)
{
    json_object(json, key);
    json_str(json, "name", type->name);
    json_u64(json, "live_bytes", type->live_bytes);
    json_u64(json, "live_count", type->live_count);
    view_growth(json, "growth_bytes_per_s", &type->growth);
    json_str(json, "source", "sampled");
    json_object_end(json);
}
