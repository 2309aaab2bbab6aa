/* SPDX-License-Identifier: MIT */
/*
 * PagerDuty's Events API v2. What is one group is one alert there: trigger, acknowledge and resolve
 * carry the same dedup_key, which names host, unit and fingerprint.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/alert/kind.h"
#include "daemon/base/json.h"

#define ENQUEUE_URL   "https://events.pagerduty.com/v2/enqueue"
#define DEDUP_BYTES   255
#define SUMMARY_BYTES 1024

static const char *action(enum notice_event event)
{
    if (notice_is_end(event))
        return "resolve";
    return event == NOTICE_ACKNOWLEDGED ? "acknowledge" : "trigger";
}

static void put_cut(struct json *json, const char *key, const char *text, size_t max_bytes)
{
    json_strn(json, key, text, text_fit(text, max_bytes));
}

static void put_dedup_key(struct json *json, const struct outbox_item *item,
                          const struct json_tree *data)
{
    const char *what = json_get_str(data, "group", NULL);
    char key[2 * DEDUP_BYTES];

    if (item->event == NOTICE_TEST)
        what = "test";
    else if (item->event == NOTICE_STORAGE_DEGRADED || item->event == NOTICE_STORAGE_RECOVERED)
        what = "storage";
    else if (!what)
        what = json_get_str(data, "fingerprint", item->id);
    snprintf(key, sizeof(key), "leakd/%.48s/%.200s", json_get_str(data, "host", ""), what);
    put_cut(json, "dedup_key", key, DEDUP_BYTES);
}

static void put_details(struct json *json, const struct json_tree *data)
{
    const struct json_tree *process = json_get(data, "process");
    char text[768];

    json_object(json, "custom_details");
    json_str(json, "incident", json_get_str(data, "incident_id", NULL));
    json_str(json, "fingerprint", json_get_str(data, "fingerprint", NULL));
    json_str(json, "verdict", json_get_str(data, "verdict", NULL));
    json_str(json, "exe", json_get_str(process, "exe", NULL));
    json_u64(json, "pid", (uint64_t)json_get_double(process, "pid", 0));
    if (growth_text(data, text, sizeof(text)))
        json_str(json, "growth", text);
    if (culprit_text(data, text, sizeof(text)))
        json_str(json, "culprit", text);
    json_u64(json, "live_bytes", (uint64_t)json_get_double(data, "live_bytes", 0));
    json_u64(json, "rss_bytes", (uint64_t)json_get_double(data, "rss_bytes", 0));
    json_object_end(json);
}

static void put_payload(struct json *json, const struct json_tree *tree)
{
    const struct json_tree *data = json_get(tree, "data");
    const struct json_tree *process = json_get(data, "process");
    const char *name = json_get_str(process, "name", "leakd");
    const char *unit = json_get_str(process, "unit", NULL);
    const char *summary = json_get_str(data, "summary", "");
    const char *host = json_get_str(data, "host", "");
    char text[2 * SUMMARY_BYTES];

    snprintf(text, sizeof(text), "%.*s: %.*s", (int)text_fit(name, 100), name,
             (int)text_fit(summary, 1600), summary);
    json_object(json, "payload");
    put_cut(json, "summary", text, SUMMARY_BYTES);
    json_str(json, "source", host[0] ? host : "leakd");
    json_str(json, "severity", json_get_str(data, "severity", "info"));
    json_str(json, "timestamp", json_get_str(tree, "timestamp", NULL));
    json_str(json, "component", name);
    if (unit)
        json_str(json, "group", unit);
    json_str(json, "class", json_get_str(data, "verdict", "leakd"));
    put_details(json, data);
    json_object_end(json);
}

static void put_event(struct json *json, const struct sending *sending,
                      const struct json_tree *tree)
{
    const struct json_tree *data = json_get(tree, "data");
    const char *link = json_get_str(data, "link", NULL);

    json_object(json, NULL);
    json_str(json, "routing_key", sending->receiver->secret_value);
    json_str(json, "event_action", action(sending->items->event));
    put_dedup_key(json, sending->items, data);
    json_str(json, "client", "leakd");
    if (sending->page[0])
        json_str(json, "client_url", sending->page);
    if (link) {
        json_array(json, "links");
        json_object(json, NULL);
        json_str(json, "href", link);
        json_str(json, "text", "What leakd knows");
        json_object_end(json);
        json_array_end(json);
    }
    put_payload(json, tree);
    json_object_end(json);
}

int pagerduty_write(const struct sending *sending, struct attempt *out)
{
    const struct outbox_item *item = sending->items;
    struct json_tree *tree;
    struct json json;
    char error[128];
    int rc = attempt_add_json(out);

    if (rc < 0)
        return rc;
    tree = json_parse(item->body, item->body_len, error, sizeof(error));
    if (!tree)
        return -EINVAL;
    out->url = sending->receiver->url[0] ? sending->receiver->url : ENQUEUE_URL;
    json_init(&json, &out->body);
    put_event(&json, sending, tree);
    json_tree_free(tree);
    return out->body.failed ? -ENOMEM : 0;
}
