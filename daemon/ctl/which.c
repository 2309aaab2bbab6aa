/* SPDX-License-Identifier: MIT */
#include "daemon/ctl/which.h"

#include <stdio.h>
#include <string.h>

#include "daemon/base/json.h"
#include "daemon/ctl/client.h"
#include "daemon/ctl/command.h"
#include "daemon/ctl/ctl.h"

static bool is_alive(const struct json_tree *process)
{
    return strcmp(json_get_str(process, "state", ""), "watching") == 0;
}

static bool matches(const struct json_tree *process, const char *what)
{
    char pid[32];

    snprintf(pid, sizeof(pid), "%.0f", json_get_double(process, "pid", 0));
    return strcmp(pid, what) == 0 || strcmp(json_get_str(process, "name", ""), what) == 0;
}

const struct json_tree *which_find(const struct list *processes, const char *what, unsigned *others)
{
    const struct json_tree *found = NULL;

    *others = 0;
    for (size_t i = 0; i < list_len(processes); i++)
        if (strcmp(json_get_str(list_at(processes, i), "id", ""), what) == 0)
            return list_at(processes, i);
    for (size_t i = 0; i < list_len(processes); i++) {
        const struct json_tree *process = list_at(processes, i);

        if (!matches(process, what) || (found && is_alive(found) && !is_alive(process)))
            continue;
        *others = found && is_alive(found) == is_alive(process) ? *others + 1 : 0;
        found = process;
    }
    return found;
}

bool which_is_plain(const char *id)
{
    return *id && id[strspn(id, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "-_.")] == '\0';
}

static int take_id(const struct client *client, const struct list *processes, const char *what,
                   char id[WHICH_ID_MAX])
{
    const char *name = client->command->name;
    unsigned others;
    const struct json_tree *process = which_find(processes, what, &others);

    if (!process) {
        fprintf(stderr, "leakctl %s: no process \"%s\"; leakctl ps lists them\n", name, what);
        return CTL_NOT_FOUND;
    }
    if (others > 0)
        fprintf(stderr, "leakctl %s: %u more are called \"%s\"; leakctl ps has their ids\n", name,
                others, what);
    snprintf(id, WHICH_ID_MAX, "%s", json_get_str(process, "id", ""));
    if (which_is_plain(id))
        return CTL_OK;
    fprintf(stderr, "leakctl %s: the daemon named a process in a way that cannot be asked for\n",
            name);
    return CTL_UNREACHABLE;
}

int which_process(const struct client *client, const char *what, char id[WHICH_ID_MAX])
{
    struct list processes;
    int code = client_get_list(client, "/api/v1/processes", "processes", &processes);

    if (code == CTL_OK)
        code = take_id(client, &processes, what, id);
    list_done(&processes);
    return code;
}
