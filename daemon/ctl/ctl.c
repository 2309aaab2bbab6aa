/* SPDX-License-Identifier: MIT */
#include "daemon/ctl/ctl.h"

#include <stdio.h>
#include <string.h>

#include "daemon/ctl/command.h"
#include "daemon/ctl/option.h"
#include "leakd_version.h"

static const struct command *const commands[] = {
    &command_run,     &command_ps,     &command_show,      &command_sites,   &command_types,
    &command_diff,    &command_export, &command_snapshot,
    &command_retainers, &command_incidents, &command_ack,     &command_silence,
    &command_resolve, &command_mark,   &command_receivers, &command_webhook, &command_replay,
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_help(FILE *to)
{
    fputs("Examples:\n"
          "  leakctl run -- python3 server.py    run a program under the agent\n"
          "  leakctl ps                          what is watched, and what grows\n"
          "  leakctl show server.py              why, where, and until when\n"
          "\n"
          "usage: leakctl COMMAND [OPTION...] [ARGUMENT...]\n"
          "\n"
          "Commands:\n",
          to);
    for (size_t i = 0; i < COMMANDS; i++)
        fprintf(to, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
    fputs(
        "\n"
        "leakctl COMMAND --help says more. leakctl --version says which.\n"
        "\n"
        "Exit: 0 done, 1 a leak was found, 2 wrong usage or input, 3 no daemon, 4 not permitted,\n"
        "5 not found, 124 timed out; leakctl run gives the program's own.\n",
        to);
}

static int say_unknown(const char *typed)
{
    const char *names[COMMANDS + 1] = {NULL};
    const char *nearest;

    for (size_t i = 0; i < COMMANDS; i++)
        names[i] = commands[i]->name;
    nearest = option_nearest(typed, names);
    if (nearest)
        fprintf(stderr, "leakctl: no command \"%s\"; did you mean \"%s\"?\n", typed, nearest);
    else
        fprintf(stderr, "leakctl: no command \"%s\"; see leakctl --help\n", typed);
    return CTL_USAGE;
}

int ctl_main(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return CTL_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        print_help(stdout);
        return CTL_OK;
    }
    if (strcmp(argv[1], "--version") == 0) {
        puts("leakctl " LEAKD_VERSION);
        return CTL_OK;
    }
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(commands[i]->name, argv[1]) == 0)
            return commands[i]->run(commands[i], argc - 1, argv + 1);
    return say_unknown(argv[1]);
}
