/* SPDX-License-Identifier: MIT */
/* leakctl export: the call stacks of a process for other tools. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/ctl/client.h"
#include "daemon/ctl/command.h"
#include "daemon/ctl/ctl.h"
#include "daemon/ctl/find.h"

static const char *const formats[] = {"pprof", "speedscope", "collapsed"};

static bool is_format(const char *format)
{
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
        if (strcmp(formats[i], format) == 0)
            return true;
    return false;
}

static int say_file(const char *path)
{
    fprintf(stderr, "leakctl export: %s: %s\n", path, strerror(errno));
    return CTL_USAGE;
}

static int write_document(const struct answer *answer, const char *path)
{
    FILE *file = path ? fopen(path, "we") : stdout;
    size_t written;

    if (!file)
        return say_file(path);
    written = fwrite(answer->text, 1, answer->len, file);
    if (written == answer->len && (path ? fclose(file) : fflush(file)) == 0)
        return CTL_OK;
    return say_file(path ? path : "standard output");
}

static int run_export(const struct command *command, int argc, char **argv)
{
    struct client client = {.command = command};
    const char *format = "pprof", *output = NULL, *what;
    const struct option_row more[] = {{"format", &format, NULL}, {"output", &output, NULL}, {0}};
    struct answer answer = {0};
    char id[FIND_ID_SIZE], path[200];
    int code = find_read_options(&client, more, argc, argv, &what);

    if (code != OPTION_GO_ON)
        return code;
    if (!is_format(format)) {
        fprintf(stderr, "leakctl export: no format \"%s\"; pprof, speedscope or collapsed\n",
                format);
        return CTL_USAGE;
    }
    if (!output && strcmp(format, "pprof") == 0 && isatty(STDOUT_FILENO)) {
        fputs("leakctl export: pprof is binary and this is a terminal; name a file by --output\n",
              stderr);
        return CTL_USAGE;
    }
    code = find_process_id(&client, what, id);
    if (code != CTL_OK)
        return code;
    snprintf(path, sizeof(path), "/api/v1/processes/%s/export?format=%s", id, format);
    code = client_get_document(&client, path, &answer);
    if (code == CTL_OK)
        code = write_document(&answer, output);
    answer_done(&answer);
    return code;
}

const struct command command_export = {
    .name = "export",
    .summary = "write a process's call stacks for other tools",
    .help = "Examples:\n"
            "  leakctl export shop --output shop.pb.gz && go tool pprof -http : shop.pb.gz\n"
            "  leakctl export shop --format speedscope --output shop.speedscope.json\n"
            "  leakctl export shop --format collapsed | flamegraph.pl > shop.svg\n"
            "\n"
            "usage: leakctl export ID|PID|NAME [--format pprof|speedscope|collapsed]\n"
            "                     [--output FILE] [--socket PATH | --url http://127.0.0.1:7373]\n"
            "\n"
            "  --format  pprof (default): profile.proto, gzip'd; live and allocated, bytes and\n"
            "            counts. speedscope: its JSON. collapsed: live bytes, a stack a line\n"
            "  --output  a file instead of standard output\n"
            "\n"
            "Exit: 0; 2 cannot write; 3 no daemon, 4 not permitted, 5 no such process.\n",
    .run = run_export,
};
