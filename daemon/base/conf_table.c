/* SPDX-License-Identifier: MIT */
#include "daemon/base/conf_table.h"

#include <stdio.h>
#include <string.h>

#include "daemon/base/conf.h"

#define ROW(section, name, type, owner, field, ...)                                                \
    {                                                                                              \
        section, name, type, offsetof(struct owner, field), sizeof(((struct owner *)0)->field),    \
            __VA_ARGS__                                                                            \
    }

#define MINUTE_MS UINT64_C(60000)
#define DAY_MS    (24 * 60 * MINUTE_MS)
#define YEAR_MS   (366 * DAY_MS)
#define MIB       (UINT64_C(1) << 20)

/* min, max, initial, choices, optional, reloadable */
const struct conf_key conf_keys[] = {
    ROW("agents", "socket", CONF_PATH, conf, agents.socket, 0, 0, "/run/leakd/agent.sock", NULL,
        false, false),
    ROW("agents", "socket_mode", CONF_OCTAL, conf, agents.socket_mode, 0, 0777, "0666", NULL, false,
        false),
    ROW("agents", "connections_max", CONF_NUMBER, conf, agents.connections_max, 1, 100000, "10240",
        NULL, false, false),
    ROW("agents", "connections_per_user_max", CONF_NUMBER, conf, agents.connections_per_user_max, 1,
        100000, "4096", NULL, false, false),
    ROW("http", "listen", CONF_LISTEN, conf, http.listen, 0, 0, "127.0.0.1:7373", NULL, true,
        false),
    ROW("http", "socket", CONF_PATH, conf, http.socket, 0, 0, "/run/leakd/api.sock", NULL, true,
        false),
    ROW("http", "connections_max", CONF_NUMBER, conf, http.connections_max, 4, 10000, "512", NULL,
        false, false),
    ROW("detect", "profile", CONF_CHOICE, conf, detect.profile, 0, 0, "default",
        "fast default strict", false, false),
    ROW("store", "directory", CONF_PATH, conf, store.directory, 0, 0, "/var/lib/leakd", NULL, false,
        false),
    ROW("store", "processes_max", CONF_NUMBER, conf, store.processes_max, 1, 100000, "10240", NULL,
        false, false),
    ROW("store", "exited_retention", CONF_DURATION, conf, store.exited_retention_ms, MINUTE_MS,
        YEAR_MS, "24h", NULL, false, false),
    ROW("store", "retention", CONF_DURATION, conf, store.retention_ms, DAY_MS, 10 * YEAR_MS, "90d",
        NULL, false, false),
    ROW("store", "size_max", CONF_SIZE, conf, store.size_max_bytes, 64 * MIB, MIB << 20, "1GiB",
        NULL, false, false),
    ROW("symbols", "enabled", CONF_BOOL, conf, symbols.enabled, 0, 0, "yes", NULL, false, false),
    ROW("symbols", "debug_path", CONF_PATHS, conf, symbols.debug_path, 0, 0, "/usr/lib/debug", NULL,
        true, false),
    ROW("notices", "external_url", CONF_URL, conf, external_url, 0, 0, "", NULL, true, true),
    ROW("action", "command", CONF_COMMAND, conf, action.command, 0, 0, "", NULL, true, true),
    ROW("action", "restart", CONF_BOOL, conf, action.restart, 0, 0, "no", NULL, false, true),
    ROW("action", "units", CONF_GLOBS, conf, action.units, 0, 0, "", NULL, true, true),
    ROW("action", "before", CONF_DURATION, conf, action.before_ms, MINUTE_MS, DAY_MS, "10m", NULL,
        false, true),
    ROW("action", "per_day_max", CONF_NUMBER, conf, action.per_day_max, 1, 100, "3", NULL, false,
        true),
    ROW("action", "timeout", CONF_DURATION, conf, action.timeout_ms, 1000, 10 * MINUTE_MS, "30s",
        NULL, false, true),
    ROW("log", "level", CONF_LEVEL, conf, log_level, 0, 0, "info", "error warning info debug",
        false, true),
    ROW(CONF_RECEIVER_SECTION, "type", CONF_CHOICE, conf_receiver, type, 0, 0, "webhook",
        "webhook alertmanager slack pagerduty command", false, true),
    ROW(CONF_RECEIVER_SECTION, "url", CONF_URLS, conf_receiver, url, 0, 0, "", NULL, true, true),
    ROW(CONF_RECEIVER_SECTION, "socket", CONF_PATH, conf_receiver, socket, 0, 0, "", NULL, true,
        true),
    ROW(CONF_RECEIVER_SECTION, "command", CONF_COMMAND, conf_receiver, command, 0, 0, "", NULL,
        true, true),
    ROW(CONF_RECEIVER_SECTION, "timeout", CONF_DURATION, conf_receiver, timeout_ms, 1000, MINUTE_MS,
        "15s", NULL, false, true),
    ROW(CONF_RECEIVER_SECTION, "allow_http", CONF_BOOL, conf_receiver, allow_http, 0, 0, "no", NULL,
        false, true),
    ROW(CONF_RECEIVER_SECTION, "ca_file", CONF_PATH, conf_receiver, ca_file, 0, 0, "", NULL, true,
        true),
    ROW(CONF_RECEIVER_SECTION, "allow_link_local", CONF_BOOL, conf_receiver, allow_link_local, 0, 0,
        "no", NULL, false, true),
    ROW(CONF_RECEIVER_SECTION, "secret", CONF_SECRET, conf_receiver, secret, 0, 0, "", NULL, true,
        true),
    ROW(CONF_RECEIVER_SECTION, "secret_old", CONF_SECRET, conf_receiver, secret_old, 0, 0, "", NULL,
        true, true),
    ROW(CONF_RECEIVER_SECTION, "units", CONF_GLOBS, conf_receiver, units, 0, 0, "", NULL, true,
        true),
    ROW(CONF_RECEIVER_SECTION, "names", CONF_GLOBS, conf_receiver, names, 0, 0, "", NULL, true,
        true),
    ROW(CONF_RECEIVER_SECTION, "group", CONF_BOOL, conf_receiver, group, 0, 0, "yes", NULL, false,
        true),
    ROW(CONF_RECEIVER_SECTION, "min_severity", CONF_SEVERITY, conf_receiver, min_severity, 0, 0,
        "warning", "info warning critical", false, true),
    ROW(CONF_RECEIVER_SECTION, "send_resolved", CONF_BOOL, conf_receiver, send_resolved, 0, 0,
        "yes", NULL, false, true),
};
const size_t conf_key_count = sizeof(conf_keys) / sizeof(conf_keys[0]);

const struct conf_key *conf_key_find(const char *section, const char *name)
{
    for (size_t i = 0; i < conf_key_count; i++) {
        if (!strcmp(conf_keys[i].section, section) && !strcmp(conf_keys[i].name, name))
            return &conf_keys[i];
    }
    return NULL;
}

bool conf_section_exists(const char *section)
{
    for (size_t i = 0; i < conf_key_count; i++) {
        if (!strcmp(conf_keys[i].section, section))
            return true;
    }
    return false;
}

/* Levenshtein's distance of two short names. */
static size_t distance(const char *a, const char *b)
{
    size_t row[40];
    size_t b_len = strlen(b);

    if (b_len >= sizeof(row) / sizeof(row[0]) || strlen(a) >= sizeof(row) / sizeof(row[0]))
        return SIZE_MAX;
    for (size_t j = 0; j <= b_len; j++)
        row[j] = j;
    for (size_t i = 0; a[i]; i++) {
        size_t diagonal = row[0];

        row[0] = i + 1;
        for (size_t j = 0; j < b_len; j++) {
            size_t best = diagonal + (a[i] != b[j]);

            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j + 1] + 1 < best)
                best = row[j + 1] + 1;
            diagonal = row[j + 1];
            row[j + 1] = best;
        }
    }
    return row[b_len];
}

/* A name of another section counts as one slip more, so that the own section wins a tie. */
bool conf_key_suggest(const char *section, const char *name, char *out, size_t size)
{
    size_t best = 1 + strlen(name) / 3;
    const struct conf_key *found = NULL;

    for (size_t i = 0; i < conf_key_count; i++) {
        size_t d = distance(name, conf_keys[i].name);

        if (d == SIZE_MAX)
            continue;
        d += strcmp(section, conf_keys[i].section) != 0;
        if (d <= best && (!found || d < best)) {
            best = d;
            found = &conf_keys[i];
        }
    }
    if (!found)
        return false;
    snprintf(out, size, "[%s] %s", found->section, found->name);
    return true;
}
