/* SPDX-License-Identifier: MIT */
/* leakctl incidents: what was found, all or one. */
#include <stdio.h>
#include <string.h>

#include "daemon/base/buf.h"
#include "daemon/base/json.h"
#include "daemon/ctl/client.h"
#include "daemon/ctl/command.h"
#include "daemon/ctl/ctl.h"
#include "daemon/ctl/figure.h"
#include "daemon/ctl/table.h"
#include "daemon/ctl/text.h"

#define OUT_MAX   (32u << 20)
#define FRAME_MAX 512

static void put_row(struct table *table, const struct json_tree *incident, bool raw)
{
    char text[FIGURE_MAX];

    table_put(table, json_get_str(incident, "id", NULL));
    table_put(table, json_get_str(incident, "severity", NULL));
    table_put(table, json_get_str(incident, "state", NULL));
    figure_time(incident, "opened_ms", raw, text);
    table_put(table, text);
    table_put(table, json_get_str(json_get(incident, "process"), "name", NULL));
    figure_growth(incident, raw, text);
    table_put(table, text);
    table_put(table, json_get_str(incident, "summary", NULL));
}

static int print_list(const struct client *client, const struct json_tree *incidents)
{
    static const char *const heads[] = {"ID",      "SEVERITY", "STATE",   "OPENED",
                                        "PROCESS", "GROWTH",   "SUMMARY", NULL};
    struct table table;

    table_init(&table, heads);
    for (size_t i = 0; i < json_len(incidents); i++)
        put_row(&table, json_at(incidents, i), client->bytes);
    return client_print_table(client, &table, "none");
}

static void put_line(struct buf *out, const char *label, const char *text)
{
    buf_printf(out, "  %-9s ", label);
    text_put_safe(out, text);
    buf_putc(out, '\n');
}

static void put_evidence(struct buf *out, const struct json_tree *incident, bool raw)
{
    const struct json_tree *sites = json_get(incident, "sites");
    const struct json_tree *types = json_get(incident, "types");
    char growth[FIGURE_MAX], frame[FRAME_MAX], text[FRAME_MAX + FIGURE_MAX + 8];

    for (size_t i = 0; i < json_len(sites); i++) {
        figure_frame(json_at(sites, i), frame, sizeof(frame));
        figure_growth(json_at(sites, i), raw, growth);
        snprintf(text, sizeof(text), "%s  %s", frame, growth);
        put_line(out, i ? "" : "where", text);
    }
    for (size_t i = 0; i < json_len(types); i++) {
        figure_growth(json_at(types, i), raw, growth);
        snprintf(text, sizeof(text), "%.500s  %s", json_get_str(json_at(types, i), "name", "-"),
                 growth);
        put_line(out, i ? "" : "what", text);
    }
}

/* Who keeps the objects, for the largest share of each type. */
static void put_retainers(struct buf *out, const struct json_tree *incident)
{
    const struct json_tree *list = json_get(incident, "retainers");

    for (size_t i = 0; i < json_len(list); i++) {
        const struct json_tree *path = json_get(json_at(list, i), "path");
        char text[FRAME_MAX];
        int used = snprintf(text, sizeof(text), "%.0f %%",
                            json_get_double(json_at(list, i), "share", 0) * 100);

        for (size_t step = 0; step < json_len(path) && used < (int)sizeof(text); step++)
            used += snprintf(text + used, sizeof(text) - (size_t)used, " %s%s", step ? "-> " : "",
                             json_text(json_at(path, step), "-"));
        put_line(out, i ? "" : "held by", text);
    }
}

static void put_deliveries(struct buf *out, const struct json_tree *incident)
{
    const struct json_tree *deliveries = json_get(incident, "deliveries");

    for (size_t i = 0; i < json_len(deliveries); i++) {
        const struct json_tree *delivery = json_at(deliveries, i);
        const char *error = json_get_str(delivery, "error", NULL);
        char text[FRAME_MAX];

        snprintf(text, sizeof(text), "%.63s %.48s: %.200s", json_get_str(delivery, "receiver", "-"),
                 json_get_str(delivery, "event", "-"), error ? error : "delivered");
        put_line(out, i ? "" : "notices", text);
    }
}

static void put_log(struct buf *out, const struct json_tree *incident, bool raw)
{
    const struct json_tree *log = json_get(incident, "log");

    for (size_t i = 0; i < json_len(log); i++) {
        const struct json_tree *note = json_at(log, i);
        const char *why = json_get_str(note, "text", "");
        char text[FRAME_MAX], when[FIGURE_MAX];

        figure_time(note, "at_ms", raw, when);
        snprintf(text, sizeof(text), "%s  %.15s by %.63s%s%.199s", when,
                 json_get_str(note, "what", "-"), json_get_str(note, "by", "-"), *why ? ": " : "",
                 why);
        put_line(out, i ? "" : "log", text);
    }
}

/* Those that have the leak; one alone has its own line already. */
static void put_processes(struct buf *out, const struct json_tree *incident)
{
    const struct json_tree *list = json_get(incident, "processes");
    double beyond = json_get_double(incident, "process_count", 0) - (double)json_len(list);
    char text[FRAME_MAX];

    if (json_len(list) < 2)
        return;
    for (size_t i = 0; i < json_len(list); i++) {
        const struct json_tree *process = json_at(list, i);

        snprintf(text, sizeof(text), "%.0f %.63s  %.15s", json_get_double(process, "pid", 0),
                 json_get_str(process, "name", "-"), json_get_str(process, "state", "-"));
        put_line(out, i ? "" : "had by", text);
    }
    if (beyond >= 1) {
        snprintf(text, sizeof(text), "and %.0f more", beyond);
        put_line(out, "", text);
    }
}

static int print_one(const struct client *client, const struct json_tree *incident)
{
    static const char *const words[][2] = {{"severity", "severity"},
                                           {"state", "state"},
                                           {"fingerprint", "print"},
                                           {"release", "release"}};
    struct buf out;
    char text[FIGURE_MAX];
    int code;

    buf_init(&out, OUT_MAX);
    text_put_safe(&out, json_get_str(incident, "summary", NULL));
    buf_putc(&out, '\n');
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        put_line(&out, words[i][1], json_get_str(incident, words[i][0], NULL));
    put_line(&out, "process", json_get_str(json_get(incident, "process"), "name", NULL));
    figure_time(incident, "opened_ms", client->bytes, text);
    put_line(&out, "opened", text);
    figure_time(incident, "resolved_ms", client->bytes, text);
    put_line(&out, "resolved", text);
    figure_growth(incident, client->bytes, text);
    put_line(&out, "growth", text);
    put_processes(&out, incident);
    put_evidence(&out, incident, client->bytes);
    put_retainers(&out, incident);
    put_log(&out, incident, client->bytes);
    put_deliveries(&out, incident);
    code = client_print(client, &out);
    buf_done(&out);
    return code;
}

static int show_answer(const struct client *client, const char *id)
{
    struct answer answer;
    char path[160];
    int code;

    snprintf(path, sizeof(path), "/api/v1/incidents%s%.100s", id ? "/" : "", id ? id : "");
    code = client_get(client, path, &answer);
    if (code != CTL_OK)
        return code;
    if (client->json)
        code = puts(answer.text) < 0 || fflush(stdout) != 0 ? CTL_USAGE : CTL_OK;
    else if (id)
        code = print_one(client, answer.tree);
    else
        code = print_list(client, json_get(answer.tree, "incidents"));
    answer_done(&answer);
    return code;
}

static int run_incidents(const struct command *command, int argc, char **argv)
{
    struct client client = {.command = command};
    const char *id;
    int count;
    int code = client_read_options(&client, NULL, argc, argv, &count);

    if (code != OPTION_GO_ON)
        return code;
    id = count > 0 ? argv[1] : NULL;
    if (count > 1 || (id && (!*id || id[strspn(id, "0123456789abcdefghijklmnopqrstuvwxyz"
                                                   "ABCDEFGHIJKLMNOPQRSTUVWXYZ-_")]))) {
        fputs("leakctl incidents: takes one id at most; without one it lists them\n", stderr);
        return CTL_USAGE;
    }
    return show_answer(&client, id);
}

const struct command command_incidents = {
    .name = "incidents",
    .summary = "list the incidents, or show one",
    .help = "Examples:\n"
            "  leakctl incidents\n"
            "  leakctl incidents 3f9c --json\n"
            "\n"
            "usage: leakctl incidents [ID] [--json | --plain] [--bytes] [--no-color]\n"
            "                         [--socket PATH | --url http://127.0.0.1:7373]\n"
            "\n"
            "  --json   the API's answer, one document    --plain  tabs, no heading, no colour\n"
            "  --bytes  bytes, seconds and milliseconds, without units\n"
            "\n"
            "Exit: 0; 3 no daemon, 4 not permitted, 5 no such incident.\n",
    .run = run_incidents,
};
