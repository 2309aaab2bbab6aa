/* SPDX-License-Identifier: MIT */
#include "daemon/leakd_options.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/base/buf.h"
#include "leakd_version.h"

#define SERVICE_CONFIG "/etc/leakd/leakd.conf"

static const char usage[] =
    "leakd watches running programs for memory that only grows.\n"
    "\n"
    "  leakd --user                      for yourself: sockets under $XDG_RUNTIME_DIR/leakd\n"
    "  leakd --config /etc/leakd/leakd.conf   as a service\n"
    "  leakd --check-config              read the configuration, say what is wrong, end\n"
    "\n"
    "Options:\n"
    "  --config FILE       configuration; FILE.d/*.conf is read after it\n"
    "  --user              user mode (the default without root and without --config)\n"
    "  --runtime-dir DIR   sockets, in user mode\n"
    "  --state-dir DIR     state, in user mode\n"
    "  --check-config      0 when the configuration is good, else 1 and the reason\n"
    "  --print-config      print the configuration in force, secrets masked\n"
    "  --version, --help\n";

int options_read(int argc, char **argv, struct options *out)
{
    static const struct option known[] = {
        {"config", required_argument, NULL, 'c'},
        {"user", no_argument, NULL, 'u'},
        {"runtime-dir", required_argument, NULL, 'r'},
        {"state-dir", required_argument, NULL, 's'},
        {"check-config", no_argument, NULL, 'k'},
        {"print-config", no_argument, NULL, 'p'},
        {"version", no_argument, NULL, 'v'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int option;

    *out = (struct options){.user_mode = false};
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        switch (option) {
        case 'c':
            out->config_path = optarg;
            break;
        case 'u':
            out->user_mode = true;
            break;
        case 'r':
            out->runtime_dir = optarg;
            break;
        case 's':
            out->state_dir = optarg;
            break;
        case 'k':
            out->check_config = true;
            break;
        case 'p':
            out->print_config = true;
            break;
        case 'v':
            puts("leakd " LEAKD_VERSION);
            return STATUS_OK;
        case 'h':
            fputs(usage, stdout);
            return STATUS_OK;
        default:
            fputs("leakd: see leakd --help\n", stderr);
            return STATUS_USAGE;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "leakd: unexpected argument '%s'; see leakd --help\n", argv[optind]);
        return STATUS_USAGE;
    }
    return -1;
}

/* Without root and without a configuration of one's own, leakd is somebody's own tool. */
void options_choose_mode(struct options *options)
{
    bool is_root = geteuid() == 0;

    if (options->runtime_dir || options->state_dir || (!is_root && !options->config_path))
        options->user_mode = true;
    if (!options->user_mode && !options->config_path && access(SERVICE_CONFIG, F_OK) == 0)
        options->config_path = SERVICE_CONFIG;
}

int options_load_conf(const struct options *options, struct conf *out)
{
    char error[CONF_ERROR_MAX] = "";
    int rc = conf_init(out, options->user_mode, options->runtime_dir, options->state_dir, error);

    if (rc == 0 && options->config_path)
        rc = conf_load(out, options->config_path, error);
    if (rc == 0)
        rc = conf_load_secrets(out, error);
    if (rc < 0)
        fprintf(stderr, "leakd: %s\n", error[0] ? error : strerror(-rc));
    return rc;
}

int options_print_conf(const struct conf *conf)
{
    struct buf text;

    buf_init(&text, 1 << 20);
    conf_print(conf, &text);
    if (!text.failed)
        fwrite(text.data, 1, text.len, stdout);
    buf_done(&text);
    return STATUS_OK;
}
