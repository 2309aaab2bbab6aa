/* SPDX-License-Identifier: MIT */
/* leakctl replay: the detector on recorded series. Reads no clock and nothing of this machine, so
 * that the same files give the same bytes everywhere. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/base/buf.h"
#include "daemon/base/json.h"
#include "daemon/ctl/command.h"
#include "daemon/ctl/csv.h"
#include "daemon/ctl/ctl.h"
#include "daemon/ctl/option.h"
#include "daemon/detect/detect.h"

#define CHUNK_BYTES (256u * 1024)
#define FIRST_MAX   33 /* samples whose distances say the sampling interval */
#define OUT_MAX     (64u * 1024)

struct replay {
    const char *name; /* shown: the base name */
    const struct detect_profile *profile;
    struct detector detector;
    bool running; /* the interval is known */
    double t;     /* of the newest sample */
    unsigned first_count;
    struct {
        double t;
        double bytes;
    } first[FIRST_MAX];
    struct buf out;
};

/* To a tenth of a byte: more digits would claim more than is known. */
static void put_rate(struct json *json, const char *key, double bytes_per_s)
{
    char text[40];
    int len = snprintf(text, sizeof(text), "%.1f", bytes_per_s);

    json_raw(json, key, text, (size_t)len);
}

static void put_event(struct replay *replay)
{
    struct detect_result result;
    struct json json;

    detector_read(&replay->detector, &result);
    json_init(&json, &replay->out);
    json_object(&json, NULL);
    json_str(&json, "file", replay->name);
    json_double(&json, "t", replay->t);
    json_str(&json, "verdict", verdict_name(result.verdict));
    put_rate(&json, "rate", result.growth.known ? result.growth.estimate : 0.0);
    put_rate(&json, "lower", result.growth.known ? result.growth.lower : 0.0);
    put_rate(&json, "upper", result.growth.known ? result.growth.upper : 0.0);
    json_object_end(&json);
    buf_putc(&replay->out, '\n');
    fwrite(replay->out.data, 1, replay->out.len, stdout);
    buf_clear(&replay->out);
}

static void push(struct replay *replay, double t, double bytes)
{
    struct detect_sample sample = {.time_ms = (uint64_t)(t * 1000 + 0.5), .bytes = bytes};

    replay->t = t;
    if (detector_push(&replay->detector, &sample))
        put_event(replay);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Median distance of the first samples: one hole or clock jump there changes nothing. */
static uint64_t first_step_ms(const struct replay *replay)
{
    double steps[FIRST_MAX];
    unsigned n = 0;

    for (unsigned i = 1; i < replay->first_count; i++)
        if (replay->first[i].t > replay->first[i - 1].t)
            steps[n++] = replay->first[i].t - replay->first[i - 1].t;
    if (n == 0)
        return 1000;
    qsort(steps, n, sizeof(steps[0]), compare);
    return (uint64_t)(steps[n / 2] * 1000 + 0.5);
}

static void start(struct replay *replay)
{
    replay->running = true;
    detector_init(&replay->detector, replay->profile, first_step_ms(replay), 1);
    for (unsigned i = 0; i < replay->first_count; i++)
        push(replay, replay->first[i].t, replay->first[i].bytes);
}

static bool on_sample(void *arg, double t, double bytes)
{
    struct replay *replay = arg;

    if (replay->running) {
        push(replay, t, bytes);
        return true;
    }
    replay->first[replay->first_count].t = t;
    replay->first[replay->first_count].bytes = bytes;
    if (++replay->first_count == FIRST_MAX)
        start(replay);
    return true;
}

static int say_errno(const char *path, int error)
{
    fprintf(stderr, "leakctl replay: %s: %s\n", path, strerror(error));
    return -error;
}

static int read_all(int fd, const char *path, struct csv *csv, char *chunk)
{
    for (;;) {
        ssize_t n = read(fd, chunk, CHUNK_BYTES);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return say_errno(path, errno);
        if (n == 0 ? csv_finish(csv) : csv_feed(csv, chunk, (size_t)n)) {
            if (n > 0)
                continue;
            return 0;
        }
        fprintf(stderr, "leakctl replay: %s:%llu: %s\n", path, (unsigned long long)csv->line,
                csv->error);
        return -EINVAL;
    }
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static int replay_file(const struct detect_profile *profile, const char *path, char *chunk)
{
    struct replay replay = {.name = base_name(path), .profile = profile};
    struct csv csv;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int rc;

    if (fd < 0)
        return say_errno(path, errno);
    buf_init(&replay.out, OUT_MAX);
    csv_init(&csv, on_sample, &replay);
    rc = read_all(fd, path, &csv, chunk);
    if (!replay.running && replay.first_count > 0)
        start(&replay);
    if (rc == 0 && replay.running && replay.detector.verdict == VERDICT_LEAK)
        put_event(&replay);
    if (csv.ignored > 0)
        fprintf(stderr, "leakctl replay: %s: %u columns besides t_seconds and bytes are ignored\n",
                path, csv.ignored);
    buf_done(&replay.out);
    close(fd);
    return rc;
}

static int replay_files(const struct detect_profile *profile, char **paths, int count)
{
    char *chunk = malloc(CHUNK_BYTES);
    int code = CTL_OK;

    if (!chunk) {
        fputs("leakctl replay: out of memory\n", stderr);
        return CTL_USAGE;
    }
    for (int i = 0; i < count; i++)
        if (replay_file(profile, paths[i], chunk) < 0)
            code = CTL_USAGE;
    free(chunk);
    if (fflush(stdout) != 0) {
        fprintf(stderr, "leakctl replay: standard output: %s\n", strerror(errno));
        return CTL_USAGE;
    }
    return code;
}

static int run_replay(const struct command *command, int argc, char **argv)
{
    const char *format = "csv";
    const char *profile_name = "default";
    const struct option_row rows[] = {
        {"format", &format, NULL}, {"profile", &profile_name, NULL}, {NULL, NULL, NULL}};
    const struct detect_profile *profile;
    int count;

    switch (option_read(command, rows, false, argc, argv, &count)) {
    case OPTION_HELP:
        return CTL_OK;
    case OPTION_WRONG:
        return CTL_USAGE;
    case OPTION_DONE:
        break;
    }
    profile = detect_profile_find(profile_name);
    if (!profile)
        fprintf(stderr, "leakctl replay: no profile \"%s\": fast, default or strict\n",
                profile_name);
    else if (strcmp(format, "csv") != 0)
        fprintf(stderr, "leakctl replay: no format \"%s\": csv\n", format);
    else if (count == 0)
        fputs("leakctl replay: no file; see leakctl replay --help\n", stderr);
    else
        return replay_files(profile, argv + 1, count);
    return CTL_USAGE;
}

const struct command command_replay = {
    .name = "replay",
    .summary = "run the detector over recorded series",
    .help =
        "Examples:\n"
        "  leakctl replay rss.csv\n"
        "  leakctl replay --profile fast recorded/*.csv | grep '\"leak\"'\n"
        "\n"
        "usage: leakctl replay [--format csv] [--profile fast|default|strict] FILE...\n"
        "\n"
        "A CSV file begins with the header t_seconds,bytes; further columns are ignored.\n"
        "Each change of verdict is one line of JSON on standard output:\n"
        "  {\"file\":\"rss.csv\",\"t\":1216,\"verdict\":\"leak\",\"rate\":1024.5,"
        "\"lower\":998.1,\"upper\":1050.9}\n"
        "with the rate and its 95 % interval in bytes per second. A leak that stands at the end\n"
        "of a file is repeated with what is known then. The same file gives the same bytes\n"
        "everywhere.\n"
        "\n"
        "Exit: 0 all files were read; 2 one was not, which is said on standard error.\n",
    .run = run_replay,
};
