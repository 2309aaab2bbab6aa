/* SPDX-License-Identifier: MIT */
/*
 * A Slack incoming webhook: text for where blocks are not shown, and blocks. The hook's address is
 * the secret. Limits of Slack: a header 150 characters, a section 3000, a message of some 13,000
 * was refused; one of ours has below 3000, cut by bytes, which are never fewer than characters.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/alert/kind.h"
#include "daemon/base/json.h"

#define HEADER_BYTES  150
#define FIELD_BYTES   300
#define SUMMARY_BYTES 1000

/* & < > are Slack's own: a name must not become a link or a call to everybody. Cut before an
 * entity, not within it. */
static void escape(const char *text, size_t max_bytes, char *out, size_t size)
{
    size_t len = text_fit(text, max_bytes);
    size_t at = 0;

    for (size_t i = 0; i < len; i++) {
        const char *entity = text[i] == '&'   ? "&amp;"
                             : text[i] == '<' ? "&lt;"
                             : text[i] == '>' ? "&gt;"
                                              : NULL;
        size_t need = entity ? strlen(entity) : 1;

        if (at + need >= size)
            break;
        memcpy(out + at, entity ? entity : text + i, need);
        at += need;
    }
    out[at] = '\0';
}

static void put_text(struct json *json, const char *key, const char *type, const char *text)
{
    json_object(json, key);
    json_str(json, "type", type);
    json_str(json, "text", text);
    json_object_end(json);
}

static void put_field(struct json *json, const char *name, const char *value)
{
    char escaped[6 * FIELD_BYTES], text[6 * FIELD_BYTES + 64];

    escape(value, FIELD_BYTES, escaped, sizeof(escaped));
    snprintf(text, sizeof(text), "*%s*\n%s", name, escaped);
    put_text(json, NULL, "mrkdwn", text);
}

static const char *headline(enum notice_event event)
{
    switch (event) {
    case NOTICE_OPENED:
        return "Memory leak";
    case NOTICE_ESCALATED:
        return "Memory leak, close to its limit";
    case NOTICE_REOPENED:
        return "Memory leak, still";
    case NOTICE_ACKNOWLEDGED:
        return "Acknowledged";
    case NOTICE_RESOLVED:
        return "Over";
    case NOTICE_GROUPED:
        return "More of it";
    case NOTICE_TEST:
        return "Test of leakd";
    default:
        return "leakd";
    }
}

static void put_fields(struct json *json, const struct json_tree *data)
{
    const char *unit = json_get_str(json_get(data, "process"), "unit", NULL);
    char text[768];

    json_object(json, NULL);
    json_str(json, "type", "section");
    json_array(json, "fields");
    put_field(json, "Severity", json_get_str(data, "severity", "info"));
    put_field(json, "Host", json_get_str(data, "host", "?"));
    if (unit)
        put_field(json, "Unit", unit);
    if (growth_text(data, text, sizeof(text)))
        put_field(json, "Growth", text);
    if (culprit_text(data, text, sizeof(text)))
        put_field(json, "Allocated at", text);
    json_array_end(json);
    json_object_end(json);
}

static void put_section(struct json *json, const char *text)
{
    json_object(json, NULL);
    json_str(json, "type", "section");
    put_text(json, "text", "mrkdwn", text);
    json_object_end(json);
}

static void put_message(struct json *json, const struct outbox_item *item,
                        const struct json_tree *data)
{
    const char *name = json_get_str(json_get(data, "process"), "name", NULL);
    const char *link = json_get_str(data, "link", NULL);
    char summary[5 * SUMMARY_BYTES], title[HEADER_BYTES + 1], text[5 * SUMMARY_BYTES + 200];

    escape(json_get_str(data, "summary", ""), SUMMARY_BYTES, summary, 2000);
    snprintf(title, sizeof(title), "%s%s%.*s", headline(item->event), name ? ": " : "",
             (int)text_fit(name ? name : "", 80), name ? name : "");
    title[text_fit(title, HEADER_BYTES)] = '\0';
    escape(title, HEADER_BYTES, text, 1000);
    snprintf(text + strlen(text), sizeof(text) - strlen(text), ": %s", summary);
    json_object(json, NULL);
    json_str(json, "text", text);
    json_array(json, "blocks");
    json_object(json, NULL);
    json_str(json, "type", "header");
    put_text(json, "text", "plain_text", title);
    json_object_end(json);
    if (summary[0])
        put_section(json, summary);
    put_fields(json, data);
    if (link && strlen(link) < 500 && !strpbrk(link, "<>|")) {
        snprintf(text, sizeof(text), "<%s|What leakd knows>", link);
        put_section(json, text);
    }
    json_array_end(json);
    json_object_end(json);
}

int slack_write(const struct sending *sending, struct attempt *out)
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
    out->url = sending->receiver->secret_value;
    json_init(&json, &out->body);
    put_message(&json, item, json_get(tree, "data"));
    json_tree_free(tree);
    return out->body.failed ? -ENOMEM : 0;
}
