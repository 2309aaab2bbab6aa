/* SPDX-License-Identifier: MIT */
#include "daemon/store/incident_text.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/buf.h"
#include "daemon/base/json.h"
#include "daemon/store/store.h"

/* ---- writing ------------------------------------------------------------------------------- */

/* All digits: what is read back is what was there. */
static void put_double(struct json *json, const char *key, double value)
{
    char text[40];

    if (!isfinite(value)) {
        json_null(json, key);
        return;
    }
    snprintf(text, sizeof(text), "%.17g", value);
    json_raw(json, key, text, strlen(text));
}

/* 64 bits do not fit into a JSON number. */
static void put_hex(struct json *json, const char *key, uint64_t value)
{
    char text[20];

    snprintf(text, sizeof(text), "%" PRIx64, value);
    json_str(json, key, text);
}

static void put_growth(struct json *json, const char *key, const struct growth *growth)
{
    if (!growth->known)
        return;
    json_object(json, key);
    put_double(json, "estimate", growth->estimate);
    put_double(json, "lower", growth->lower);
    put_double(json, "upper", growth->upper);
    json_object_end(json);
}

static void put_forecast(struct json *json, const char *key, const struct forecast *forecast)
{
    if (!forecast->known)
        return;
    json_object(json, key);
    put_double(json, "estimate_s", forecast->estimate_s);
    put_double(json, "lower_s", forecast->lower_s);
    put_double(json, "upper_s", forecast->upper_s);
    json_object_end(json);
}

static void put_frame(struct json *json, const struct frozen_frame *frame)
{
    json_object(json, NULL);
    json_u64(json, "kind", frame->kind);
    json_bool(json, "inlined", frame->inlined);
    json_str(json, "function", frame->function);
    json_str(json, "file", frame->file);
    json_str(json, "module", frame->module);
    json_u64(json, "line", frame->line);
    json_object_end(json);
}

static void put_site(struct json *json, const struct frozen_site *site)
{
    json_object(json, NULL);
    json_str(json, "id", site->id);
    json_str(json, "fingerprint", site->fingerprint);
    json_str(json, "verdict", verdict_name(site->verdict));
    put_growth(json, "growth", &site->growth);
    json_u64(json, "live_bytes", site->live_bytes);
    json_u64(json, "live_count", site->live_count);
    json_u64(json, "oldest_age_ms", site->oldest_age_ms);
    json_array(json, "frames");
    for (size_t i = 0; i < site->frame_count; i++)
        put_frame(json, &site->frames[i]);
    json_array_end(json);
    json_object_end(json);
}

static void put_type(struct json *json, const struct frozen_type *type)
{
    json_object(json, NULL);
    json_str(json, "name", type->name);
    put_growth(json, "growth", &type->growth);
    json_u64(json, "live_bytes", type->live_bytes);
    json_u64(json, "live_count", type->live_count);
    json_object_end(json);
}

static void put_retainer(struct json *json, const struct retainer *retainer)
{
    json_object(json, NULL);
    json_str(json, "type", retainer->type);
    put_double(json, "share", retainer->share);
    json_u64(json, "sampled", retainer->sampled);
    json_array(json, "path");
    for (size_t i = 0; i < retainer->step_count; i++)
        json_str(json, NULL, retainer->steps[i]);
    json_array_end(json);
    json_object_end(json);
}

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
        json_i64(json, "http_status", delivery->http_status);
        json_bool(json, "delivered", delivery->delivered);
        json_u64(json, "at_wall_ms", delivery->at_wall_ms);
        json_str(json, "error", delivery->error);
        json_object_end(json);
    }
    json_array_end(json);
}

static void put_process(struct json *json, const struct incident *incident)
{
    json_str(json, "process_id", incident->process_id);
    json_str(json, "process_name", incident->process_name);
    json_str(json, "unit", incident->unit);
    json_str(json, "exe", incident->exe);
    json_i64(json, "pid", incident->pid);
    put_hex(json, "start_ticks", incident->start_ticks);
    put_hex(json, "instance", incident->instance);
    json_str(json, "boot_id", incident->boot_id);
}

static void put_members(struct json *json, const struct incident *incident)
{
    json_u64(json, "process_count", incident->process_count);
    json_array(json, "processes");
    for (size_t i = 0; i < incident->member_count; i++) {
        const struct incident_member *member = &incident->members[i];

        json_object(json, NULL);
        json_str(json, "id", member->process_id);
        json_str(json, "name", member->name);
        json_i64(json, "pid", member->pid);
        put_hex(json, "start_ticks", member->start_ticks);
        put_hex(json, "instance", member->instance);
        json_str(json, "boot_id", member->boot_id);
        json_str(json, "state", member_state_name(member->state));
        json_object_end(json);
    }
    json_array_end(json);
}

static void put_state(struct json *json, const struct incident *incident)
{
    json_str(json, "id", incident->id);
    json_str(json, "fingerprint", incident->fingerprint);
    json_bool(json, "provisional", incident->is_provisional);
    json_bool(json, "told", incident->is_told);
    json_str(json, "state", incident_state_name(incident->state));
    json_str(json, "severity", incident->severity);
    json_str(json, "verdict", verdict_name(incident->verdict));
    json_u64(json, "opened_wall_ms", incident->opened_wall_ms);
    json_u64(json, "resolved_wall_ms", incident->resolved_wall_ms);
    json_str(json, "summary", incident->summary);
    json_str(json, "end", incident->end);
    json_str(json, "end_state", incident->end_state);
    json_u64(json, "end_wall_ms", incident->end_wall_ms);
    json_u64(json, "since_wall_ms", incident->since_wall_ms);
    json_u64(json, "until_wall_ms", incident->until_wall_ms);
    json_u64(json, "acted_wall_ms", incident->acted_wall_ms);
    json_str(json, "release", incident->release);
    json_str(json, "host", incident->host);
}

static void put_blame(struct json *json, const struct incident_blame *blame)
{
    json_object(json, "blame");
    put_double(json, "share", blame->share);
    json_str(json, "place", blame->place);
    json_str(json, "type", blame->type);
    json_object_end(json);
}

static void put_past(struct json *json, const struct incident_past *past)
{
    json_object(json, "past");
    json_u64(json, "count", past->count);
    json_u64(json, "first_wall_ms", past->first_wall_ms);
    json_str(json, "first_release", past->first_release);
    json_str(json, "last_id", past->last_id);
    json_str(json, "last_release", past->last_release);
    json_str(json, "again_release", past->again_release);
    json_object_end(json);
}

static void put_notes(struct json *json, const struct incident *incident)
{
    json_array(json, "notes");
    for (size_t i = 0; i < incident->note_count; i++) {
        const struct incident_note *note = &incident->notes[i];

        json_object(json, NULL);
        json_u64(json, "at_wall_ms", note->at_wall_ms);
        json_str(json, "what", note->what);
        json_str(json, "by", note->by);
        json_str(json, "text", note->text);
        json_object_end(json);
    }
    json_array_end(json);
}

void incident_write(const struct incident *incident, struct buf *out)
{
    struct json json;

    json_init(&json, out);
    json_object(&json, NULL);
    put_state(&json, incident);
    put_process(&json, incident);
    put_members(&json, incident);
    put_growth(&json, "growth", &incident->growth);
    put_forecast(&json, "time_to_limit", &incident->time_to_limit);
    json_u64(&json, "live_bytes", incident->live_bytes);
    json_u64(&json, "rss_bytes", incident->rss_bytes);
    json_array(&json, "sites");
    for (size_t i = 0; i < incident->site_count; i++)
        put_site(&json, &incident->sites[i]);
    json_array_end(&json);
    json_array(&json, "types");
    for (size_t i = 0; i < incident->type_count; i++)
        put_type(&json, &incident->types[i]);
    json_array_end(&json);
    json_array(&json, "retainers");
    for (size_t i = 0; i < incident->retainer_count; i++)
        put_retainer(&json, &incident->retainers[i]);
    json_array_end(&json);
    put_deliveries(&json, incident);
    put_blame(&json, &incident->blame);
    put_past(&json, &incident->past);
    put_notes(&json, incident);
    json_object_end(&json);
}

/* ---- reading ------------------------------------------------------------------------------- */

static uint64_t get_u64(const struct json_tree *object, const char *key)
{
    double value = json_get_double(object, key, 0);

    return value > 0 && value < 0x1p63 ? (uint64_t)value : 0;
}

static uint64_t get_hex(const struct json_tree *object, const char *key)
{
    return strtoull(json_get_str(object, key, "0"), NULL, 16);
}

static void get_text(const struct json_tree *object, const char *key, char *out, size_t size)
{
    snprintf(out, size, "%s", json_get_str(object, key, ""));
}

/* NULL stays NULL. */
static char *get_copy(const struct json_tree *object, const char *key, int *rc)
{
    const char *text = json_get_str(object, key, NULL);
    char *copy = text ? strdup(text) : NULL;

    if (text && !copy)
        *rc = -ENOMEM;
    return copy;
}

/* The index of a name among count names, 0 when it is none of them. */
static int get_choice(const struct json_tree *object, const char *key, const char *(*name)(int),
                      int count)
{
    const char *text = json_get_str(object, key, "");

    for (int i = 0; i < count; i++) {
        if (strcmp(text, name(i)) == 0)
            return i;
    }
    return 0;
}

static const char *state_name(int state)
{
    return incident_state_name((enum incident_state)state);
}

static const char *name_of_verdict(int verdict)
{
    return verdict_name((enum verdict)verdict);
}

/* A constant: the model does not own it. */
static const char *get_severity(const struct json_tree *object)
{
    static const char *const names[] = {"info", "warning", "critical"};
    const char *text = json_get_str(object, "severity", "");

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(text, names[i]) == 0)
            return names[i];
    }
    return names[1];
}

static struct growth get_growth(const struct json_tree *object, const char *key)
{
    const struct json_tree *growth = json_get(object, key);

    return (struct growth){.known = growth != NULL,
                           .estimate = json_get_double(growth, "estimate", 0),
                           .lower = json_get_double(growth, "lower", 0),
                           .upper = json_get_double(growth, "upper", 0)};
}

static struct forecast get_forecast(const struct json_tree *object, const char *key)
{
    const struct json_tree *forecast = json_get(object, key);

    if (!forecast)
        return (struct forecast){.known = false};
    return (struct forecast){.known = true,
                             .estimate_s = json_get_double(forecast, "estimate_s", INFINITY),
                             .lower_s = json_get_double(forecast, "lower_s", 0),
                             .upper_s = json_get_double(forecast, "upper_s", INFINITY)};
}

static void get_frame(const struct json_tree *tree, struct frozen_frame *out, int *rc)
{
    out->kind = (uint8_t)get_u64(tree, "kind");
    out->inlined = json_get_bool(tree, "inlined", false);
    out->function = get_copy(tree, "function", rc);
    out->file = get_copy(tree, "file", rc);
    out->module = get_copy(tree, "module", rc);
    out->line = (uint32_t)get_u64(tree, "line");
}

static size_t list_len(const struct json_tree *list, size_t max)
{
    size_t len = json_len(list);

    return len < max ? len : max;
}

static void get_site(const struct json_tree *tree, struct frozen_site *out, int *rc)
{
    const struct json_tree *frames = json_get(tree, "frames");

    get_text(tree, "id", out->id, sizeof(out->id));
    get_text(tree, "fingerprint", out->fingerprint, sizeof(out->fingerprint));
    out->verdict = (enum verdict)get_choice(tree, "verdict", name_of_verdict, VERDICT_RESOLVED + 1);
    out->growth = get_growth(tree, "growth");
    out->live_bytes = get_u64(tree, "live_bytes");
    out->live_count = get_u64(tree, "live_count");
    out->oldest_age_ms = (uint32_t)get_u64(tree, "oldest_age_ms");
    out->frame_count = list_len(frames, INCIDENT_FRAMES_MAX);
    for (size_t i = 0; i < out->frame_count; i++)
        get_frame(json_at(frames, i), &out->frames[i], rc);
}

/* Readers take the strings for granted. */
static char *copy_or_empty(const char *text, int *rc)
{
    char *copy = strdup(text ? text : "");

    if (!copy)
        *rc = -ENOMEM;
    return copy;
}

static void get_retainers(const struct json_tree *list, struct incident *out, int *rc)
{
    out->retainer_count = list_len(list, INCIDENT_RETAINERS_MAX);
    for (size_t i = 0; i < out->retainer_count; i++) {
        const struct json_tree *from = json_at(list, i);
        const struct json_tree *path = json_get(from, "path");
        struct retainer *retainer = &out->retainers[i];

        retainer->type = copy_or_empty(json_get_str(from, "type", NULL), rc);
        retainer->share = json_get_double(from, "share", 0);
        retainer->sampled = (uint32_t)get_u64(from, "sampled");
        retainer->step_count = list_len(path, WIRE_SNAPSHOT_STEPS_MAX);
        for (size_t j = 0; j < retainer->step_count; j++)
            retainer->steps[j] = copy_or_empty(json_text(json_at(path, j), NULL), rc);
    }
}

static void get_evidence(const struct json_tree *tree, struct incident *out, int *rc)
{
    const struct json_tree *sites = json_get(tree, "sites");
    const struct json_tree *types = json_get(tree, "types");

    out->site_count = list_len(sites, INCIDENT_SITES_MAX);
    for (size_t i = 0; i < out->site_count; i++)
        get_site(json_at(sites, i), &out->sites[i], rc);
    out->type_count = list_len(types, INCIDENT_TYPES_MAX);
    for (size_t i = 0; i < out->type_count; i++) {
        const struct json_tree *type = json_at(types, i);

        out->types[i] = (struct frozen_type){.name = get_copy(type, "name", rc),
                                             .growth = get_growth(type, "growth"),
                                             .live_bytes = get_u64(type, "live_bytes"),
                                             .live_count = get_u64(type, "live_count")};
    }
}

static void get_deliveries(const struct json_tree *tree, struct incident *out)
{
    const struct json_tree *list = json_get(tree, "deliveries");

    out->delivery_count = list_len(list, INCIDENT_DELIVERIES_MAX);
    for (size_t i = 0; i < out->delivery_count; i++) {
        const struct json_tree *from = json_at(list, i);
        struct delivery *delivery = &out->deliveries[i];

        get_text(from, "receiver", delivery->receiver, sizeof(delivery->receiver));
        get_text(from, "event", delivery->event, sizeof(delivery->event));
        get_text(from, "notice_id", delivery->notice_id, sizeof(delivery->notice_id));
        get_text(from, "error", delivery->error, sizeof(delivery->error));
        delivery->attempts = (unsigned)get_u64(from, "attempts");
        delivery->http_status = (long)get_u64(from, "http_status");
        delivery->delivered = json_get_bool(from, "delivered", false);
        delivery->at_wall_ms = get_u64(from, "at_wall_ms");
    }
}

static void get_blame(const struct json_tree *tree, struct incident_blame *out)
{
    out->share = json_get_double(tree, "share", 0);
    get_text(tree, "place", out->place, sizeof(out->place));
    get_text(tree, "type", out->type, sizeof(out->type));
}

static void get_past(const struct json_tree *tree, struct incident_past *out)
{
    out->count = get_u64(tree, "count");
    out->first_wall_ms = get_u64(tree, "first_wall_ms");
    get_text(tree, "first_release", out->first_release, sizeof(out->first_release));
    get_text(tree, "last_id", out->last_id, sizeof(out->last_id));
    get_text(tree, "last_release", out->last_release, sizeof(out->last_release));
    get_text(tree, "again_release", out->again_release, sizeof(out->again_release));
}

static void get_notes(const struct json_tree *list, struct incident *out)
{
    out->note_count = list_len(list, INCIDENT_NOTES_MAX);
    for (size_t i = 0; i < out->note_count; i++) {
        const struct json_tree *from = json_at(list, i);
        struct incident_note *note = &out->notes[i];

        note->at_wall_ms = get_u64(from, "at_wall_ms");
        get_text(from, "what", note->what, sizeof(note->what));
        get_text(from, "by", note->by, sizeof(note->by));
        get_text(from, "text", note->text, sizeof(note->text));
    }
}

static void get_process(const struct json_tree *tree, struct incident *out, int *rc)
{
    get_text(tree, "process_id", out->process_id, sizeof(out->process_id));
    get_text(tree, "boot_id", out->boot_id, sizeof(out->boot_id));
    out->process_name = get_copy(tree, "process_name", rc);
    out->unit = get_copy(tree, "unit", rc);
    out->exe = get_copy(tree, "exe", rc);
    out->pid = (pid_t)get_u64(tree, "pid");
    out->start_ticks = get_hex(tree, "start_ticks");
    out->instance = get_hex(tree, "instance");
    /* Readers take both for granted. */
    if (!out->process_name)
        out->process_name = strdup("");
    if (!out->exe)
        out->exe = strdup("");
    if (!out->process_name || !out->exe)
        *rc = -ENOMEM;
}

static const char *name_of_member_state(int state)
{
    return member_state_name((enum member_state)state);
}

static enum member_state get_member_state(const struct json_tree *tree, const char *key)
{
    return (enum member_state)get_choice(tree, key, name_of_member_state, MEMBER_UNKNOWN + 1);
}

/* Before there were lists an incident had one process; its end says how that fared. */
static enum member_state state_of_sole(const struct json_tree *tree, const struct incident *incident)
{
    if (!incident->end[0])
        return incident->state == INCIDENT_RESOLVED ? MEMBER_CALM : MEMBER_GROWING;
    return incident->end_state[0] ? get_member_state(tree, "end_state") : MEMBER_UNKNOWN;
}

static void get_members(const struct json_tree *tree, struct incident *out)
{
    const struct json_tree *list = json_get(tree, "processes");

    if (!list) {
        incident_list_sole(out, state_of_sole(tree, out));
        return;
    }
    out->process_count = get_u64(tree, "process_count");
    out->member_count = list_len(list, INCIDENT_MEMBERS_MAX);
    for (size_t i = 0; i < out->member_count; i++) {
        const struct json_tree *from = json_at(list, i);
        struct incident_member *member = &out->members[i];

        get_text(from, "id", member->process_id, sizeof(member->process_id));
        get_text(from, "name", member->name, sizeof(member->name));
        get_text(from, "boot_id", member->boot_id, sizeof(member->boot_id));
        member->pid = (pid_t)get_u64(from, "pid");
        member->start_ticks = get_hex(from, "start_ticks");
        member->instance = get_hex(from, "instance");
        member->state = get_member_state(from, "state");
    }
}

static void get_state(const struct json_tree *tree, struct incident *out)
{
    get_text(tree, "id", out->id, sizeof(out->id));
    get_text(tree, "fingerprint", out->fingerprint, sizeof(out->fingerprint));
    get_text(tree, "summary", out->summary, sizeof(out->summary));
    get_text(tree, "end", out->end, sizeof(out->end));
    out->is_provisional = json_get_bool(tree, "provisional", false);
    out->is_told = json_get_bool(tree, "told", true);
    out->state = (enum incident_state)get_choice(tree, "state", state_name, INCIDENT_RESOLVED + 1);
    out->verdict = (enum verdict)get_choice(tree, "verdict", name_of_verdict, VERDICT_RESOLVED + 1);
    out->severity = get_severity(tree);
    get_text(tree, "end_state", out->end_state, sizeof(out->end_state));
    get_text(tree, "release", out->release, sizeof(out->release));
    get_text(tree, "host", out->host, sizeof(out->host));
    out->end_wall_ms = get_u64(tree, "end_wall_ms");
    out->since_wall_ms = get_u64(tree, "since_wall_ms");
    out->until_wall_ms = get_u64(tree, "until_wall_ms");
    out->acted_wall_ms = get_u64(tree, "acted_wall_ms");
    out->opened_wall_ms = get_u64(tree, "opened_wall_ms");
    out->resolved_wall_ms = get_u64(tree, "resolved_wall_ms");
}

static int get_incident(const struct json_tree *tree, struct incident *out)
{
    int rc = 0;

    get_state(tree, out);
    get_process(tree, out, &rc);
    get_members(tree, out);
    get_evidence(tree, out, &rc);
    get_retainers(json_get(tree, "retainers"), out, &rc);
    get_deliveries(tree, out);
    get_blame(json_get(tree, "blame"), &out->blame);
    get_past(json_get(tree, "past"), &out->past);
    get_notes(json_get(tree, "notes"), out);
    out->growth = get_growth(tree, "growth");
    out->time_to_limit = get_forecast(tree, "time_to_limit");
    out->live_bytes = get_u64(tree, "live_bytes");
    out->rss_bytes = get_u64(tree, "rss_bytes");
    out->revision = 1;
    if (rc == 0 && (!out->id[0] || out->opened_wall_ms == 0))
        rc = -EBADMSG;
    return rc;
}

int incident_read(const char *text, size_t len, struct incident **out)
{
    struct incident *incident;
    struct json_tree *tree;
    char error[128];
    int rc;

    tree = json_parse(text, len, error, sizeof(error));
    if (!tree)
        return -EBADMSG;
    incident = calloc(1, sizeof(*incident));
    rc = incident ? get_incident(tree, incident) : -ENOMEM;
    json_tree_free(tree);
    if (rc < 0) {
        incident_free(incident);
        return rc;
    }
    *out = incident;
    return 0;
}
