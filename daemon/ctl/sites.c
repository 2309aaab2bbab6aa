/* SPDX-License-Identifier: MIT */
/* leakctl sites and types: where a process allocates, and what. */
#include <stdio.h>
#include <string.h>

#include "daemon/base/buf.h"
#include "daemon/base/json.h"
#include "daemon/ctl/client.h"
#include "daemon/ctl/command.h"
#include "daemon/ctl/ctl.h"
#include "daemon/ctl/evidence.h"
#include "daemon/ctl/find.h"

#define OUT_MAX (32u << 20)

/* What goes into a path is a word; the daemon says whether it is one it knows. */
static bool is_word(const char *text)
{
    return text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789")] == '\0';
}

static int print(const struct client *client, const struct answer *answer)
{
    bool is_sites = client->command == &command_sites;
    const struct json_tree *rows = json_get(answer->tree, client->command->name);
    struct buf out;
    int code;

    buf_init(&out, OUT_MAX);
    if (client->json)
        buf_printf(&out, "%s\n", answer->text);
    else if (is_sites)
        evidence_put_sites(client, rows, NULL, &out);
    else
        evidence_put_types(client, rows, NULL, &out);
    code = client_print(client, &out);
    if (json_len(rows) == 0)
        fprintf(stderr, "leakctl %s: none yet; %s\n", client->command->name,
                is_sites ? "a first sample comes after some 512 KiB of allocations"
                         : "types are told of Python programs that are suspect");
    buf_done(&out);
    return code;
}

static int run_list(const struct command *command, int argc, char **argv)
{
    struct client client = {.command = command};
    const char *sort = "growth", *limit = "30", *what;
    const struct option_row more[] = {{"sort", &sort, NULL}, {"limit", &limit, NULL}, {0}};
    struct answer answer = {0};
    char id[FIND_ID_SIZE], path[200];
    int code = find_read_options(&client, more, argc, argv, &what);

    if (code != OPTION_GO_ON)
        return code;
    if (!is_word(sort) || !is_word(limit)) {
        fprintf(stderr, "leakctl %s: --sort growth, live or rate; --limit 1 to 1000\n",
                command->name);
        return CTL_USAGE;
    }
    code = find_process_id(&client, what, id);
    if (code != CTL_OK)
        return code;
    snprintf(path, sizeof(path), "/api/v1/processes/%s/%s?sort=%.20s&limit=%.20s", id,
             command->name, sort, limit);
    code = client_get(&client, path, &answer);
    if (code == CTL_OK)
        code = print(&client, &answer);
    answer_done(&answer);
    return code;
}

const struct command command_sites = {
    .name = "sites",
    .summary = "list where a process allocates",
    .help = "Examples:\n"
            "  leakctl sites shop\n"
            "  leakctl sites shop --sort live --limit 5\n"
            "\n"
            "usage: leakctl sites ID|PID|NAME [--sort growth|live|rate] [--limit N]\n"
            "                    [--json | --plain] [--bytes] [--no-color]\n"
            "                    [--socket PATH | --url http://127.0.0.1:7373]\n"
            "\n"
            "  --sort   growth: what grows fastest (default); live: bytes held; rate: allocated\n"
            "  --limit  rows, 30 without\n"
            "\n"
            "Exit: 0; 3 no daemon, 4 not permitted, 5 no such process.\n",
    .run = run_list,
};

const struct command command_types = {
    .name = "types",
    .summary = "list what a Python process holds, by type",
    .help = "Examples:\n"
            "  leakctl types shop\n"
            "  leakctl types shop --sort live --json\n"
            "\n"
            "usage: leakctl types ID|PID|NAME [--sort growth|live|rate] [--limit N]\n"
            "                    [--json | --plain] [--bytes] [--no-color]\n"
            "                    [--socket PATH | --url http://127.0.0.1:7373]\n"
            "\n"
            "  --sort   growth: what grows fastest (default); live: bytes held; rate: allocated\n"
            "  --limit  rows, 30 without\n"
            "\n"
            "Exit: 0; 3 no daemon, 4 not permitted, 5 no such process.\n",
    .run = run_list,
};
