/* SPDX-License-Identifier: MIT */
/* Options of a subcommand, from a table: --name VALUE, --name=VALUE, --flag, "--". */
#ifndef LEAKD_CTL_OPTION_H
#define LEAKD_CTL_OPTION_H

#include <stdbool.h>
#include <stddef.h>

struct command;

/* A row has a text (the option takes a value) or a flag. The last row is all NULL. */
struct option_row {
    const char *name; /* without the dashes */
    const char **text;
    bool *flag;
};

/* What option_read gives when there is work to do; else it gives the exit code. */
#define OPTION_GO_ON (-1)

/*
 * Reads options, and moves the other arguments to the front of argv[1..]; *count says how many.
 * With stop_early the first of those ends the options: what follows belongs to another program.
 * --help prints the command's help (CTL_OK); a mistake is said on stderr (CTL_USAGE).
 */
int option_read(const struct command *command, const struct option_row *rows, bool stop_early,
                int argc, char **argv, int *count);

/* The name nearest to what was typed, NULL when none is near. Names end with NULL. */
const char *option_nearest(const char *typed, const char *const *names);

#endif
