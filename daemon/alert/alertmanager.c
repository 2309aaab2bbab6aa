/* SPDX-License-Identifier: MIT */
/*
 * Alertmanager's POST /api/v2/alerts: a list of alerts, each known by its labels alone, so that
 * nothing which changes is a label. What is open is said to end in four minutes and told again
 * every minute; what ended has its end in the past and is told again for five.
 */
#include <errno.h>
#include <string.h>

#include "daemon/alert/kind.h"
#include "daemon/alert/sign.h"
#include "daemon/base/json.h"

#define BELIEVED_MS UINT64_C(240000) /* four times the time between reminders */

static const char *alert_name(const struct outbox_item *item, const struct json_tree *data)
{
    switch (item->event) {
    case NOTICE_STORAGE_DEGRADED:
    case NOTICE_STORAGE_RECOVERED:
        return "LeakdStorageDegraded";
    case NOTICE_TEST:
        return "LeakdTest";
    default:
        return !strcmp(json_get_str(data, "verdict", ""), "fragmentation") ? "MemoryFragmentation"
                                                                           : "MemoryLeak";
    }
}

/* An empty label is none. */
static void put_some(struct json *json, const char *key, const char *value)
{
    if (value && value[0])
        json_str(json, key, value);
}

static void put_labels(struct json *json, const struct outbox_item *item,
                       const struct json_tree *data)
{
    const struct json_tree *process = json_get(data, "process");

    json_object(json, "labels");
    json_str(json, "alertname", alert_name(item, data));
    put_some(json, "severity", json_get_str(data, "severity", NULL));
    put_some(json, "instance", json_get_str(data, "host", NULL));
    put_some(json, "unit", json_get_str(process, "unit", NULL));
    put_some(json, "process", json_get_str(process, "name", NULL));
    put_some(json, "incident", json_get_str(data, "incident_id", NULL));
    put_some(json, "fingerprint", json_get_str(data, "fingerprint", NULL));
    json_object_end(json);
}

static void put_annotations(struct json *json, const struct json_tree *data)
{
    char text[768];

    json_object(json, "annotations");
    put_some(json, "summary", json_get_str(data, "summary", NULL));
    if (culprit_text(data, text, sizeof(text)))
        json_str(json, "culprit", text);
    if (growth_text(data, text, sizeof(text)))
        json_str(json, "growth", text);
    json_object_end(json);
}

static void put_times(struct json *json, const struct outbox_item *item,
                      const struct json_tree *data, uint64_t now_wall_ms)
{
    uint64_t starts_ms = (uint64_t)json_get_double(data, "opened_ms", 0);
    uint64_t ends_ms = notice_is_end(item->event) ? item->event_wall_ms : now_wall_ms + BELIEVED_MS;
    char text[48];

    if (starts_ms == 0 || starts_ms > item->event_wall_ms)
        starts_ms = item->event_wall_ms;
    time_text(starts_ms, text, sizeof(text));
    json_str(json, "startsAt", text);
    /* An end before its beginning would be refused, with all that stand beside it. */
    time_text(ends_ms > starts_ms ? ends_ms : starts_ms + 1, text, sizeof(text));
    json_str(json, "endsAt", text);
}

static int put_alert(struct json *json, const struct outbox_item *item, uint64_t now_wall_ms)
{
    char error[128];
    struct json_tree *tree = json_parse(item->body, item->body_len, error, sizeof(error));
    const struct json_tree *data = json_get(tree, "data");

    if (!tree)
        return -EINVAL;
    json_object(json, NULL);
    put_labels(json, item, data);
    put_annotations(json, data);
    put_times(json, item, data, now_wall_ms);
    put_some(json, "generatorURL", json_get_str(data, "link", NULL));
    json_object_end(json);
    json_tree_free(tree);
    return 0;
}

static int add_login(const char *secret, struct attempt *out)
{
    char value[ATTEMPT_HEADER_SIZE] = "Bearer ";
    size_t len = strlen(value);
    int rc = 0;

    if (strchr(secret, ':')) {
        strcpy(value, "Basic ");
        len = strlen(value);
        rc = sign_base64(secret, strlen(secret), value + len, sizeof(value) - len);
    } else {
        strncat(value, secret, sizeof(value) - len - 1);
    }
    if (rc == 0)
        rc = attempt_add(out, "authorization", value);
    explicit_bzero(value, sizeof(value));
    return rc;
}

int alertmanager_write(const struct sending *sending, struct attempt *out)
{
    const struct outbox_item *item = sending->items;
    struct json json;
    int rc = attempt_add_json(out);

    if (rc == 0 && sending->receiver->secret_value[0])
        rc = add_login(sending->receiver->secret_value, out);
    out->url = sending->receiver->url;
    out->path = "/api/v2/alerts";
    json_init(&json, &out->body);
    json_array(&json, NULL);
    for (size_t i = 0; i < sending->count && item && rc == 0; i++, item = item->next)
        rc = put_alert(&json, item, sending->now_wall_ms);
    json_array_end(&json);
    return rc < 0 ? rc : out->body.failed ? -ENOMEM : 0;
}
