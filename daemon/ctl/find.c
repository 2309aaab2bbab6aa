/* SPDX-License-Identifier: MIT */
#include "daemon/ctl/find.h"

#include <stdio.h>
#include <string.h>

#include "daemon/base/json.h"
#include "daemon/ctl/command.h"
#include "daemon/ctl/ctl.h"

/* Who is meant by a name that several have: the living, and of a prefork server its first process,
 * which speaks for its workers. */
static int standing(const struct json_tree *process)
{
    if (strcmp(json_get_str(process, "state", ""), "watching") != 0)
        return 0;
    return json_get_double(json_get(process, "group"), "members", 0) > 0 ? 2 : 1;
}

static bool matches(const struct json_tree *process, const char *what)
{
    char pid[32];

    snprintf(pid, sizeof(pid), "%.0f", json_get_double(process, "pid", 0));
    return strcmp(pid, what) == 0 || strcmp(json_get_str(process, "name", ""), what) == 0;
}

/* *others counts equals. */
static const struct json_tree *find(const struct list *processes, const char *what,
                                    unsigned *others)
{
    const struct json_tree *found = NULL;

    *others = 0;
    for (size_t i = 0; i < list_len(processes); i++)
        if (strcmp(json_get_str(list_at(processes, i), "id", ""), what) == 0)
            return list_at(processes, i);
    for (size_t i = 0; i < list_len(processes); i++) {
        const struct json_tree *process = list_at(processes, i);

        if (!matches(process, what) || (found && standing(found) > standing(process)))
            continue;
        *others = found && standing(found) == standing(process) ? *others + 1 : 0;
        found = process;
    }
    return found;
}

/* Ids are the daemon's, but go into a path only when they are plain. */
static bool is_plain(const char *id)
{
    return *id && id[strspn(id, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "-_.")] == '\0';
}

int find_process(const struct client *client, const char *what, struct list *processes,
                 const struct json_tree **out, char id[FIND_ID_SIZE])
{
    const char *name = client->command->name;
    unsigned others;
    int code = client_get_list(client, "/api/v1/processes", "processes", processes);

    if (code != CTL_OK)
        return code;
    *out = find(processes, what, &others);
    if (!*out) {
        fprintf(stderr, "leakctl %s: no process \"%s\"; leakctl ps lists them\n", name, what);
        return CTL_NOT_FOUND;
    }
    if (others > 0)
        fprintf(stderr, "leakctl %s: %u more are called \"%s\"; leakctl ps has their ids\n", name,
                others, what);
    snprintf(id, FIND_ID_SIZE, "%s", json_get_str(*out, "id", ""));
    if (!is_plain(id)) {
        fprintf(stderr,
                "leakctl %s: the daemon named a process in a way that cannot be asked for\n", name);
        return CTL_UNREACHABLE;
    }
    return CTL_OK;
}

int find_process_id(const struct client *client, const char *what, char id[FIND_ID_SIZE])
{
    const struct json_tree *process;
    struct list processes;
    int code = find_process(client, what, &processes, &process, id);

    list_done(&processes);
    return code;
}

int find_read_options(struct client *client, const struct option_row *more, int argc, char **argv,
                      const char **what)
{
    int count;
    int code = client_read_options(client, more, argc, argv, &count);

    if (code != OPTION_GO_ON)
        return code;
    if (count != 1) {
        fprintf(stderr, "leakctl %s: takes one id, pid or name; leakctl ps lists them\n",
                client->command->name);
        return CTL_USAGE;
    }
    *what = argv[1];
    return OPTION_GO_ON;
}
