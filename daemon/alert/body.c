/* SPDX-License-Identifier: MIT */
/* The JSON body of a notice. Names come from programs and may be of any length. */
#include <string.h>

#include "daemon/alert/alert.h"
#include "daemon/alert/kind.h"
#include "daemon/base/buf.h"
#include "daemon/base/json.h"

/* What is written of a notice; tried from the top until the body fits. The last one always does:
 * every byte of a text grows sixfold at most. */
struct room {
    size_t frames_max;
    size_t text_max;
};

static const struct room rooms[] = {{NOTICE_FRAMES_MAX, 300}, {8, 160}, {4, 100}, {1, 48}};

/* Text cut to the room; NULL is null. */
static void put_text(struct json *json, const struct room *room, const char *key, const char *text)
{
    if (text)
        json_strn(json, key, text, text_fit(text, room->text_max));
    else
        json_null(json, key);
}

static void put_growth(struct json *json, const struct growth *growth)
{
    if (!growth->known) {
        json_null(json, "growth_bytes_per_s");
        return;
    }
    json_object(json, "growth_bytes_per_s");
    json_double(json, "estimate", growth->estimate);
    json_double(json, "lower", growth->lower);
    json_double(json, "upper", growth->upper);
    json_object_end(json);
}

static void put_forecast(struct json *json, const struct forecast *forecast)
{
    if (!forecast->known) {
        json_null(json, "time_to_limit_s");
        return;
    }
    json_object(json, "time_to_limit_s");
    json_double(json, "estimate", forecast->estimate_s);
    json_double(json, "lower", forecast->lower_s);
    json_double(json, "upper", forecast->upper_s);
    json_object_end(json);
}

static void put_frame(struct json *json, const struct room *room, const char *key,
                      const struct notice_frame *frame)
{
    json_object(json, key);
    json_str(json, "language", frame->python ? "python" : "native");
    put_text(json, room, "function", frame->function);
    put_text(json, room, "file", frame->file);
    if (frame->line > 0)
        json_u64(json, "line", frame->line);
    else
        json_null(json, "line");
    put_text(json, room, "module", frame->module);
    json_object_end(json);
}

static void put_site(struct json *json, const struct room *room, const struct notice_site *site)
{
    json_object(json, NULL);
    put_growth(json, &site->growth);
    json_u64(json, "live_bytes", site->live_bytes);
    if (site->culprit < site->frame_count)
        put_frame(json, room, "culprit", &site->frames[site->culprit]);
    else
        json_null(json, "culprit");
    json_array(json, "frames");
    for (size_t i = 0; i < site->frame_count && i < room->frames_max; i++)
        put_frame(json, room, NULL, &site->frames[i]);
    json_array_end(json);
    json_object_end(json);
}

static void put_type(struct json *json, const struct room *room, const struct notice_type *type)
{
    json_object(json, NULL);
    put_text(json, room, "name", type->name);
    put_growth(json, &type->growth);
    json_u64(json, "live_bytes", type->live_bytes);
    json_u64(json, "live_count", type->live_count);
    json_object_end(json);
}

static void put_process(struct json *json, const struct room *room, const struct notice *notice)
{
    json_object(json, "process");
    put_text(json, room, "id", notice->process_id);
    json_i64(json, "pid", notice->pid);
    put_text(json, room, "name", notice->process_name);
    put_text(json, room, "unit", notice->unit);
    put_text(json, room, "exe", notice->exe);
    json_object_end(json);
}

static void put_data(struct json *json, const struct room *room, const struct notice *notice,
                     const char *link)
{
    json_object(json, "data");
    put_text(json, room, "incident_id", notice->incident_id);
    put_text(json, room, "fingerprint", notice->fingerprint);
    put_text(json, room, "state", notice->state);
    json_str(json, "severity", conf_severity_name(notice->severity));
    put_text(json, room, "verdict", notice->verdict);
    put_text(json, room, "summary", notice->summary);
    put_text(json, room, "host", notice->host);
    put_text(json, room, "group", notice->group_key);
    json_u64(json, "group_count", notice->group_count);
    json_u64(json, "opened_ms", notice->opened_wall_ms);
    json_str(json, "link", link);
    put_process(json, room, notice);
    json_u64(json, "process_count", notice->process_count);
    json_u64(json, "live_bytes", notice->live_bytes);
    json_u64(json, "rss_bytes", notice->rss_bytes);
    put_growth(json, &notice->growth);
    put_forecast(json, &notice->time_to_limit);
    json_array(json, "sites");
    for (size_t i = 0; i < notice->site_count && i < NOTICE_SITES_MAX; i++)
        put_site(json, room, &notice->sites[i]);
    json_array_end(json);
    json_array(json, "types");
    for (size_t i = 0; i < notice->type_count && i < NOTICE_TYPES_MAX; i++)
        put_type(json, room, &notice->types[i]);
    json_array_end(json);
    json_object_end(json);
}

void alert_write_body(const struct notice *notice, const char *link, struct buf *out)
{
    size_t start = out->len;
    char timestamp[48];
    struct json json;

    time_text(notice->event_wall_ms, timestamp, sizeof(timestamp));
    for (size_t i = 0; i < sizeof(rooms) / sizeof(rooms[0]); i++) {
        if (out->data)
            out->data[start] = '\0';
        out->len = start;
        json_init(&json, out);
        json_object(&json, NULL);
        json_str(&json, "type", notice_event_name(notice->event));
        json_str(&json, "timestamp", timestamp);
        put_data(&json, &rooms[i], notice, link);
        json_object_end(&json);
        if (out->failed || out->len - start <= ALERT_BODY_MAX)
            return;
    }
}
