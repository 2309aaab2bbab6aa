/* SPDX-License-Identifier: MIT */
/* The table of subcommands: a row each, in the file of its noun. */
#ifndef LEAKD_CTL_COMMAND_H
#define LEAKD_CTL_COMMAND_H

struct command {
    const char *name;
    const char *summary; /* one line, for `leakctl --help` */
    const char *help;    /* examples first */
    /* argv[0] is the subcommand's name. Returns the exit code. */
    int (*run)(const struct command *command, int argc, char **argv);
};

extern const struct command command_run;
extern const struct command command_ps;
extern const struct command command_show;
extern const struct command command_snapshot;
extern const struct command command_retainers;
extern const struct command command_sites;
extern const struct command command_types;
extern const struct command command_diff;
extern const struct command command_export;
extern const struct command command_incidents;
extern const struct command command_ack;
extern const struct command command_silence;
extern const struct command command_resolve;
extern const struct command command_mark;
extern const struct command command_receivers;
extern const struct command command_webhook;
extern const struct command command_replay;

#endif
