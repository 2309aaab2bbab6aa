/* SPDX-License-Identifier: MIT */
#include "daemon/leakd_history.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/clock.h"
#include "daemon/base/conf.h"
#include "daemon/base/log.h"
#include "daemon/base/procfs.h"
#include "daemon/http/http.h"
#include "daemon/http/later.h"
#include "daemon/store/history.h"
#include "daemon/store/store.h"

#define STEP_MS       4000u              /* with the tick's second at most five are lost */
#define QUESTIONS_MAX 32u                /* in one run; a hundred agents come back within seconds */
#define READERS_MAX   8u                 /* a past may be megabytes */
#define MEMORY_MS     (6u * 3600 * 1000) /* what a series holds */
/* Of [store] size_max; the journal has the rest. */
#define HISTORY_SHARE(bytes) ((bytes) / 4 * 3)

/* A client who waits for a process's past. */
struct reader {
    struct later *later;
    char name[HISTORY_NAME_SIZE];
    bool is_rss;
    uint64_t from_wall_ms;
    uint64_t to_wall_ms;
};

struct leakd_history {
    uv_loop_t *loop;
    struct store *store;
    struct history *history;
    uv_work_t work;
    struct history_work now; /* the worker's while it runs */
    char asked[QUESTIONS_MAX][40];
    struct reader readers[READERS_MAX]; /* the first of them are in the run */
    size_t reader_count;
    size_t running_readers;
    char boot_id[PROCFS_BOOT_ID_SIZE];
    struct history_status status;
    uint64_t next_ms;
    uint64_t left_out; /* samples that a slow or broken disk has cost */
    bool is_running;
    bool is_closing;
    void (*on_closed)(void *arg);
    void *arg;
};

static void write_name(const struct leakd_history *history, const struct process *process,
                       char out[HISTORY_NAME_SIZE])
{
    snprintf(out, HISTORY_NAME_SIZE, "%s %s %" PRIx64, history->boot_id, process->id,
             process->identity.instance);
}

/* ---- what goes in -------------------------------------------------------------------------- */

static int collect_samples(struct leakd_history *history)
{
    size_t count = query_process_count(history->store);
    struct history_work *work = &history->now;

    work->samples = count > 0 ? calloc(count, sizeof(*work->samples)) : NULL;
    if (count > 0 && !work->samples)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        const struct process *process = query_process_at(history->store, i);
        struct history_sample *sample = &work->samples[work->sample_count];

        if (process->ended_mono_ms != 0 || (!process->has_totals && !process->has_rss))
            continue;
        write_name(history, process, sample->process);
        sample->live_bytes = process->has_totals ? (double)process->live_bytes : NAN;
        sample->rss_bytes = process->has_rss ? (double)process->rss_bytes : NAN;
        work->sample_count++;
    }
    return 0;
}

/* The clients' questions stand first. */
static void collect_readers(struct leakd_history *history)
{
    struct history_work *work = &history->now;

    for (size_t i = 0; i < history->reader_count; i++) {
        const struct reader *reader = &history->readers[i];
        struct history_question *question = &work->questions[work->question_count++];

        memcpy(question->process, reader->name, sizeof(question->process));
        question->from_wall_ms = reader->from_wall_ms;
        question->to_wall_ms = reader->to_wall_ms;
    }
    history->running_readers = history->reader_count;
}

/* Processes whose past was not asked for yet. */
static int collect_questions(struct leakd_history *history)
{
    struct history_work *work = &history->now;
    struct process *process;

    work->questions = calloc(QUESTIONS_MAX, sizeof(*work->questions));
    if (!work->questions)
        return -ENOMEM;
    collect_readers(history);
    for (size_t i = 0; (process = store_process_at(history->store, i)) != NULL; i++) {
        struct history_question *question = &work->questions[work->question_count];

        if (process->has_history || process->is_slim)
            continue;
        write_name(history, process, question->process);
        question->from_wall_ms = work->now_wall_ms > MEMORY_MS ? work->now_wall_ms - MEMORY_MS : 0;
        question->to_wall_ms = UINT64_MAX;
        memcpy(history->asked[work->question_count], process->id, sizeof(process->id));
        process->has_history = true;
        if (++work->question_count == QUESTIONS_MAX)
            break;
    }
    return 0;
}

static void free_work(struct history_work *work)
{
    for (size_t i = 0; i < work->question_count; i++)
        free(work->questions[i].points);
    free(work->questions);
    free(work->samples);
    *work = (struct history_work){0};
}

/* ---- what comes back ----------------------------------------------------------------------- */

static void restore_series(struct series *series, const struct history_question *answer,
                           struct point *points, bool is_rss)
{
    for (size_t i = 0; i < answer->count; i++) {
        const struct history_point *from = &answer->points[i];

        points[i] = (struct point){.wall_ms = from->wall_ms,
                                   .min = is_rss ? from->rss_min : from->live_min,
                                   .mean = is_rss ? from->rss_mean : from->live_mean};
    }
    series_put_before(series, points, answer->count);
}

static void take_answer(struct leakd_history *history, const char *id,
                        const struct history_question *answer)
{
    struct process *process = store_process(history->store, id);
    struct point *points;

    if (!process)
        return;
    process->has_history = history->status.error == 0; /* else it is asked again */
    if (answer->count == 0)
        return;
    points = calloc(answer->count, sizeof(*points));
    if (!points)
        return;
    restore_series(process->live_series, answer, points, false);
    restore_series(process->rss_series, answer, points, true);
    free(points);
    store_touch(process);
}

static struct http_history *answer_of(const struct history_question *question, bool is_rss)
{
    struct http_history *out = malloc(sizeof(*out) + question->count * sizeof(out->points[0]));

    if (!out)
        return NULL;
    out->is_known = question->count > 0;
    out->count = 0;
    for (size_t i = 0; i < question->count; i++) {
        const struct history_point *from = &question->points[i];
        double min = is_rss ? from->rss_min : from->live_min;

        if (isfinite(min))
            out->points[out->count++] =
                (struct point){.wall_ms = from->wall_ms,
                               .min = min,
                               .mean = is_rss ? from->rss_mean : from->live_mean};
    }
    return out;
}

/* The run is over, or was none for lack of memory. */
static void answer_readers(struct leakd_history *history)
{
    bool is_read = history->status.error == 0;

    for (size_t i = 0; i < history->running_readers; i++)
        later_finish(history->readers[i].later,
                     is_read ? answer_of(&history->now.questions[i], history->readers[i].is_rss)
                             : NULL);
    history->reader_count -= history->running_readers;
    memmove(&history->readers[0], &history->readers[history->running_readers],
            history->reader_count * sizeof(history->readers[0]));
    history->running_readers = 0;
}

static void say_status(struct leakd_history *history, const struct history_status *now)
{
    if (now->damaged != history->status.damaged)
        log_warning("history.mended", "a damaged file was put aside as %s; a fresh one is begun",
                    now->aside);
    if (now->error < 0 && now->error != history->status.error)
        log_error("history.degraded", "error=\"%s\"; older figures of processes are not kept",
                  strerror(-now->error));
    if (now->error == 0 && history->status.error < 0)
        log_info("history.recovered", "samples_left_out=%" PRIu64, history->left_out);
    history->status = *now;
}

static void start_run(struct leakd_history *history, bool with_samples);

static void finish_close(struct leakd_history *history)
{
    void (*on_closed)(void *arg) = history->on_closed;
    void *arg = history->arg;

    for (size_t i = 0; i < history->reader_count; i++)
        later_finish(history->readers[i].later, NULL);
    history_free(history->history);
    free(history);
    on_closed(arg);
}

static void on_work(uv_work_t *work)
{
    struct leakd_history *history = work->data;

    history_run(history->history, &history->now);
}

static void on_work_end(uv_work_t *work, int status)
{
    struct leakd_history *history = work->data;
    struct history_status now;

    (void)status; /* runs are never cancelled */
    history->is_running = false;
    history_read_status(history->history, &now);
    say_status(history, &now);
    if (now.error < 0)
        history->left_out += history->now.sample_count;
    for (size_t i = history->running_readers; i < history->now.question_count; i++)
        take_answer(history, history->asked[i], &history->now.questions[i]);
    answer_readers(history);
    free_work(&history->now);
    if (history->is_closing)
        finish_close(history);
    else if (history->reader_count > 0)
        start_run(history, false);
}

/* ---- life ---------------------------------------------------------------------------------- */

/* No memory: the run is one without anything; who waits goes without an answer. */
static void forget_run(struct leakd_history *history)
{
    free_work(&history->now);
    for (size_t i = 0; i < history->reader_count; i++)
        later_finish(history->readers[i].later, NULL);
    history->reader_count = history->running_readers = 0;
}

static void start_run(struct leakd_history *history, bool with_samples)
{
    history->now.now_wall_ms = clock_wall_ms();
    if ((!history->is_closing && collect_questions(history) < 0) ||
        (with_samples && collect_samples(history) < 0))
        forget_run(history);
    history->work.data = history;
    history->is_running = true;
    uv_queue_work(history->loop, &history->work, on_work, on_work_end);
}

void leakd_history_tick(struct leakd_history *history)
{
    uint64_t now_ms = clock_mono_ms();

    if (now_ms < history->next_ms)
        return;
    history->next_ms = now_ms + STEP_MS;
    if (history->is_running) /* the disk is slow */
        history->left_out += history->now.sample_count;
    else
        start_run(history, true);
}

int leakd_history_start(uv_loop_t *loop, const struct conf *conf, struct store *store,
                        struct leakd_history **out)
{
    const struct history_limits limits = {.retention_ms = conf->store.retention_ms,
                                          .bytes_max = HISTORY_SHARE(conf->store.size_max_bytes)};
    struct leakd_history *history = calloc(1, sizeof(*history));
    int rc;

    if (!history)
        return -ENOMEM;
    rc = history_new(conf->store.directory, &limits, &history->history);
    if (rc < 0) {
        free(history);
        return rc;
    }
    history->loop = loop;
    history->store = store;
    procfs_read_boot_id(&procfs_host, history->boot_id);
    *out = history;
    return 0;
}

/* Of one that the store knows, else of one that an incident remembers. */
static int find_name(const struct leakd_history *history, const char *id,
                     char out[HISTORY_NAME_SIZE])
{
    const struct process *process = query_process(history->store, id);

    if (process) {
        write_name(history, process, out);
        return 0;
    }
    for (size_t i = 0; i < query_incident_count(history->store); i++) {
        const struct incident_member *member =
            incident_member(query_incident_at(history->store, i), id);

        if (!member)
            continue;
        snprintf(out, HISTORY_NAME_SIZE, "%s %s %" PRIx64, member->boot_id, id, member->instance);
        return 0;
    }
    return -ENOENT;
}

int leakd_history_read(struct leakd_history *history, const struct http_history_question *question,
                       struct later *later)
{
    struct reader *reader = &history->readers[history->reader_count];

    if (history->is_closing || history->reader_count == READERS_MAX)
        return -EBUSY;
    if (find_name(history, question->process_id, reader->name) < 0)
        return -ENOENT;
    reader->later = later;
    reader->is_rss = question->is_rss;
    reader->from_wall_ms = question->from_wall_ms;
    reader->to_wall_ms = question->to_wall_ms;
    history->reader_count++;
    if (!history->is_running)
        start_run(history, false);
    return 0;
}

bool leakd_history_works(const struct leakd_history *history)
{
    return history->status.error == 0 && history->status.bytes > 0;
}

void leakd_history_figures(const struct leakd_history *history, struct http_figures *out)
{
    out->history_bytes = history->status.bytes;
    out->history_left_out_total = history->left_out;
    out->storage_damaged_total += history->status.damaged;
    if (history->status.error < 0 && (!out->storage_problem || !out->storage_problem[0]))
        out->storage_problem = "the history of processes cannot be stored; see the log";
}

void leakd_history_close(struct leakd_history *history, void (*on_closed)(void *arg), void *arg)
{
    history->on_closed = on_closed;
    history->arg = arg;
    history->is_closing = true;
    if (!history->is_running)
        start_run(history, true); /* the last seconds */
}
