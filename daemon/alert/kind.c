/* SPDX-License-Identifier: MIT */
#include "daemon/alert/kind.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "daemon/base/json.h"
#include "leakd_version.h"

#define SECOND_MS UINT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)

void attempt_init(struct attempt *attempt)
{
    attempt->count = 0;
    attempt->headers[0] = NULL;
    attempt->url = attempt->path = "";
    buf_init(&attempt->body, ATTEMPT_BODY_MAX);
}

void attempt_done(struct attempt *attempt)
{
    explicit_bzero(attempt->texts, sizeof(attempt->texts));
    if (attempt->body.data)
        explicit_bzero(attempt->body.data, attempt->body.len);
    buf_done(&attempt->body);
}

int attempt_add(struct attempt *attempt, const char *name, const char *value)
{
    char *text;

    if (attempt->count == ATTEMPT_HEADERS_MAX)
        return -ENOSPC;
    text = attempt->texts[attempt->count];
    if (snprintf(text, ATTEMPT_HEADER_SIZE, "%s: %s", name, value) >= ATTEMPT_HEADER_SIZE)
        return -ENOSPC;
    attempt->headers[attempt->count++] = text;
    attempt->headers[attempt->count] = NULL;
    return 0;
}

int attempt_add_json(struct attempt *attempt)
{
    int rc = attempt_add(attempt, "content-type", "application/json");

    return rc < 0 ? rc : attempt_add(attempt, "user-agent", "leakd/" LEAKD_VERSION);
}

/* ---- text ---------------------------------------------------------------------------------- */

void time_text(uint64_t wall_ms, char *out, size_t size)
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm tm;
    char day[32] = "";

    if (gmtime_r(&seconds, &tm))
        strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(out, size, "%s.%03uZ", day, (unsigned)(wall_ms % 1000));
}

size_t text_fit(const char *text, size_t max_bytes)
{
    size_t len = strlen(text);

    if (len <= max_bytes)
        return len;
    len = max_bytes;
    while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
        len--;
    return len;
}

bool culprit_text(const struct json_tree *data, char *out, size_t size)
{
    const struct json_tree *culprit = json_get(json_at(json_get(data, "sites"), 0), "culprit");
    const char *function = json_get_str(culprit, "function", "?");
    const char *file = json_get_str(culprit, "file", NULL);
    const char *module = json_get_str(culprit, "module", NULL);
    int line = (int)json_get_double(culprit, "line", 0);

    if (json_is_null(culprit))
        return false;
    if (file && line > 0)
        snprintf(out, size, "%s:%d %s()", file, line, function);
    else
        snprintf(out, size, "%s%s%s()", module ? module : "", module ? " " : "", function);
    return true;
}

bool growth_text(const struct json_tree *data, char *out, size_t size)
{
    const struct json_tree *growth = json_get(data, "growth_bytes_per_s");

    if (json_is_null(growth))
        return false;
    snprintf(out, size, "%.1f KiB/s (%.1f to %.1f)", json_get_double(growth, "estimate", 0) / 1024,
             json_get_double(growth, "lower", 0) / 1024,
             json_get_double(growth, "upper", 0) / 1024);
    return true;
}

/* ---- what answers mean --------------------------------------------------------------------- */

/* A body that is no good stays so. */
static enum alert_outcome judge_strictly(int error, long http_status)
{
    if (error == 0 && (http_status == 400 || http_status == 413 || http_status == 422))
        return ALERT_REFUSED;
    return alert_judge(error, http_status);
}

/* Slack says so when the hook, its channel or its workspace is gone. */
static enum alert_outcome slack_judge(int error, long http_status)
{
    if (error == 0 && (http_status == 403 || http_status == 404))
        return ALERT_STOP_RECEIVER;
    return judge_strictly(error, http_status);
}

/* ---- the table ----------------------------------------------------------------------------- */

static const struct receiver_kind kinds[] = {
    {.name = "webhook", .has_groups = true, .write = webhook_write, .judge = alert_judge},
    /* Prometheus' practice: again every minute, believed for four. */
    {.name = "alertmanager",
     .rule = {.retry_max_ms = MINUTE_MS, .remind_ms = MINUTE_MS},
     .write = alertmanager_write,
     .judge = judge_strictly},
    /* About one message a second a hook. */
    {.name = "slack",
     .rule = {.gap_ms = SECOND_MS},
     .has_groups = true,
     .write = slack_write,
     .judge = slack_judge},
    {.name = "pagerduty", .has_groups = true, .write = pagerduty_write, .judge = judge_strictly},
    {.name = "command",
     .has_groups = true,
     .is_command = true,
     .write = command_write,
     .judge = alert_judge},
};

const struct receiver_kind *receiver_kind_find(const char *name)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (!strcmp(kinds[i].name, name))
            return &kinds[i];
    }
    return NULL;
}
