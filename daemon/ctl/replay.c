/* SPDX-License-Identifier: MIT */
/* leakctl replay: the detector on recorded series. Reads no clock and nothing of this machine, so
 * that the same files give the same bytes everywhere. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
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
#include "daemon/ctl/stream.h"
#include "daemon/detect/detect.h"
#include "daemon/detect/load.h"

#define CHUNK_BYTES (256u * 1024)
#define FIRST_MAX   33 /* samples that say the sampling interval and the usual load */
#define OUT_MAX     (64u * 1024)

/* How a series is judged. */
enum replay_clock { CLOCK_TIME, CLOCK_WORK };
enum replay_format { FORMAT_CSV, FORMAT_WIRE };

struct replay {
    const char *name; /* shown: the base name */
    const struct detect_profile *profile;
    enum replay_clock clock;
    enum replay_format format;
    struct csv csv;
    struct stream stream;
    bool running; /* the interval is known */
    bool has_load;
    double t;    /* of the newest sample */
    double load; /* the newest known */
    struct detector plain;
    struct load_detector with_load;
    struct work_clock work;
    uint64_t work_ms; /* of the newest sample */
    unsigned first_count;
    struct csv_row first[FIRST_MAX];
    struct buf out;
};

static void read_result(const struct replay *replay, struct detect_result *out)
{
    if (replay->has_load && replay->clock == CLOCK_TIME)
        load_read(&replay->with_load, out);
    else
        detector_read(&replay->plain, out);
}

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

    read_result(replay, &result);
    json_init(&json, &replay->out);
    json_object(&json, NULL);
    json_str(&json, "file", replay->name);
    json_double(&json, "t", replay->t);
    json_str(&json, "verdict", verdict_name(result.verdict));
    put_rate(&json, "rate", result.growth.known ? result.growth.estimate : 0.0);
    put_rate(&json, "lower", result.growth.known ? result.growth.lower : 0.0);
    put_rate(&json, "upper", result.growth.known ? result.growth.upper : 0.0);
    if (result.explained_by_load)
        json_bool(&json, "explained_by_load", true);
    if (result.oldest_die)
        json_bool(&json, "oldest_die", true);
    json_object_end(&json);
    buf_putc(&replay->out, '\n');
    fwrite(replay->out.data, 1, replay->out.len, stdout);
    buf_clear(&replay->out);
}

/* Time stands still in work while there is none: then there is nothing to push. */
static bool push_work(struct replay *replay, struct detect_sample *sample)
{
    bool is_first = !replay->work.has_started;
    uint64_t work_ms = work_clock_ms(&replay->work, sample->time_ms, replay->load);

    if (!is_first && work_ms <= replay->work_ms)
        return false;
    replay->work_ms = work_ms;
    sample->time_ms = work_ms;
    return detector_push(&replay->plain, sample);
}

/* An age of 0 is one too. */
static uint64_t age_ms(double seconds)
{
    return seconds < CSV_TIME_MAX_S ? (uint64_t)(seconds * 1000) + 1 : 0;
}

static void push(struct replay *replay, const struct csv_row *row)
{
    struct detect_sample sample = {.time_ms = (uint64_t)(row->value[CSV_TIME] * 1000 + 0.5),
                                   .bytes = row->value[CSV_BYTES]};
    bool changed;

    replay->t = row->value[CSV_TIME];
    if (!isnan(row->value[CSV_OLDEST]))
        sample.oldest_ms = age_ms(row->value[CSV_OLDEST]);
    if (!isnan(row->value[CSV_LOAD]))
        replay->load = row->value[CSV_LOAD];
    if (!replay->has_load)
        changed = detector_push(&replay->plain, &sample);
    else if (replay->clock == CLOCK_TIME)
        changed = load_push(&replay->with_load, &sample, replay->load);
    else
        changed = push_work(replay, &sample);
    if (changed)
        put_event(replay);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double *values, unsigned n)
{
    qsort(values, n, sizeof(values[0]), compare);
    return values[n / 2];
}

/* Median distance of the first samples: one hole or clock jump there changes nothing. */
static uint64_t first_step_ms(const struct replay *replay)
{
    double steps[FIRST_MAX];
    unsigned n = 0;

    for (unsigned i = 1; i < replay->first_count; i++) {
        double step = replay->first[i].value[CSV_TIME] - replay->first[i - 1].value[CSV_TIME];

        if (step > 0)
            steps[n++] = step;
    }
    return n > 0 ? (uint64_t)(median(steps, n) * 1000 + 0.5) : 1000;
}

static double first_load(const struct replay *replay)
{
    double loads[FIRST_MAX];
    unsigned n = 0;

    for (unsigned i = 0; i < replay->first_count; i++)
        if (!isnan(replay->first[i].value[CSV_LOAD]))
            loads[n++] = replay->first[i].value[CSV_LOAD];
    return n > 0 ? median(loads, n) : 0;
}

static void start(struct replay *replay)
{
    uint64_t step_ms = first_step_ms(replay);

    replay->running = true;
    replay->has_load = replay->format == FORMAT_WIRE || replay->csv.has[CSV_LOAD];
    replay->load = first_load(replay);
    detector_init(&replay->plain, replay->profile, step_ms, 1);
    load_init(&replay->with_load, replay->profile, step_ms);
    work_clock_init(&replay->work, replay->load);
    for (unsigned i = 0; i < replay->first_count; i++)
        push(replay, &replay->first[i]);
}

static bool on_sample(void *arg, const struct csv_row *row)
{
    struct replay *replay = arg;

    if (replay->running) {
        push(replay, row);
        return true;
    }
    replay->first[replay->first_count] = *row;
    if (++replay->first_count == FIRST_MAX)
        start(replay);
    return true;
}

static int say_errno(const char *path, int error)
{
    fprintf(stderr, "leakctl replay: %s: %s\n", path, strerror(error));
    return -error;
}

static bool feed(struct replay *replay, const char *data, size_t len)
{
    if (replay->format == FORMAT_WIRE)
        return len > 0 ? stream_feed(&replay->stream, data, len) : stream_finish(&replay->stream);
    return len > 0 ? csv_feed(&replay->csv, data, len) : csv_finish(&replay->csv);
}

static int say_wrong(const struct replay *replay, const char *path)
{
    bool is_wire = replay->format == FORMAT_WIRE;
    uint64_t place = is_wire ? replay->stream.offset : replay->csv.line;

    fprintf(stderr, "leakctl replay: %s:%s%llu: %s\n", path, is_wire ? "byte " : "",
            (unsigned long long)place, is_wire ? replay->stream.error : replay->csv.error);
    return -EINVAL;
}

static int read_all(int fd, const char *path, struct replay *replay, char *chunk)
{
    for (;;) {
        ssize_t n = read(fd, chunk, CHUNK_BYTES);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return say_errno(path, errno);
        if (!feed(replay, chunk, (size_t)n))
            return say_wrong(replay, path);
        if (n == 0)
            return 0;
    }
}

static void put_end(struct replay *replay)
{
    struct detect_result result;

    read_result(replay, &result);
    if (result.verdict == VERDICT_LEAK)
        put_event(replay);
}

/* The settings stand in replay; the rest of it is used up. */
static int replay_file(struct replay *replay, const char *path, char *chunk)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int rc;

    if (fd < 0)
        return say_errno(path, errno);
    replay->name = basename(path);
    buf_init(&replay->out, OUT_MAX);
    csv_init(&replay->csv, on_sample, replay);
    stream_init(&replay->stream, on_sample, replay);
    rc = read_all(fd, path, replay, chunk);
    if (!replay->running && replay->first_count > 0)
        start(replay);
    if (rc == 0 && replay->running)
        put_end(replay);
    if (replay->csv.ignored > 0)
        fprintf(stderr, "leakctl replay: %s: %u columns that replay does not know are ignored\n",
                path, replay->csv.ignored);
    buf_done(&replay->out);
    close(fd);
    return rc;
}

static int replay_files(const struct replay *settings, char **paths, int count)
{
    struct replay *replay = malloc(sizeof(*replay));
    char *chunk = malloc(CHUNK_BYTES);
    int code = CTL_OK;

    if (!chunk || !replay) {
        free(replay);
        free(chunk);
        fputs("leakctl replay: out of memory\n", stderr);
        return CTL_USAGE;
    }
    for (int i = 0; i < count; i++) {
        *replay = *settings;
        if (replay_file(replay, paths[i], chunk) < 0)
            code = CTL_USAGE;
    }
    free(replay);
    free(chunk);
    if (fflush(stdout) != 0) {
        fprintf(stderr, "leakctl replay: standard output: %s\n", strerror(errno));
        return CTL_USAGE;
    }
    return code;
}

static bool read_clock(const char *name, enum replay_clock *clock)
{
    *clock = strcmp(name, "work") == 0 ? CLOCK_WORK : CLOCK_TIME;
    return *clock == CLOCK_WORK || strcmp(name, "time") == 0;
}

static bool read_format(const char *name, enum replay_format *format)
{
    *format = strcmp(name, "wire") == 0 ? FORMAT_WIRE : FORMAT_CSV;
    return *format == FORMAT_WIRE || strcmp(name, "csv") == 0;
}

static int run_replay(const struct command *command, int argc, char **argv)
{
    const char *format = "csv";
    const char *profile = "default";
    const char *clock = "time";
    const struct option_row rows[] = {{"format", &format, NULL},
                                      {"profile", &profile, NULL},
                                      {"clock", &clock, NULL},
                                      {NULL, NULL, NULL}};
    static struct replay settings; /* two buffers are too much for a stack */
    int count, code;

    code = option_read(command, rows, false, argc, argv, &count);
    if (code != OPTION_GO_ON)
        return code;
    settings.profile = detect_profile_find(profile);
    if (!settings.profile)
        fprintf(stderr, "leakctl replay: no profile \"%s\": fast, default or strict\n", profile);
    else if (!read_format(format, &settings.format))
        fprintf(stderr, "leakctl replay: no format \"%s\": csv or wire\n", format);
    else if (!read_clock(clock, &settings.clock))
        fprintf(stderr, "leakctl replay: no clock \"%s\": time or work\n", clock);
    else if (count == 0)
        fputs("leakctl replay: no file; see leakctl replay --help\n", stderr);
    else
        return replay_files(&settings, argv + 1, count);
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
        "usage: leakctl replay [--format csv|wire] [--profile fast|default|strict]\n"
        "                      [--clock time|work] FILE...\n"
        "\n"
        "A CSV file begins with the header t_seconds,bytes; two more columns are used where they\n"
        "are there, others are ignored:\n"
        "  load      what the memory may follow, in any unit: requests a second, sessions. What "
        "it\n"
        "            explains is no leak.\n"
        "  oldest_s  age of the oldest object in the series. If the oldest die, it is no leak.\n"
        "--format wire reads what an agent sent, the recorded bytes of one stream: live bytes "
        "with\n"
        "the allocations a second as load.\n"
        "--clock work lets time advance with the load instead of the clock; the rate then is that\n"
        "of the usual load.\n"
        "\n"
        "Each change of verdict is one line of JSON on standard output:\n"
        "  {\"file\":\"rss.csv\",\"t\":1216,\"verdict\":\"leak\",\"rate\":1024.5,\"lower\":983.5,"
        "\"upper\":1065.5}\n"
        "with the rate and its 95 % interval in bytes per second. A leak that stands at the end\n"
        "of a file is repeated with what is known then. The same file gives the same bytes\n"
        "everywhere.\n"
        "\n"
        "Exit: 0 all files were read; 2 one was not, which is said on standard error.\n",
    .run = run_replay,
};
