/* SPDX-License-Identifier: MIT */
/* leakctl run: becomes the program, with the agent in it. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/base/conf.h"
#include "daemon/ctl/agentlib.h"
#include "daemon/ctl/command.h"
#include "daemon/ctl/ctl.h"
#include "daemon/ctl/option.h"
#include "daemon/ctl/size.h"
#include "daemon/ctl/target.h"
#include "daemon/detect/detect.h"

#define PRELOAD_MAX (64u * 1024)
/* Below, every allocation is sampled and the program crawls; above, a leak takes hours to show. */
#define PERIOD_MIN_BYTES 64
#define PERIOD_MAX_BYTES (1u << 30)
/* A test run must name its lines within minutes: many samples, and Python's hooks from the start.
 */
#define FAST_PERIOD "65536"

struct launch {
    const char *name;
    const char *period;
    const char *profile;
    const char *socket;
    char period_bytes[24];
};

static int say(const char *what, const char *value)
{
    fprintf(stderr, "leakctl run: %s \"%s\"\n", what, value);
    return CTL_USAGE;
}

static int read_launch(struct launch *launch)
{
    uint64_t bytes;

    if (launch->profile && !detect_profile_find(launch->profile))
        return say("--profile is fast, default or strict, not", launch->profile);
    if (launch->socket && strlen(launch->socket) >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
        return say("--socket is too long for a socket's path:", launch->socket);
    if (launch->period) {
        if (size_parse(launch->period, &bytes) < 0 || bytes < PERIOD_MIN_BYTES ||
            bytes > PERIOD_MAX_BYTES)
            return say("--period is a size from 64 to 1GiB, not", launch->period);
        snprintf(launch->period_bytes, sizeof(launch->period_bytes), "%" PRIu64, bytes);
    } else if (launch->profile && strcmp(launch->profile, "fast") == 0) {
        snprintf(launch->period_bytes, sizeof(launch->period_bytes), FAST_PERIOD);
    }
    return CTL_OK;
}

/* The program runs all the same: its agent connects when a daemon comes. */
static void warn_without_daemon(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    if (fd < 0)
        return;
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 && errno != EAGAIN)
        fprintf(stderr, "leakctl run: no leakd at %s (%s); running anyway\n", path,
                strerror(errno));
    close(fd);
}

static void set(const char *variable, const char *value)
{
    if (value && *value)
        setenv(variable, value, 1);
}

static void set_environment(const struct launch *launch, const char *preload)
{
    struct conf_sockets sockets;

    conf_default_sockets(&sockets);
    if (launch->socket || !getenv("LEAKD_SOCKET"))
        set("LEAKD_SOCKET", launch->socket ? launch->socket : sockets.agents);
    set("LEAKD_NAME", launch->name);
    set("LEAKD_PROFILE", launch->profile);
    set("LEAKD_PERIOD", launch->period_bytes);
    if (launch->profile && strcmp(launch->profile, "fast") == 0)
        set("LEAKD_PYTHON", "always");
    set("LD_PRELOAD", preload);
    warn_without_daemon(getenv("LEAKD_SOCKET"));
}

static int prepare(const struct launch *launch, const char *program)
{
    static char preload[PRELOAD_MAX];
    char agent[PATH_MAX];
    struct target target;
    const char *why = "";

    if (agentlib_find(agent, &why) < 0) {
        fprintf(stderr, "leakctl run: the agent %s: %s; LEAKD_AGENT can name another\n", agent,
                why);
        return CTL_CANNOT_RUN;
    }
    target_check(program, agent, &target);
    if (target.state == TARGET_NOT_FOUND || target.state == TARGET_NOT_EXECUTABLE)
        return CTL_OK; /* execvp says it */
    if (target.state != TARGET_FITS) {
        fprintf(stderr, "leakctl run: %s: %s; running it without the agent\n", target.path,
                target_state_reason(target.state));
        return CTL_OK;
    }
    if (agentlib_preload(agent, getenv("LD_PRELOAD"), preload, sizeof(preload)) < 0) {
        fputs("leakctl run: LD_PRELOAD is too long already\n", stderr);
        return CTL_CANNOT_RUN;
    }
    set_environment(launch, preload);
    return CTL_OK;
}

static int run_run(const struct command *command, int argc, char **argv)
{
    struct launch launch = {0};
    const struct option_row rows[] = {{"name", &launch.name, NULL},
                                      {"period", &launch.period, NULL},
                                      {"profile", &launch.profile, NULL},
                                      {"socket", &launch.socket, NULL},
                                      {NULL, NULL, NULL}};
    int count, code;

    code = option_read(command, rows, true, argc, argv, &count);
    if (code != OPTION_GO_ON)
        return code;
    if (count == 0) {
        fputs("leakctl run: no program; see leakctl run --help\n", stderr);
        return CTL_USAGE;
    }
    code = read_launch(&launch);
    if (code == CTL_OK)
        code = prepare(&launch, argv[1]);
    if (code != CTL_OK)
        return code;
    argv[1 + count] = NULL;
    execvp(argv[1], argv + 1);
    fprintf(stderr, "leakctl run: %s: %s\n", argv[1], strerror(errno));
    return errno == ENOENT ? CTL_NO_PROGRAM : CTL_CANNOT_RUN;
}

const struct command command_run = {
    .name = "run",
    .summary = "run a program under the agent",
    .help =
        "Examples:\n"
        "  leakctl run -- python3 server.py\n"
        "  leakctl run --name shop --profile fast -- ./shop --port 8080\n"
        "\n"
        "usage: leakctl run [--name N] [--period BYTES] [--profile P] [--socket PATH] -- CMD...\n"
        "\n"
        "  --name N        how the process is called in leakd; else its file name\n"
        "  --period BYTES  bytes between two samples, e.g. 64KiB; smaller names lines sooner\n"
        "                  and costs more (512KiB; 64KiB with --profile fast)\n"
        "  --profile P     fast (tests, demos), default, or strict (pages somebody)\n"
        "  --socket PATH   leakd's socket for agents; else yours, else the service's\n"
        "\n"
        "Environment: LEAKD_AGENT names another libleakagent.so.\n"
        "Exit: the program's own; 126 or 127 when it cannot be run, 2 for wrong usage.\n",
    .run = run_run,
};
