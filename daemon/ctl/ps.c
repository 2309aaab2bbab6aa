/* SPDX-License-Identifier: MIT */
/* leakctl ps: what is watched. */
#include <stdio.h>
#include <string.h>

#include "daemon/base/buf.h"
#include "daemon/base/json.h"
#include "daemon/ctl/client.h"
#include "daemon/ctl/command.h"
#include "daemon/ctl/ctl.h"
#include "daemon/ctl/figure.h"
#include "daemon/ctl/table.h"

#define OUT_MAX (32u << 20)

/* "shop +8": the first of a prefork server and its workers; "shop <4711": a worker of 4711. */
static void put_name(struct table *table, const struct json_tree *process, bool plain)
{
    const struct json_tree *group = json_get(process, "group");
    const char *name = json_get_str(process, "name", json_get_str(process, "exe", "-"));
    const char *first = json_get_str(group, "id", NULL);
    double members = json_get_double(group, "members", 0);
    char text[256];

    if (members > 0 && !plain)
        snprintf(text, sizeof(text), "%.200s +%.0f", name, members - 1);
    else if (first && !plain)
        snprintf(text, sizeof(text), "%.200s <%.*s", name, (int)strcspn(first, "-"), first);
    else
        snprintf(text, sizeof(text), "%.200s", name);
    table_put(table, text);
}

static void put_process(struct table *table, const struct json_tree *process,
                        const struct client *client)
{
    bool raw = client->bytes;
    char text[FIGURE_MAX];

    table_put(table, json_get_str(process, "id", NULL));
    snprintf(text, sizeof(text), "%.0f", json_get_double(process, "pid", 0));
    table_put(table, text);
    put_name(table, process, client->plain);
    table_put(table, json_get_str(process, "runtime", NULL));
    table_put(table, json_get_str(process, "state", NULL));
    table_put(table, json_get_str(process, "verdict", NULL));
    figure_bytes(process, "live_bytes", raw, text);
    table_put(table, text);
    figure_bytes(process, "rss_bytes", raw, text);
    table_put(table, text);
    figure_growth(process, raw, text);
    table_put(table, text);
    figure_forecast(process, raw, text);
    table_put(table, text);
}

static int print_json(const struct client *client, const struct list *processes)
{
    struct buf out;
    int code;

    buf_init(&out, OUT_MAX);
    list_put_json(processes, &out);
    buf_putc(&out, '\n');
    code = client_print(client, &out);
    buf_done(&out);
    return code;
}

static int print_processes(const struct client *client, const struct list *processes)
{
    static const char *const heads[] = {"ID",    ">PID", "NAME",   "RUNTIME",  "STATE", "VERDICT",
                                        ">LIVE", ">RSS", "GROWTH", "LIMIT IN", NULL};
    struct table table;

    table_init(&table, heads);
    for (size_t i = 0; i < list_len(processes); i++)
        put_process(&table, list_at(processes, i), client);
    return client_print_table(client, &table,
                              "no process is watched; leakctl run -- CMD starts one");
}

static int run_ps(const struct command *command, int argc, char **argv)
{
    struct client client = {.command = command};
    struct list processes;
    int count;
    int code = client_read_options(&client, NULL, argc, argv, &count);

    if (code != OPTION_GO_ON)
        return code;
    if (count > 0) {
        fputs("leakctl ps: takes no argument; leakctl show ID shows one process\n", stderr);
        return CTL_USAGE;
    }
    code = client_get_list(&client, "/api/v1/processes", "processes", &processes);
    if (code == CTL_OK)
        code = client.json ? print_json(&client, &processes) : print_processes(&client, &processes);
    list_done(&processes);
    return code;
}

const struct command command_ps = {
    .name = "ps",
    .summary = "list the watched processes",
    .help =
        "Examples:\n"
        "  leakctl ps\n"
        "  leakctl ps --json | jq -r '.processes[] | select(.verdict == \"leak\") | .name'\n"
        "\n"
        "usage: leakctl ps [--json | --plain] [--bytes] [--no-color]\n"
        "                  [--socket PATH | --url http://127.0.0.1:7373]\n"
        "\n"
        "NAME +8: a prefork server with eight workers, judged together; NAME <4711: one of them.\n"
        "\n"
        "  --json   the API's answer, one document    --plain  tabs, no heading, no colour\n"
        "  --bytes  bytes and seconds, without units\n"
        "\n"
        "Exit: 0; 3 no daemon, 4 not permitted.\n",
    .run = run_ps,
};
