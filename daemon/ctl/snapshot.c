/* SPDX-License-Identifier: MIT */
/* leakctl snapshot, leakctl retainers: exact counts of a Python program, and who keeps what alive.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "daemon/base/buf.h"
#include "daemon/base/json.h"
#include "daemon/ctl/client.h"
#include "daemon/ctl/command.h"
#include "daemon/ctl/ctl.h"
#include "daemon/ctl/figure.h"
#include "daemon/ctl/find.h"
#include "daemon/ctl/table.h"
#include "daemon/ctl/text.h"

#define OUT_MAX    (8u << 20)
#define PATH_SIZE  256
#define ASK_MS     250
#define WAIT_MS    120000 /* leakd has given it up by then */
#define TYPES_TOLD 10

static bool is_over(const struct json_tree *snapshot)
{
    const char *state = json_get_str(snapshot, "state", "");

    return strcmp(state, "requested") != 0 && strcmp(state, "running") != 0;
}

/* ---- printing ------------------------------------------------------------------------------ */

static void put_path(struct buf *out, const struct json_tree *path)
{
    for (size_t i = 0; i < json_len(path); i++) {
        buf_puts(out, i ? " -> " : "");
        text_put_safe(out, json_text(json_at(path, i), NULL));
    }
}

static void put_retainers(struct buf *out, const struct json_tree *snapshot, const char *type)
{
    const struct json_tree *list = json_get(snapshot, "retainers");

    for (size_t i = 0; i < json_len(list); i++) {
        const struct json_tree *retainer = json_at(list, i);
        const char *name = json_get_str(retainer, "type", "");

        if (type && strcmp(type, name) != 0)
            continue;
        buf_printf(out, "%3.0f %%  ", json_get_double(retainer, "share", 0) * 100);
        put_path(out, json_get(retainer, "path"));
        buf_putc(out, '\n');
    }
}

static void put_types(const struct client *client, const struct json_tree *snapshot,
                      struct buf *out)
{
    static const char *const heads[] = {"TYPE", ">COUNT", ">BYTES", NULL};
    const struct json_tree *types = json_get(snapshot, "types");
    struct table table;

    table_init(&table, heads);
    for (size_t i = 0; i < json_len(types) && i < TYPES_TOLD; i++) {
        const struct json_tree *type = json_at(types, i);
        char text[FIGURE_MAX];

        table_put(&table, json_get_str(type, "name", NULL));
        snprintf(text, sizeof(text), "%.0f", json_get_double(type, "live_count", 0));
        table_put(&table, text);
        figure_bytes(type, "live_bytes", client->bytes, text);
        table_put(&table, text);
    }
    table_print(&table, client->plain, client_colour(client), out);
    table_done(&table);
}

static void put_head(const struct client *client, const struct json_tree *snapshot, struct buf *out)
{
    char bytes[FIGURE_MAX];

    figure_bytes(snapshot, "bytes", client->bytes, bytes);
    buf_printf(out, "snapshot %.0f: %.0f objects, %s", json_get_double(snapshot, "number", 0),
               json_get_double(snapshot, "objects", 0), bytes);
    if (!json_is_null(json_get(snapshot, "pause_us")))
        buf_printf(out, "; the process stood still for %.1f ms",
                   json_get_double(snapshot, "pause_us", 0) / 1000);
    buf_puts(out, json_get_bool(snapshot, "partial", false)
                      ? "; not everything was looked at, time or memory did not suffice\n"
                      : "\n");
}

static int say_failure(const struct client *client, const struct json_tree *snapshot)
{
    struct buf line;

    buf_init(&line, 4096);
    text_put_safe(&line, json_get_str(snapshot, "reason", "no reason was given"));
    fprintf(stderr, "leakctl %s: %s: %s\n", client->command->name,
            strcmp(json_get_str(snapshot, "state", ""), "refused") == 0 ? "refused" : "failed",
            line.data ? line.data : "");
    buf_done(&line);
    return CTL_FOUND;
}

static int print_snapshot(const struct client *client, const struct answer *answer,
                          const char *type, bool with_types)
{
    struct buf out;
    int code;

    buf_init(&out, OUT_MAX);
    if (client->json) {
        buf_put(&out, answer->text, answer->len);
        buf_putc(&out, '\n');
    } else {
        put_head(client, answer->tree, &out);
        if (with_types)
            put_types(client, answer->tree, &out);
        put_retainers(&out, answer->tree, type);
    }
    code = client_print(client, &out);
    buf_done(&out);
    return code;
}

/* ---- leakctl snapshot ----------------------------------------------------------------------- */

static void rest(void)
{
    const struct timespec span = {.tv_nsec = ASK_MS * 1000000L};

    nanosleep(&span, NULL);
}

static int follow(const struct client *client, const char *path, const char *type)
{
    for (int waited_ms = 0;; waited_ms += ASK_MS) {
        struct answer answer;
        int code = client_get(client, path, &answer);

        if (code != CTL_OK)
            return code;
        if (is_over(answer.tree) || waited_ms >= WAIT_MS) {
            code = strcmp(json_get_str(answer.tree, "state", ""), "done") == 0
                       ? print_snapshot(client, &answer, type, true)
                       : say_failure(client, answer.tree);
            answer_done(&answer);
            return code;
        }
        answer_done(&answer);
        rest();
    }
}

static int take(const struct client *client, const char *id, const char *type)
{
    char path[PATH_SIZE];
    struct answer answer;
    struct buf body;
    struct json json;
    int code;

    buf_init(&body, 4096);
    if (type) {
        json_init(&json, &body);
        json_object(&json, NULL);
        json_array(&json, "types");
        json_str(&json, NULL, type);
        json_array_end(&json);
        json_object_end(&json);
    }
    snprintf(path, sizeof(path), "/api/v1/processes/%s/snapshots", id);
    code = client_post(client, path, &body, &answer);
    buf_done(&body);
    if (code != CTL_OK)
        return code;
    snprintf(path, sizeof(path), "/api/v1/processes/%s/snapshots/%.0f", id,
             json_get_double(answer.tree, "number", 0));
    answer_done(&answer);
    return follow(client, path, type);
}

/* ---- leakctl retainers ---------------------------------------------------------------------- */

/* The last one that is done; 0 = none. */
static double last_number(const struct json_tree *list)
{
    for (size_t i = 0; i < json_len(list); i++) {
        const struct json_tree *snapshot = json_at(list, i);

        if (strcmp(json_get_str(snapshot, "state", ""), "done") == 0)
            return json_get_double(snapshot, "number", 0);
    }
    return 0;
}

static int show_last(const struct client *client, const char *id, const char *type)
{
    char path[PATH_SIZE];
    struct answer answer;
    double number;
    int code;

    snprintf(path, sizeof(path), "/api/v1/processes/%s/snapshots", id);
    code = client_get(client, path, &answer);
    if (code != CTL_OK)
        return code;
    number = last_number(json_get(answer.tree, "snapshots"));
    answer_done(&answer);
    if (number < 1) {
        fprintf(stderr, "leakctl retainers: no snapshot yet; leakctl snapshot %s takes one\n", id);
        return CTL_NOT_FOUND;
    }
    snprintf(path, sizeof(path), "/api/v1/processes/%s/snapshots/%.0f", id, number);
    code = client_get(client, path, &answer);
    if (code != CTL_OK)
        return code;
    code = print_snapshot(client, &answer, type, false);
    answer_done(&answer);
    return code;
}

/* ---- the commands --------------------------------------------------------------------------- */

static int run(const struct command *command, int argc, char **argv,
               int (*work)(const struct client *client, const char *id, const char *type))
{
    struct client client = {.command = command};
    const char *type = NULL, *what;
    const struct option_row more[] = {{"type", &type, NULL}, {NULL, NULL, NULL}};
    char id[FIND_ID_SIZE];
    int code = find_read_options(&client, more, argc, argv, &what);

    if (code != OPTION_GO_ON)
        return code;
    code = find_process_id(&client, what, id);
    return code == CTL_OK ? work(&client, id, type) : code;
}

static int run_snapshot(const struct command *command, int argc, char **argv)
{
    return run(command, argc, argv, take);
}

static int run_retainers(const struct command *command, int argc, char **argv)
{
    return run(command, argc, argv, show_last);
}

#define OPTIONS                                                                                    \
    " [--type NAME] [--json | --plain] [--bytes]\n"                                                \
    "                [--no-color] [--socket PATH | --url http://127.0.0.1:7373]\n"                 \
    "\n"                                                                                           \
    "  --type NAME  who keeps objects of this class alive, \"app.Session\"; without it those\n"    \
    "               that grow, or the largest\n"                                                   \
    "  --json       the API's answer, one document  --plain  tables with tabs, no colour\n"        \
    "  --bytes      bytes without units\n"                                                         \
    "\n"

const struct command command_snapshot = {
    .name = "snapshot",
    .summary = "count a Python program's objects, and tell who keeps them",
    .help = "Examples:\n"
            "  leakctl snapshot shop\n"
            "  leakctl snapshot 4711 --type app.Session\n"
            "\n"
            "A copy of the process is made and looked into; the process stands still meanwhile,\n"
            "20 to 30 ms for a GB of memory (longer where all processors are busy), and may need\n"
            "up to as much memory again.\n"
            "\n"
            "usage: leakctl snapshot ID|PID|NAME" OPTIONS
            "Exit: 0; 1 refused or failed, 2 one is not over yet or it cannot be taken,\n"
            "3 no daemon, 4 not permitted, 5 no such process.\n",
    .run = run_snapshot,
};

const struct command command_retainers = {
    .name = "retainers",
    .summary = "show who keeps objects alive, from the last snapshot",
    .help = "Examples:\n"
            "  leakctl retainers shop\n"
            "  leakctl retainers shop --type dict\n"
            "\n"
            "usage: leakctl retainers ID|PID|NAME" OPTIONS
            "Exit: 0; 3 no daemon, 4 not permitted, 5 no such process or no snapshot.\n",
    .run = run_retainers,
};
