/* SPDX-License-Identifier: MIT */
#include "daemon/leakd_journal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/alert/alert.h"
#include "daemon/base/buf.h"
#include "daemon/base/clock.h"
#include "daemon/base/conf.h"
#include "daemon/base/log.h"
#include "daemon/http/http.h"
#include "daemon/leakd_waiters.h"
#include "daemon/store/incident_text.h"
#include "daemon/store/journal.h"
#include "daemon/store/operator_mark_text.h"
#include "daemon/store/store.h"
#include "daemon/watch/watch.h"

#define RETRY_MS         5000u
#define UPKEEP_MS        60000u
#define TELL_STEP_MS     3600000u
#define MARK_BYTES_MAX   8192u
#define INCIDENTS_LOADED 1000u /* as many as the store keeps */
/* In one batch; the rest follows in the next. */
#define BATCH_INCIDENTS_MAX 256u
#define BATCH_MARKS_MAX     64u
/* Of [store] size_max for both files of the journal; the rest is for the history of processes. */
#define JOURNAL_SHARE 4u

/* Which state of an incident is in the batch. */
struct sent {
    char id[24];
    uint64_t revision;
};

/* A run: the worker's between uv_queue_work and its end. */
struct run {
    uv_work_t work;
    struct journal *journal; /* NULL once it is closed */
    struct journal_batch *batch;
    struct journal_batch *loaded;
    struct journal_status status;
    uint64_t now_wall_ms;
    bool is_last;
    int rc;
};

struct leakd_journal {
    uv_loop_t *loop;
    uv_timer_t soon;
    struct leakd_journal_rooms rooms;
    struct run run;
    bool is_running;
    bool is_closing;
    bool is_restored;            /* what was there before the start is in the rooms */
    bool has_more;               /* not everything fitted into the batch */
    struct journal_batch *drops; /* rows that nobody wants any more */
    struct journal_status status;
    struct sent sent[BATCH_INCIDENTS_MAX];
    size_t sent_count;
    char sent_marks[BATCH_MARKS_MAX][24]; /* ids */
    size_t sent_mark_count;
    struct leakd_waiters waiters;
    uint64_t run_count; /* begun ones */
    uint64_t ran_ms;
    uint64_t retry_ms; /* not before */
    uint64_t told_ms;  /* when people were last told that nothing can be stored */
    bool is_told;
    void (*on_closed)(void *arg);
    void *arg;
};

static void pump(struct leakd_journal *journal);

/* ---- what was there ------------------------------------------------------------------------ */

struct restored {
    size_t incidents;
    size_t notices;
    size_t marks;
};

static void restore_mark(struct leakd_journal *journal, const struct journal_row *row,
                         struct restored *count)
{
    struct operator_mark mark, *kept;
    int rc = operator_mark_read(row->text, row->len, &mark);

    if (rc == 0)
        rc = store_put_operator_mark(journal->rooms.store, &mark, &kept);
    if (rc == 0)
        kept->is_stored = true;
    count->marks += rc == 0;
    if (rc < 0 && rc != -EEXIST)
        log_warning("journal.mark", "id=%s error=\"%s\"; it stays on the disk alone", row->id,
                    strerror(-rc));
}

static void restore_incident(struct leakd_journal *journal, const struct journal_row *row,
                             struct restored *count)
{
    struct incident *incident;
    int rc = incident_read(row->text, row->len, &incident);

    if (rc == 0) {
        incident->stored_revision = incident->revision;
        rc = store_restore_incident(journal->rooms.store, incident);
    }
    count->incidents += rc == 0;
    if (rc < 0 && rc != -EEXIST)
        log_warning("journal.incident", "id=%s error=\"%s\"; it stays on the disk alone", row->id,
                    strerror(-rc));
}

static void restore_notice(struct leakd_journal *journal, const struct journal_row *row,
                           struct restored *count)
{
    struct journal_row drop = {.kind = row->kind, .id = row->id, .is_drop = true};
    int rc = alert_restore(journal->rooms.alert, row->id, (uint64_t)row->at, row->text, row->len,
                           clock_mono_ms(), clock_wall_ms());

    count->notices += rc == 0;
    if (rc == 0 || rc == -EEXIST || rc == -ENOMEM)
        return;
    log_warning("notice.lost", "id=%s %s, dropping it", row->id,
                rc == -ENOENT   ? "its receiver is not configured any more"
                : rc == -ESTALE ? "it is older than a day"
                                : "its row cannot be read");
    if (!journal->drops)
        journal->drops = journal_batch_new();
    if (journal->drops)
        journal_batch_put(journal->drops, &drop); /* else it is refused again at the next start */
}

static void restore(struct leakd_journal *journal, const struct journal_batch *rows)
{
    struct restored count = {0};

    for (size_t i = 0; i < journal_batch_count(rows); i++) {
        const struct journal_row *row = journal_batch_row(rows, i);

        if (strcmp(row->kind, JOURNAL_INCIDENT) == 0)
            restore_incident(journal, row, &count);
        else if (strcmp(row->kind, JOURNAL_NOTICE) == 0)
            restore_notice(journal, row, &count);
        else if (strcmp(row->kind, JOURNAL_MARK) == 0)
            restore_mark(journal, row, &count);
    }
    journal->is_restored = true;
    watch_restored(journal->rooms.watch, clock_mono_ms());
    log_info("journal.loaded", "incidents=%zu notices=%zu marks=%zu", count.incidents,
             count.notices, count.marks);
}

/* The files were opened anew while we ran: whatever they have now, everything is written again. */
static void write_all_again(struct leakd_journal *journal)
{
    for (size_t i = 0; i < query_incident_count(journal->rooms.store); i++) {
        const struct incident *seen = query_incident_at(journal->rooms.store, i);

        store_incident(journal->rooms.store, seen->id)->stored_revision = 0;
    }
    for (size_t i = 0; i < query_operator_mark_count(journal->rooms.store); i++) {
        const struct operator_mark *seen = query_operator_mark_at(journal->rooms.store, i);

        store_operator_mark(journal->rooms.store, seen->id)->is_stored = false;
    }
    alert_forget_rows(journal->rooms.alert);
    journal->has_more = true;
}

/* ---- what changed -------------------------------------------------------------------------- */

/* Gives the row the text and puts it into the batch; the text is released. */
static int put_row(struct leakd_journal *journal, struct journal_row *row, struct buf *text)
{
    int rc;

    row->text = text->data;
    row->len = text->len;
    rc = text->failed ? -ENOMEM : journal_batch_put(journal->run.batch, row);
    buf_done(text);
    return rc;
}

static int put_incident(struct leakd_journal *journal, const struct incident *incident)
{
    struct journal_row row = {.kind = JOURNAL_INCIDENT,
                              .id = incident->id,
                              .at = (int64_t)incident_dated_wall_ms(incident),
                              .is_final = incident->state == INCIDENT_RESOLVED};
    struct buf text;

    buf_init(&text, INCIDENT_TEXT_BYTES_MAX);
    incident_write(incident, &text);
    return put_row(journal, &row, &text);
}

static int collect_incidents(struct leakd_journal *journal)
{
    size_t count = query_incident_count(journal->rooms.store);
    int rc = 0;

    journal->sent_count = 0;
    for (size_t i = 0; i < count && rc == 0; i++) {
        const struct incident *incident = query_incident_at(journal->rooms.store, i);
        struct sent *sent = &journal->sent[journal->sent_count];

        if (incident->stored_revision == incident->revision)
            continue;
        if (journal->sent_count == BATCH_INCIDENTS_MAX) {
            journal->has_more = true;
            break;
        }
        memcpy(sent->id, incident->id, sizeof(sent->id));
        sent->revision = incident->revision;
        journal->sent_count++;
        rc = put_incident(journal, incident);
    }
    return rc;
}

static int put_mark(struct leakd_journal *journal, const struct operator_mark *mark)
{
    struct journal_row row = {
        .kind = JOURNAL_MARK, .id = mark->id, .at = (int64_t)mark->at_wall_ms, .is_final = true};
    struct buf text;

    buf_init(&text, MARK_BYTES_MAX);
    operator_mark_write(mark, &text);
    return put_row(journal, &row, &text);
}

static int collect_marks(struct leakd_journal *journal)
{
    size_t count = query_operator_mark_count(journal->rooms.store);
    int rc = 0;

    journal->sent_mark_count = 0;
    for (size_t i = 0; i < count && rc == 0; i++) {
        const struct operator_mark *mark = query_operator_mark_at(journal->rooms.store, i);

        if (mark->is_stored)
            continue;
        if (journal->sent_mark_count == BATCH_MARKS_MAX) {
            journal->has_more = true;
            break;
        }
        memcpy(journal->sent_marks[journal->sent_mark_count++], mark->id, sizeof(mark->id));
        rc = put_mark(journal, mark);
    }
    return rc;
}

static int on_put(void *arg, const char *id, uint64_t order, const char *text, size_t len)
{
    struct journal_row row = {
        .kind = JOURNAL_NOTICE, .id = id, .at = (int64_t)order, .text = text, .len = len};

    return journal_batch_put(arg, &row);
}

static int on_drop(void *arg, const char *id)
{
    struct journal_row row = {.kind = JOURNAL_NOTICE, .id = id, .is_drop = true};

    return journal_batch_put(arg, &row);
}

static int collect_drops(struct leakd_journal *journal)
{
    int rc = 0;

    for (size_t i = 0; i < journal_batch_count(journal->drops) && rc == 0; i++)
        rc = journal_batch_put(journal->run.batch, journal_batch_row(journal->drops, i));
    return rc;
}

/* A notice goes to the disk with its incident or after it, never before. */
static int collect(struct leakd_journal *journal)
{
    struct alert_keeper keeper = {.put = on_put, .drop = on_drop};
    int rc;

    journal->has_more = false;
    journal->run.batch = journal_batch_new();
    if (!journal->run.batch)
        return -ENOMEM;
    keeper.arg = journal->run.batch;
    rc = collect_marks(journal);
    if (rc == 0)
        rc = collect_incidents(journal);
    if (rc == 0 && !journal->has_more)
        rc = alert_collect(journal->rooms.alert, &keeper, clock_mono_ms(), clock_wall_ms());
    if (rc == 0)
        rc = collect_drops(journal);
    return rc;
}

int leakd_journal_settle(struct leakd_journal *journal, void (*on_settled)(void *arg), void *arg)
{
    int rc;

    if (!journal || journal->is_closing || journal->status.error < 0)
        return -EIO;
    /* A run that is under way has collected its rows before. */
    rc = leakd_waiters_add(&journal->waiters, journal->run_count + 1, clock_mono_ms(), on_settled,
                           arg);
    if (rc == 0)
        leakd_journal_wake(journal);
    return rc;
}

/* ---- running ------------------------------------------------------------------------------- */

/* A disk that comes and goes is told of once in a while. */
static void tell_degraded(struct leakd_journal *journal, const struct journal_status *now)
{
    uint64_t now_ms = clock_mono_ms();
    struct notice notice = {.event = NOTICE_STORAGE_DEGRADED,
                            .severity = SEVERITY_WARNING,
                            .event_wall_ms = clock_wall_ms(),
                            .summary = now->problem};

    if (journal->is_told || (journal->told_ms != 0 && now_ms - journal->told_ms < TELL_STEP_MS))
        return;
    journal->is_told = true;
    journal->told_ms = now_ms;
    alert_notify(journal->rooms.alert, &notice);
}

static void tell_recovered(struct leakd_journal *journal)
{
    struct notice notice = {.event = NOTICE_STORAGE_RECOVERED,
                            .severity = SEVERITY_WARNING,
                            .event_wall_ms = clock_wall_ms(),
                            .summary = "incidents and notices are stored again"};

    if (!journal->is_told)
        return;
    journal->is_told = false;
    alert_notify(journal->rooms.alert, &notice);
}

static void say_status(struct leakd_journal *journal, const struct journal_status *now)
{
    const struct journal_status *before = &journal->status;

    if (now->opened != before->opened && now->event[0])
        log_warning("journal.mended", "%s", now->event);
    if (now->error < 0 && strcmp(now->problem, before->problem) != 0)
        log_error("journal.degraded", "error=\"%s\"; going on in memory, trying again every %u s",
                  now->problem, RETRY_MS / 1000);
    if (now->error == 0 && before->error < 0)
        log_info("journal.recovered", "bytes=%llu; incidents and notices are stored again",
                 (unsigned long long)now->bytes);
    if (now->error < 0)
        tell_degraded(journal, now);
    else
        tell_recovered(journal);
    journal->status = *now;
}

static void mark_sent(struct leakd_journal *journal)
{
    for (size_t i = 0; i < journal->sent_count; i++) {
        struct incident *incident = store_incident(journal->rooms.store, journal->sent[i].id);

        if (incident)
            incident->stored_revision = journal->sent[i].revision;
    }
    for (size_t i = 0; i < journal->sent_mark_count; i++) {
        struct operator_mark *mark =
            store_operator_mark(journal->rooms.store, journal->sent_marks[i]);

        if (mark)
            mark->is_stored = true;
    }
    journal_batch_free(journal->drops);
    journal->drops = NULL;
}

/* On the loop: the run has ended, well or not. */
static void take_result(struct leakd_journal *journal)
{
    struct run *run = &journal->run;

    say_status(journal, &run->status);
    if (run->rc == 0)
        mark_sent(journal);
    alert_set_disk(journal->rooms.alert, run->rc == 0);
    alert_collected(journal->rooms.alert, run->rc == 0);
    if (run->loaded && !journal->is_restored)
        restore(journal, run->loaded);
    else if (run->loaded)
        write_all_again(journal);
    journal_batch_free(run->loaded);
    journal_batch_free(run->batch);
    run->loaded = run->batch = NULL;
    if (run->status.error < 0)
        journal->retry_ms = clock_mono_ms() + RETRY_MS;
    if (run->rc < 0 || run->status.error < 0)
        leakd_waiters_release(&journal->waiters, UINT64_MAX, clock_mono_ms());
    else if (!journal->has_more)
        leakd_waiters_release(&journal->waiters, journal->run_count, clock_mono_ms());
}

/* In a worker, or at the start before there are any: touches the run and nothing else. */
static void work_run(struct run *run)
{
    run->rc = journal_run(run->journal, run->batch, run->now_wall_ms, &run->loaded);
    journal_read_status(run->journal, &run->status);
    if (run->is_last) {
        journal_free(run->journal);
        run->journal = NULL;
    }
}

static void on_work(uv_work_t *work)
{
    work_run(&((struct leakd_journal *)work->data)->run);
}

static void on_work_end(uv_work_t *work, int status)
{
    struct leakd_journal *journal = work->data;

    (void)status; /* runs are never cancelled */
    journal->is_running = false;
    take_result(journal);
    pump(journal);
}

static void start_run(struct leakd_journal *journal)
{
    struct run *run = &journal->run;

    run->work.data = journal;
    run->now_wall_ms = clock_wall_ms();
    journal->ran_ms = clock_mono_ms();
    journal->is_running = true;
    journal->run_count++;
    uv_queue_work(journal->loop, &run->work, on_work, on_work_end);
}

/* What waits for its row would wait as long as memory is short: it goes without. */
static void say_not_collected(struct leakd_journal *journal, int rc)
{
    log_error("journal.collect", "error=\"%s\"; nothing is stored, trying again in %u s",
              strerror(-rc), RETRY_MS / 1000);
    alert_set_disk(journal->rooms.alert, false);
}

static void drop_batch(struct leakd_journal *journal)
{
    journal_batch_free(journal->run.batch);
    journal->run.batch = NULL;
    journal->sent_count = journal->sent_mark_count = 0;
    alert_collected(journal->rooms.alert, false);
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct leakd_journal *journal = handle->data;

    journal_batch_free(journal->drops);
    if (journal->on_closed)
        journal->on_closed(journal->arg);
    free(journal);
}

/* As long as there is more and the disk takes it; the last run also closes the files. */
static void pump_last(struct leakd_journal *journal)
{
    if (!journal->run.journal) {
        leakd_waiters_release(&journal->waiters, UINT64_MAX, clock_mono_ms());
        uv_close((uv_handle_t *)&journal->soon, on_timer_closed);
        return;
    }
    if (collect(journal) < 0)
        drop_batch(journal);
    journal->run.is_last = !journal->has_more || journal->status.error < 0;
    start_run(journal);
}

static void pump(struct leakd_journal *journal)
{
    uint64_t now_ms = clock_mono_ms();
    int rc;

    if (journal->is_running)
        return;
    if (journal->is_closing) {
        pump_last(journal);
        return;
    }
    if (now_ms < journal->retry_ms)
        return;
    rc = collect(journal);
    if (rc < 0 || (journal_batch_count(journal->run.batch) == 0 && journal->status.error == 0 &&
                   now_ms - journal->ran_ms < UPKEEP_MS)) {
        drop_batch(journal);
        if (rc < 0)
            say_not_collected(journal, rc);
        journal->retry_ms = rc < 0 ? now_ms + RETRY_MS : 0;
        leakd_waiters_release(&journal->waiters, UINT64_MAX, clock_mono_ms());
        return;
    }
    start_run(journal);
}

/* ---- life ---------------------------------------------------------------------------------- */

static void on_soon(uv_timer_t *timer)
{
    pump(timer->data);
}

void leakd_journal_wake(struct leakd_journal *journal)
{
    if (journal && !journal->is_closing)
        uv_timer_start(&journal->soon, on_soon, 0, 0);
}

void leakd_journal_tick(struct leakd_journal *journal)
{
    pump(journal);
    leakd_waiters_release(&journal->waiters, 0, clock_mono_ms());
}

static void on_alert_change(void *arg)
{
    leakd_journal_wake(arg);
}

int leakd_journal_start(uv_loop_t *loop, const struct conf *conf,
                        const struct leakd_journal_rooms *rooms, struct leakd_journal **out)
{
    const struct journal_limits limits = {.retention_ms = conf->store.retention_ms,
                                          .bytes_max = conf->store.size_max_bytes / JOURNAL_SHARE,
                                          .load_max = INCIDENTS_LOADED};
    struct leakd_journal *journal = calloc(1, sizeof(*journal));
    int rc;

    if (!journal)
        return -ENOMEM;
    rc = journal_new(conf->store.directory, &limits, &journal->run.journal);
    if (rc < 0) {
        free(journal);
        return rc;
    }
    journal->loop = loop;
    journal->rooms = *rooms;
    uv_timer_init(loop, &journal->soon); /* cannot fail */
    journal->soon.data = journal;
    alert_keep(rooms->alert, on_alert_change, journal);
    journal->run.now_wall_ms = clock_wall_ms();
    journal->ran_ms = clock_mono_ms();
    work_run(&journal->run);
    take_result(journal);
    *out = journal;
    return 0;
}

static uint64_t count_unstored(const struct store *store)
{
    uint64_t count = 0;

    for (size_t i = 0; i < query_incident_count(store); i++)
        count += query_incident_at(store, i)->stored_revision == 0;
    return count;
}

void leakd_journal_figures(const struct leakd_journal *journal, struct http_figures *out)
{
    out->storage_problem = journal->status.problem;
    out->storage_bytes = journal->status.bytes;
    out->storage_batches_total = journal->status.written;
    out->storage_damaged_total = journal->status.damaged;
    out->incidents_unstored = count_unstored(journal->rooms.store);
}

void leakd_journal_close(struct leakd_journal *journal, void (*on_closed)(void *arg), void *arg)
{
    journal->on_closed = on_closed;
    journal->arg = arg;
    journal->is_closing = true;
    /* What is begun from now on could be delivered too late for the last batch. */
    alert_keep(journal->rooms.alert, NULL, NULL);
    uv_timer_stop(&journal->soon);
    pump(journal);
}
