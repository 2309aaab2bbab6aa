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
#include "daemon/base/map.h"
#include "daemon/ctl/command.h"
#include "daemon/ctl/csv.h"
#include "daemon/ctl/ctl.h"
#include "daemon/ctl/option.h"
#include "daemon/ctl/replay_series.h"
#include "daemon/ctl/stream.h"

#define CHUNK_BYTES (256u * 1024)
#define OUT_MAX     (64u * 1024)
#define SERIES_MAX  10000 /* of one file: some 100 MB */
#define DAY_S       86400.0

enum replay_format { FORMAT_CSV, FORMAT_WIRE };

/* A file. */
struct replay {
    const char *name; /* shown: the base name */
    enum replay_format format;
    struct replay_settings settings;
    struct csv csv;
    struct stream stream;
    struct replay_series *first; /* in the order they appeared */
    struct replay_series *last;
    struct replay_series *current; /* of the newest row */
    struct map *by_name;
    char failed[CSV_ERROR_MAX]; /* why no more rows are taken; empty while they are */
    struct buf out;
};

/* To a tenth of a byte: more digits would claim more than is known. */
static void put_rate(struct json *json, const char *key, double bytes_per_s)
{
    char text[40];
    int len = snprintf(text, sizeof(text), "%.1f", bytes_per_s);

    json_raw(json, key, text, (size_t)len);
}

/* Seconds, the newest, of which the rate is the mean; growth without a line is seen from one day to
 * the next. */
static double window_s(const struct detect_result *result)
{
    if (!result->growth.known)
        return 0;
    return result->has_fit ? (double)(result->fit_to_ms - result->fit_from_ms) / 1000 : DAY_S;
}

static void put_event(void *arg, const struct replay_series *series)
{
    struct replay *replay = arg;
    struct detect_result result;
    struct json json;

    replay_series_read(series, &result);
    json_init(&json, &replay->out);
    json_object(&json, NULL);
    json_str(&json, "file", replay->name);
    if (series->name)
        json_str(&json, "series", series->name);
    json_double(&json, "t", series->t_s);
    json_str(&json, "verdict", verdict_name(result.verdict));
    put_rate(&json, "rate", result.growth.known ? result.growth.estimate : 0.0);
    put_rate(&json, "lower", result.growth.known ? result.growth.lower : 0.0);
    put_rate(&json, "upper", result.growth.known ? result.growth.upper : 0.0);
    json_double(&json, "window", window_s(&result));
    if (result.explained_by_load)
        json_bool(&json, "explained_by_load", true);
    if (result.oldest_die)
        json_bool(&json, "oldest_die", true);
    json_object_end(&json);
    buf_putc(&replay->out, '\n');
    fwrite(replay->out.data, 1, replay->out.len, stdout);
    buf_clear(&replay->out);
}

static struct replay_series *add_series(struct replay *replay, const struct csv_row *row)
{
    struct replay_series *series;

    if (map_count(replay->by_name) == SERIES_MAX) {
        snprintf(replay->failed, sizeof(replay->failed), "more than %d series; split the file",
                 SERIES_MAX);
        return NULL;
    }
    replay->settings.has_load = replay->format == FORMAT_WIRE || replay->csv.has[CSV_LOAD];
    series = replay_series_new(&replay->settings, row->series, row->series_len);
    if (!series || (row->series &&
                    map_put(&replay->by_name, row->series, row->series_len, series) < 0)) {
        replay_series_free(series);
        snprintf(replay->failed, sizeof(replay->failed), "out of memory");
        return NULL;
    }
    *(replay->last ? &replay->last->next : &replay->first) = series;
    replay->last = series;
    return series;
}

static bool is_named(const struct replay_series *series, const char *name, size_t len)
{
    return strncmp(series->name, name, len) == 0 && series->name[len] == '\0';
}

/* NULL: one more cannot be had. Rows of one series often stand together. */
static struct replay_series *series_of(struct replay *replay, const struct csv_row *row)
{
    struct replay_series *found = replay->current;

    if (row->series && found && !is_named(found, row->series, row->series_len))
        found = map_get(replay->by_name, row->series, row->series_len);
    return found ? found : add_series(replay, row);
}

static bool on_sample(void *arg, const struct csv_row *row)
{
    struct replay *replay = arg;

    replay->current = series_of(replay, row);
    if (!replay->current)
        return false;
    replay_series_push(replay->current, row);
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
    const char *error = is_wire ? replay->stream.error : replay->csv.error;

    fprintf(stderr, "leakctl replay: %s:%s%llu: %s\n", path, is_wire ? "byte " : "",
            (unsigned long long)place, replay->failed[0] ? replay->failed : error);
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
        if (!feed(replay, chunk, (size_t)n) || replay->failed[0])
            return say_wrong(replay, path);
        if (n == 0)
            return 0;
    }
}

/* A leak that stands at the end of a file is said again with what is known then. */
static void end_series(struct replay *replay, bool whole)
{
    struct detect_result result;

    for (struct replay_series *series = replay->first; series; series = series->next) {
        replay_series_finish(series);
        replay_series_read(series, &result);
        if (whole && result.verdict == VERDICT_LEAK)
            put_event(replay, series);
    }
}

static void drop_series(struct replay *replay)
{
    for (struct replay_series *series = replay->first, *next; series; series = next) {
        next = series->next;
        replay_series_free(series);
    }
    map_free(&replay->by_name);
}

static void start(struct replay *replay, const char *path)
{
    replay->name = basename(path);
    replay->settings.on_change = put_event;
    replay->settings.arg = replay;
    buf_init(&replay->out, OUT_MAX);
    csv_init(&replay->csv, on_sample, replay);
    stream_init(&replay->stream, on_sample, replay);
}

/* The settings stand in replay; the rest of it is used up. */
static int replay_file(struct replay *replay, const char *path, char *chunk)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int rc;

    if (fd < 0)
        return say_errno(path, errno);
    start(replay, path);
    rc = read_all(fd, path, replay, chunk);
    end_series(replay, rc == 0);
    if (replay->csv.ignored > 0)
        fprintf(stderr, "leakctl replay: %s: %u columns that replay does not know are ignored\n",
                path, replay->csv.ignored);
    drop_series(replay);
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
    settings.settings.profile = detect_profile_find(profile);
    if (!settings.settings.profile)
        fprintf(stderr, "leakctl replay: no profile \"%s\": fast, default or strict\n", profile);
    else if (!read_format(format, &settings.format))
        fprintf(stderr, "leakctl replay: no format \"%s\": csv or wire\n", format);
    else if (!read_clock(clock, &settings.settings.clock))
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
        "A CSV file begins with the header t_seconds,bytes; three more columns are used where\n"
        "they are there, others are ignored:\n"
        "  load      what the memory may follow, in any unit: requests a second, sessions. What "
        "it\n"
        "            explains is no leak.\n"
        "  oldest_s  age of the oldest object in the series. If the oldest die, it is no leak.\n"
        "  series    which series a row belongs to, of up to 10000 in one file; rows of different\n"
        "            series may stand in any order. Their lines below say \"series\" too.\n"
        "--format wire reads what an agent sent, the recorded bytes of one stream: live bytes "
        "with\n"
        "the allocations a second as load.\n"
        "--clock work lets time advance with the load instead of the clock; the rate then is that\n"
        "of the usual load.\n"
        "\n"
        "Each change of verdict is one line of JSON on standard output:\n"
        "  {\"file\":\"rss.csv\",\"t\":1216,\"verdict\":\"leak\",\"rate\":1024.5,\"lower\":983.5,"
        "\"upper\":1065.5,\"window\":1024}\n"
        "with the rate and its 95 % interval in bytes per second: the mean of so many seconds, the\n"
        "newest. A leak that stands at the end of a file is repeated with what is known then. The\n"
        "same file gives the same bytes everywhere.\n"
        "\n"
        "Exit: 0 all files were read; 2 one was not, which is said on standard error.\n",
    .run = run_replay,
};
