/* SPDX-License-Identifier: MIT */
/* The daemon's command line, and from it the configuration. Part of main: known by leakd.c alone.
 */
#ifndef LEAKD_LEAKD_OPTIONS_H
#define LEAKD_LEAKD_OPTIONS_H

#include <stdbool.h>

#include "daemon/base/conf.h"

enum exit_status { STATUS_OK = 0, STATUS_FAILED = 1, STATUS_USAGE = 2 };

struct options {
    const char *config_path;
    const char *runtime_dir;
    const char *state_dir;
    bool user_mode;
    bool check_config;
    bool print_config;
};

/* -1 to go on, else the exit status: all that was asked for is said. */
int options_read(int argc, char **argv, struct options *out);

/* Service or user mode, and the service's own configuration where none is named. */
void options_choose_mode(struct options *options);

/* 0, or a negative errno and the reason on stderr. */
int options_load_conf(const struct options *options, struct conf *out);

/* The exit status of --print-config. */
int options_print_conf(const struct conf *conf);

#endif
