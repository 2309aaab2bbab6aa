/* SPDX-License-Identifier: MIT */
#include "daemon/ctl/option.h"

#include <stdio.h>
#include <string.h>

#include "daemon/ctl/command.h"
#include "daemon/ctl/ctl.h"

#define NAME_MAX_LEN 32
#define ROWS_MAX     24

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* How many letters to change, add or drop from a to b; names longer than the table count as far. */
static unsigned distance(const char *a, const char *b)
{
    unsigned row[NAME_MAX_LEN + 1];
    size_t length = strlen(b);

    if (strlen(a) > NAME_MAX_LEN || length > NAME_MAX_LEN)
        return NAME_MAX_LEN;
    for (unsigned j = 0; j <= length; j++)
        row[j] = j;
    for (unsigned i = 1; a[i - 1]; i++) {
        unsigned corner = row[0];

        row[0] = i;
        for (unsigned j = 1; j <= length; j++) {
            unsigned change = corner + (a[i - 1] != b[j - 1]);

            corner = row[j];
            row[j] = least(change, least(row[j], row[j - 1]) + 1);
        }
    }
    return row[length];
}

const char *option_nearest(const char *typed, const char *const *names)
{
    const char *nearest = NULL;
    unsigned best = strlen(typed) < 3 ? 2 : 3; /* three wrong letters are another word */

    for (; *names; names++) {
        unsigned far = distance(typed, *names);

        if (far < best) {
            best = far;
            nearest = *names;
        }
    }
    return nearest;
}

static void say_unknown(const struct command *command, const struct option_row *rows,
                        const char *name)
{
    const char *names[ROWS_MAX + 1] = {NULL};
    const char *nearest;

    for (size_t i = 0; i < ROWS_MAX && rows[i].name; i++)
        names[i] = rows[i].name;
    nearest = option_nearest(name, names);
    if (nearest)
        fprintf(stderr, "leakctl %s: no option --%s; did you mean --%s?\n", command->name, name,
                nearest);
    else
        fprintf(stderr, "leakctl %s: no option --%s; see leakctl %s --help\n", command->name, name,
                command->name);
}

static const struct option_row *find(const struct option_row *rows, const char *name, size_t len)
{
    for (; rows->name; rows++)
        if (strlen(rows->name) == len && memcmp(rows->name, name, len) == 0)
            return rows;
    return NULL;
}

/* One option at argv[*at]; moves *at to its last word. */
static int read_one(const struct command *command, const struct option_row *rows, int argc,
                    char **argv, int *at)
{
    const char *name = argv[*at] + 2;
    const char *value = strchr(name, '=');
    const struct option_row *row = find(rows, name, value ? (size_t)(value - name) : strlen(name));

    if (!row) {
        say_unknown(command, rows, name);
        return CTL_USAGE;
    }
    if (row->flag) {
        if (value) {
            fprintf(stderr, "leakctl %s: --%s takes no value\n", command->name, row->name);
            return CTL_USAGE;
        }
        *row->flag = true;
        return OPTION_GO_ON;
    }
    if (!value && *at + 1 >= argc) {
        fprintf(stderr, "leakctl %s: --%s needs a value\n", command->name, row->name);
        return CTL_USAGE;
    }
    *row->text = value ? value + 1 : argv[++*at];
    return OPTION_GO_ON;
}

static int help(const struct command *command)
{
    fputs(command->help, stdout);
    return CTL_OK;
}

int option_read(const struct command *command, const struct option_row *rows, bool stop_early,
                int argc, char **argv, int *count)
{
    int kept = 0;
    int at = 1;

    for (; at < argc; at++) {
        const char *word = argv[at];

        if (strcmp(word, "--") == 0) {
            at++;
            break;
        }
        if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
            return help(command);
        if (word[0] == '-' && word[1] == '-') {
            if (read_one(command, rows, argc, argv, &at) != OPTION_GO_ON)
                return CTL_USAGE;
        } else if (word[0] == '-' && word[1]) {
            fprintf(stderr, "leakctl %s: no option %s; see leakctl %s --help\n", command->name,
                    word, command->name);
            return CTL_USAGE;
        } else if (stop_early) {
            break;
        } else {
            argv[1 + kept++] = argv[at];
        }
    }
    while (at < argc)
        argv[1 + kept++] = argv[at++];
    *count = kept;
    return OPTION_GO_ON;
}
