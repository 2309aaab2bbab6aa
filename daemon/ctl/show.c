/* SPDX-License-Identifier: MIT */
/* leakctl show: one process, why and where. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/buf.h"
#include "daemon/base/json.h"
#include "daemon/ctl/client.h"
#include "daemon/ctl/command.h"
#include "daemon/ctl/ctl.h"
#include "daemon/ctl/figure.h"
#include "daemon/ctl/table.h"
#include "daemon/ctl/text.h"
#include "daemon/ctl/which.h"

#define OUT_MAX   (32u << 20)
#define TOP       "8"
#define FRAME_MAX 512

struct show {
    const struct client *client;
    struct list processes;
    struct answer sites;
    struct answer types;
    struct answer incidents;
    const struct json_tree *process;
};

/* ---- printing ------------------------------------------------------------------------------ */

static void put_line(struct buf *out, const char *label, const char *text)
{
    buf_printf(out, "  %-10s ", label);
    text_put_safe(out, text);
    buf_putc(out, '\n');
}

static void put_identity(struct buf *out, const struct json_tree *process)
{
    text_put_safe(out, json_get_str(process, "name", json_get_str(process, "exe", NULL)));
    buf_puts(out, "  ");
    text_put_safe(out, json_get_str(process, "runtime", NULL));
    buf_printf(out, "  pid %.0f  id ", json_get_double(process, "pid", 0));
    text_put_safe(out, json_get_str(process, "id", NULL));
    buf_puts(out, "  ");
    text_put_safe(out, json_get_str(process, "state", NULL));
    buf_putc(out, '\n');
}

static void put_verdict(struct buf *out, const struct json_tree *process, bool raw)
{
    const char *verdict = json_get_str(process, "verdict", "-");
    const char *summary = json_get_str(process, "summary", "");
    char text[FIGURE_MAX];

    buf_puts(out, "  ");
    if (strncmp(summary, verdict, strlen(verdict)) != 0) { /* the sentence may begin with it */
        text_put_safe(out, verdict);
        buf_puts(out, ": ");
    }
    text_put_safe(out, summary);
    buf_putc(out, '\n');
    figure_growth(process, raw, text);
    put_line(out, "growth", text);
    figure_time(process, "since_ms", raw, text);
    put_line(out, "since", text);
    figure_bytes(process, "live_bytes", raw, text);
    put_line(out, "live", text);
    figure_bytes(process, "rss_bytes", raw, text);
    put_line(out, "rss", text);
}

static void put_limit(struct buf *out, const struct json_tree *process, bool raw)
{
    const char *source = json_get_str(process, "limit_source", NULL);
    char bytes[FIGURE_MAX], when[FIGURE_MAX], text[3 * FIGURE_MAX];

    figure_bytes(process, "limit_bytes", raw, bytes);
    figure_forecast(process, raw, when);
    snprintf(text, sizeof(text), "%s%s%.40s", bytes, source ? " " : "", source ? source : "");
    put_line(out, "limit", text);
    put_line(out, "reached in", when);
}

static void put_table(const struct client *client, struct table *table, const char *title,
                      struct buf *out)
{
    if (table->cells > 0) {
        buf_printf(out, "\n%s\n", title);
        if (!table_print(table, client->plain, client_colour(client), out))
            out->failed = true;
    }
    table_done(table);
}

static void put_sites(const struct client *client, const struct json_tree *sites, struct buf *out)
{
    static const char *const heads[] = {"WHERE", "VERDICT", ">LIVE", ">COUNT", "GROWTH", NULL};
    struct table table;
    char text[FIGURE_MAX], frame[FRAME_MAX];

    table_init(&table, heads);
    for (size_t i = 0; i < json_len(sites); i++) {
        const struct json_tree *site = json_at(sites, i);

        figure_frame(site, frame, sizeof(frame));
        table_put(&table, frame);
        table_put(&table, json_get_str(site, "verdict", NULL));
        figure_bytes(site, "live_bytes", client->bytes, text);
        table_put(&table, text);
        snprintf(text, sizeof(text), "%.0f", json_get_double(site, "live_count", 0));
        table_put(&table, text);
        figure_growth(site, client->bytes, text);
        table_put(&table, text);
    }
    put_table(client, &table, "Where it is allocated", out);
}

static void put_types(const struct client *client, const struct json_tree *types, struct buf *out)
{
    static const char *const heads[] = {"TYPE", ">LIVE", ">COUNT", "GROWTH", NULL};
    struct table table;
    char text[FIGURE_MAX];

    table_init(&table, heads);
    for (size_t i = 0; i < json_len(types); i++) {
        const struct json_tree *type = json_at(types, i);

        table_put(&table, json_get_str(type, "name", NULL));
        figure_bytes(type, "live_bytes", client->bytes, text);
        table_put(&table, text);
        snprintf(text, sizeof(text), "%.0f", json_get_double(type, "live_count", 0));
        table_put(&table, text);
        figure_growth(type, client->bytes, text);
        table_put(&table, text);
    }
    put_table(client, &table, "What it is", out);
}

static bool is_of(const struct json_tree *incident, const struct json_tree *process)
{
    return strcmp(json_get_str(json_get(incident, "process"), "id", ""),
                  json_get_str(process, "id", "-")) == 0;
}

static void put_incidents(struct show *show, struct buf *out)
{
    const struct json_tree *incidents = json_get(show->incidents.tree, "incidents");

    for (size_t i = 0; i < json_len(incidents); i++) {
        const struct json_tree *incident = json_at(incidents, i);

        if (!is_of(incident, show->process))
            continue;
        buf_puts(out, "\nIncident ");
        text_put_safe(out, json_get_str(incident, "id", NULL));
        buf_puts(out, "  ");
        text_put_safe(out, json_get_str(incident, "severity", NULL));
        buf_puts(out, "  ");
        text_put_safe(out, json_get_str(incident, "state", NULL));
        buf_puts(out, "\n  ");
        text_put_safe(out, json_get_str(incident, "summary", NULL));
        buf_putc(out, '\n');
    }
}

static int print_show(struct show *show)
{
    const struct client *client = show->client;
    struct buf out;
    int code;

    buf_init(&out, OUT_MAX);
    put_identity(&out, show->process);
    put_verdict(&out, show->process, client->bytes);
    put_limit(&out, show->process, client->bytes);
    put_sites(client, json_get(show->sites.tree, "sites"), &out);
    put_types(client, json_get(show->types.tree, "types"), &out);
    put_incidents(show, &out);
    code = client_print(client, &out);
    buf_done(&out);
    return code;
}

static void put_raw(struct json *json, const char *key, const struct answer *answer)
{
    if (answer->text)
        json_raw(json, key, answer->text, answer->len);
    else
        json_null(json, key);
}

/* One document of the API's own answers: {"process":Process,"sites":{...},"types":{...},...}. */
static int print_json(struct show *show, const struct answer *process)
{
    struct buf out;
    struct json json;
    int code;

    buf_init(&out, OUT_MAX);
    json_init(&json, &out);
    json_object(&json, NULL);
    put_raw(&json, "process", process);
    put_raw(&json, "sites", &show->sites);
    put_raw(&json, "types", &show->types);
    put_raw(&json, "incidents", &show->incidents);
    json_object_end(&json);
    buf_putc(&out, '\n');
    code = client_print(show->client, &out);
    buf_done(&out);
    return code;
}

/* ---- the command --------------------------------------------------------------------------- */

static int get_part(const struct client *client, const char *id, const char *part,
                    struct answer *out)
{
    char path[160];

    snprintf(path, sizeof(path), "/api/v1/processes/%.80s%s", id, part);
    return client_get(client, path, out);
}

static int show_process(struct show *show)
{
    const char *id = json_get_str(show->process, "id", "");
    struct answer process = {0};
    int code;

    if (!which_is_plain(id)) {
        fputs("leakctl show: the daemon named a process in a way that cannot be asked for\n",
              stderr);
        return CTL_UNREACHABLE;
    }
    code = get_part(show->client, id, "/sites?sort=growth&limit=" TOP, &show->sites);
    if (code == CTL_OK)
        code = get_part(show->client, id, "/types?sort=growth&limit=" TOP, &show->types);
    if (code == CTL_OK)
        code = client_get(show->client, "/api/v1/incidents", &show->incidents);
    if (code == CTL_OK && show->client->json) {
        code = get_part(show->client, id, "", &process);
        if (code == CTL_OK)
            code = print_json(show, &process);
        answer_done(&process);
    } else if (code == CTL_OK) {
        code = print_show(show);
    }
    return code;
}

static int show_found(struct show *show, const char *what)
{
    unsigned others;

    show->process = which_find(&show->processes, what, &others);
    if (!show->process) {
        fprintf(stderr, "leakctl show: no process \"%s\"; leakctl ps lists them\n", what);
        return CTL_NOT_FOUND;
    }
    if (others > 0)
        fprintf(stderr, "leakctl show: %u more are called \"%s\"; leakctl ps has their ids\n",
                others, what);
    return show_process(show);
}

static int show_what(const struct client *client, const char *what)
{
    struct show show = {.client = client};
    int code = client_get_list(client, "/api/v1/processes", "processes", &show.processes);

    if (code == CTL_OK)
        code = show_found(&show, what);
    list_done(&show.processes);
    answer_done(&show.sites);
    answer_done(&show.types);
    answer_done(&show.incidents);
    return code;
}

static int run_show(const struct command *command, int argc, char **argv)
{
    struct client client = {.command = command};
    struct option_row rows[CLIENT_ROWS];
    int count;

    client_rows(&client, rows);
    switch (option_read(command, rows, false, argc, argv, &count)) {
    case OPTION_HELP:
        return CTL_OK;
    case OPTION_WRONG:
        return CTL_USAGE;
    case OPTION_DONE:
        break;
    }
    if (count != 1) {
        fputs("leakctl show: takes one id, pid or name; leakctl ps lists them\n", stderr);
        return CTL_USAGE;
    }
    return show_what(&client, argv[1]);
}

const struct command command_show = {
    .name = "show",
    .summary = "show one process: why, where, until when",
    .help = "Examples:\n"
            "  leakctl show shop\n"
            "  leakctl show 4711 --json\n"
            "\n"
            "usage: leakctl show ID|PID|NAME [--json | --plain] [--bytes] [--no-color]\n"
            "                    [--socket PATH | --url http://127.0.0.1:7373]\n"
            "\n"
            "  --json   one document of the API's answers  --plain  tables with tabs, no colour\n"
            "  --bytes  bytes and seconds, without units\n"
            "\n"
            "Exit: 0; 3 no daemon, 4 not permitted, 5 no such process.\n",
    .run = run_show,
};
