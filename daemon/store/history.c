/* SPDX-License-Identifier: MIT */
/*
 * Samples are appended in order of time, which is cheap for any number of processes; every ten
 * minutes they become one chunk a process. Chunks are rolled up in place as they age.
 */
#include "daemon/store/history.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/store/history_chunk.h"
#include "daemon/store/journal_db.h"
#include "daemon/store/journal_quarantine.h"
#include "daemon/store/journal_schema.h"

#define FILE_NAME          "history.db"
#define CHECKPOINT_STEP_MS 60000u
#define STEP_FINE_MS       10000u
#define STEP_MIDDLE_MS     60000u
#define STEP_LONG_MS       600000u
#define FINE_MAX_MS        (UINT64_C(24) * 3600 * 1000)
#define MIDDLE_MAX_MS      (14 * FINE_MAX_MS)
/* Chunks rolled up in one run, so that a run stays short. */
#define ROLL_MAX         2000
#define POINTS_MAX_GIVEN 100000u

static const char *const steps[] = {
    "CREATE TABLE process(key INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;"
    "CREATE TABLE sample(at INTEGER NOT NULL, process INTEGER NOT NULL, live REAL, rss REAL) "
    "STRICT;"
    "CREATE TABLE chunk(process INTEGER NOT NULL, at INTEGER NOT NULL, step INTEGER NOT NULL,"
    " data BLOB NOT NULL, PRIMARY KEY(process, at)) STRICT;"
    "CREATE INDEX chunk_age ON chunk(step, at);",
};

struct history {
    char path[PATH_MAX];
    char folder[PATH_MAX];
    struct history_limits limits;
    struct db *db; /* NULL: not open */
    uint64_t checkpoint_ms;
    uint64_t rolled_ms; /* samples from before are chunks */
    struct history_status status;
};

int history_new(const char *folder, const struct history_limits *limits, struct history **out)
{
    struct history *history = calloc(1, sizeof(*history));

    if (!history)
        return -ENOMEM;
    if (snprintf(history->folder, sizeof(history->folder), "%s", folder) >= PATH_MAX - 64) {
        free(history);
        return -ENAMETOOLONG;
    }
    snprintf(history->path, sizeof(history->path), "%.4000s/" FILE_NAME, folder);
    history->limits = *limits;
    *out = history;
    return 0;
}

void history_free(struct history *history)
{
    if (!history)
        return;
    db_close(history->db);
    free(history);
}

void history_read_status(const struct history *history, struct history_status *out)
{
    *out = history->status;
}

/* ---- opening ------------------------------------------------------------------------------- */

static void close_file(struct history *history)
{
    db_close(history->db);
    history->db = NULL;
}

static int open_file(struct history *history)
{
    int rc = db_open(history->path, DB_SYNC_CHECKPOINT, &history->db);

    if (rc == 0)
        rc = schema_migrate(history->db, steps, sizeof(steps) / sizeof(steps[0]));
    if (rc < 0)
        close_file(history);
    return rc;
}

static int put_aside(struct history *history, const char *word, uint64_t now_wall_ms)
{
    char aside[PATH_MAX + 64];
    int rc;

    close_file(history);
    rc = quarantine(history->path, word, 1, now_wall_ms, aside, sizeof(aside));
    if (rc == 0) {
        history->status.damaged++;
        snprintf(history->status.aside, sizeof(history->status.aside), "%.255s",
                 strrchr(aside, '/') + 1);
    }
    return rc;
}

/* What is damaged makes way for a fresh file. */
static int open_somehow(struct history *history, uint64_t now_wall_ms)
{
    int rc;

    if (mkdir(history->folder, 0700) < 0 && errno != EEXIST && errno != EROFS)
        return -errno;
    rc = open_file(history);
    if (rc == -EBADMSG || rc == -ENOTSUP) {
        rc = put_aside(history, rc == -ENOTSUP ? "newer" : "corrupt", now_wall_ms);
        if (rc == 0)
            rc = open_file(history);
    }
    history->checkpoint_ms = now_wall_ms;
    history->rolled_ms = 0;
    return rc;
}

/* ---- samples ------------------------------------------------------------------------------- */

/* -ENODATA: never seen. */
static int find_key(struct db *db, const char *name, int64_t *out)
{
    struct db_query *query;
    int rc = db_query(db, "SELECT key FROM process WHERE name=?", &query);

    if (rc < 0)
        return rc;
    db_bind_text(query, 1, name, strlen(name));
    rc = db_step(query);
    if (rc == 1)
        *out = db_int(query, 0);
    db_reset(query);
    return rc < 0 ? rc : rc == 1 ? 0 : -ENODATA;
}

static int make_key(struct db *db, const char *name, int64_t *out)
{
    struct db_query *query;
    int rc = find_key(db, name, out);

    if (rc != -ENODATA)
        return rc;
    rc = db_query(db, "INSERT INTO process(name) VALUES(?)", &query);
    if (rc < 0)
        return rc;
    db_bind_text(query, 1, name, strlen(name));
    rc = db_finish(query);
    return rc == 0 ? find_key(db, name, out) : rc;
}

static int put_sample(struct db *db, const struct history_sample *sample, uint64_t now_wall_ms)
{
    struct db_query *query;
    int64_t key;
    int rc = make_key(db, sample->process, &key);

    if (rc == 0)
        rc = db_query(db, "INSERT INTO sample(at, process, live, rss) VALUES(?,?,?,?)", &query);
    if (rc < 0)
        return rc;
    db_bind_int(query, 1, (int64_t)now_wall_ms);
    db_bind_int(query, 2, key);
    db_bind_double(query, 3, sample->live_bytes);
    db_bind_double(query, 4, sample->rss_bytes);
    return db_finish(query);
}

static int put_samples(struct db *db, const struct history_work *work)
{
    int rc = work->sample_count > 0 ? db_begin(db) : 0;

    for (size_t i = 0; i < work->sample_count && rc == 0; i++)
        rc = put_sample(db, &work->samples[i], work->now_wall_ms);
    if (rc == 0 && work->sample_count > 0)
        return db_commit(db);
    db_undo(db);
    return rc;
}

/* ---- chunks -------------------------------------------------------------------------------- */

static int put_chunk(struct db *db, int64_t process, const struct chunk *chunk)
{
    static const char sql[] = "INSERT OR REPLACE INTO chunk(process, at, step, data)"
                              " VALUES(?,?,?,?)";
    uint8_t data[CHUNK_SIZE_MAX];
    struct db_query *query;
    int rc = db_query(db, sql, &query);

    if (rc < 0)
        return rc;
    db_bind_int(query, 1, process);
    db_bind_int(query, 2, (int64_t)chunk->from_wall_ms);
    db_bind_int(query, 3, chunk->step_ms);
    db_bind_blob(query, 4, data, chunk_write(chunk, data));
    return db_finish(query);
}

/* The chunk that samples are joined into, of one process and ten minutes at a time. */
struct gathering {
    struct db *db;
    int64_t process;
    bool is_open;
    struct chunk chunk;
    struct chunk_sums sums;
};

static int close_gathering(struct gathering *gathering)
{
    if (!gathering->is_open)
        return 0;
    gathering->is_open = false;
    chunk_close(&gathering->chunk, &gathering->sums);
    return put_chunk(gathering->db, gathering->process, &gathering->chunk);
}

static int gather(struct gathering *gathering, int64_t process, uint64_t at, double live,
                  double rss)
{
    uint64_t from = at / CHUNK_SPAN_MS * CHUNK_SPAN_MS;
    int rc = 0;

    if (gathering->is_open &&
        (gathering->process != process || gathering->chunk.from_wall_ms != from))
        rc = close_gathering(gathering);
    if (!gathering->is_open) {
        gathering->process = process;
        gathering->is_open = true;
        memset(&gathering->sums, 0, sizeof(gathering->sums));
        chunk_init(&gathering->chunk, from, STEP_FINE_MS);
    }
    chunk_add(&gathering->chunk, &gathering->sums, at, live, rss);
    return rc;
}

static int gather_samples(struct db *db, uint64_t before)
{
    static const char sql[] = "SELECT process, at, live, rss FROM sample WHERE at<?"
                              " ORDER BY process, at";
    struct gathering gathering = {.db = db};
    struct db_query *query;
    int rc = db_query(db, sql, &query);

    if (rc < 0)
        return rc;
    db_bind_int(query, 1, (int64_t)before);
    while (rc == 0 && (rc = db_step(query)) == 1)
        rc = gather(&gathering, db_int(query, 0), (uint64_t)db_int(query, 1), db_double(query, 2),
                    db_double(query, 3));
    db_reset(query);
    return rc == 0 ? close_gathering(&gathering) : rc;
}

static int delete_before(struct db *db, const char *sql, uint64_t before)
{
    struct db_query *query;
    int rc = db_query(db, sql, &query);

    if (rc < 0)
        return rc;
    db_bind_int(query, 1, (int64_t)before);
    return db_finish(query);
}

/* Chunks of one step that are older than `before` get longer steps. */
static int roll_up(struct db *db, uint32_t from_ms, uint32_t to_ms, uint64_t before)
{
    static const char sql[] = "SELECT process, at, data FROM chunk WHERE step=? AND at<?"
                              " ORDER BY at LIMIT ?";
    struct db_query *query;
    int rc = db_query(db, sql, &query);

    if (rc < 0)
        return rc;
    db_bind_int(query, 1, from_ms);
    db_bind_int(query, 2, (int64_t)before);
    db_bind_int(query, 3, ROLL_MAX);
    while (rc == 0 && (rc = db_step(query)) == 1) {
        struct chunk chunk, longer;
        size_t len;
        const void *data = db_blob(query, 2, &len);

        if (!chunk_read(data, len, (uint64_t)db_int(query, 1), from_ms, &chunk)) {
            rc = -EBADMSG;
            break;
        }
        chunk_roll_up(&chunk, to_ms, &longer);
        rc = put_chunk(db, db_int(query, 0), &longer);
    }
    db_reset(query);
    return rc;
}

static uint64_t before(uint64_t now_ms, uint64_t span_ms)
{
    return now_ms > span_ms ? now_ms - span_ms : 0;
}

/* A twentieth of all chunks, the oldest ones. */
static int delete_oldest(struct db *db)
{
    return db_run(db, "DELETE FROM chunk WHERE at<=(SELECT at FROM chunk ORDER BY at LIMIT 1"
                      " OFFSET (SELECT count(*)/20 FROM chunk))");
}

static int age(struct history *history, uint64_t now_ms)
{
    struct db *db = history->db;
    uint64_t window = now_ms / CHUNK_SPAN_MS * CHUNK_SPAN_MS;
    int rc = db_begin(db);

    if (rc == 0)
        rc = gather_samples(db, window);
    if (rc == 0)
        rc = delete_before(db, "DELETE FROM sample WHERE at<?", window);
    if (rc == 0)
        rc = roll_up(db, STEP_FINE_MS, STEP_MIDDLE_MS, before(now_ms, FINE_MAX_MS));
    if (rc == 0)
        rc = roll_up(db, STEP_MIDDLE_MS, STEP_LONG_MS, before(now_ms, MIDDLE_MAX_MS));
    if (rc == 0)
        rc = delete_before(db, "DELETE FROM chunk WHERE at<?",
                           before(now_ms, history->limits.retention_ms));
    if (rc == 0 && db_bytes(db) > history->limits.bytes_max)
        rc = delete_oldest(db);
    if (rc == 0)
        rc = db_run(db, "DELETE FROM process WHERE NOT EXISTS(SELECT 1 FROM chunk WHERE"
                        " process=key) AND key NOT IN (SELECT process FROM sample)");
    if (rc == 0)
        return db_commit(db);
    db_undo(db);
    return rc;
}

/* The file and not what is in it is measured, so that room is really given back. */
static int keep_up(struct history *history, uint64_t now_ms)
{
    uint64_t window = now_ms / CHUNK_SPAN_MS * CHUNK_SPAN_MS;
    int rc = 0;

    if (window != history->rolled_ms) {
        rc = age(history, now_ms);
        if (rc == 0)
            rc = db_run(history->db, "PRAGMA incremental_vacuum");
        if (rc == 0)
            rc = db_checkpoint(history->db);
        if (rc == 0)
            history->rolled_ms = window;
    }
    if (rc == 0 && (now_ms < history->checkpoint_ms ||
                    now_ms - history->checkpoint_ms >= CHECKPOINT_STEP_MS)) {
        history->checkpoint_ms = now_ms;
        rc = db_checkpoint(history->db);
    }
    return rc;
}

/* ---- answers ------------------------------------------------------------------------------- */

static int add_point(struct history_question *question, const struct history_point *point,
                     size_t *cap)
{
    struct history_point *points;
    size_t bigger = *cap ? *cap * 2 : 256;

    if (!isfinite(point->live_min) && !isfinite(point->rss_min))
        return 0;
    if (question->count == *cap) {
        points =
            bigger > POINTS_MAX_GIVEN ? NULL : realloc(question->points, bigger * sizeof(*points));
        if (!points)
            return -ENOMEM;
        question->points = points;
        *cap = bigger;
    }
    question->points[question->count++] = *point;
    return 0;
}

static int add_chunk(struct history_question *question, const struct chunk *chunk, size_t *cap)
{
    int rc = 0;

    for (size_t i = 0; i < chunk_count(chunk) && rc == 0; i++) {
        if (chunk->points[i].wall_ms + chunk->step_ms > question->from_wall_ms &&
            chunk->points[i].wall_ms < question->to_wall_ms)
            rc = add_point(question, &chunk->points[i], cap);
    }
    return rc;
}

static int answer_chunks(struct db *db, int64_t key, struct history_question *question, size_t *cap)
{
    static const char sql[] = "SELECT at, step, data FROM chunk WHERE process=? AND at>?"
                              " AND at<? ORDER BY at";
    struct db_query *query;
    int rc = db_query(db, sql, &query);

    if (rc < 0)
        return rc;
    db_bind_int(query, 1, key);
    db_bind_int(query, 2, (int64_t)before(question->from_wall_ms, CHUNK_SPAN_MS));
    db_bind_int(query, 3,
                question->to_wall_ms < INT64_MAX ? (int64_t)question->to_wall_ms : INT64_MAX);
    while (rc == 0 && (rc = db_step(query)) == 1) {
        struct chunk chunk;
        size_t len;
        const void *data = db_blob(query, 2, &len);

        rc = chunk_read(data, len, (uint64_t)db_int(query, 0), (uint32_t)db_int(query, 1), &chunk)
                 ? add_chunk(question, &chunk, cap)
                 : -EBADMSG;
    }
    db_reset(query);
    return rc;
}

/* The last ten minutes, and after a crash a few more, are samples still. */
static int answer_samples(struct db *db, int64_t key, struct history_question *question,
                          size_t *cap)
{
    static const char sql[] = "SELECT at, live, rss FROM sample WHERE process=? ORDER BY at";
    struct chunk_sums sums;
    struct chunk chunk;
    struct db_query *query;
    bool is_open = false;
    int rc = db_query(db, sql, &query);

    if (rc < 0)
        return rc;
    db_bind_int(query, 1, key);
    while (rc == 0 && (rc = db_step(query)) == 1) {
        uint64_t at = (uint64_t)db_int(query, 0);

        rc = 0;
        if (is_open && at / CHUNK_SPAN_MS * CHUNK_SPAN_MS != chunk.from_wall_ms) {
            chunk_close(&chunk, &sums);
            rc = add_chunk(question, &chunk, cap);
            is_open = false;
        }
        if (!is_open) {
            memset(&sums, 0, sizeof(sums));
            chunk_init(&chunk, at / CHUNK_SPAN_MS * CHUNK_SPAN_MS, STEP_FINE_MS);
            is_open = true;
        }
        chunk_add(&chunk, &sums, at, db_double(query, 1), db_double(query, 2));
    }
    db_reset(query);
    if (rc == 0 && is_open) {
        chunk_close(&chunk, &sums);
        rc = add_chunk(question, &chunk, cap);
    }
    return rc;
}

static int answer(struct db *db, struct history_question *question)
{
    size_t cap = 0;
    int64_t key;
    int rc = find_key(db, question->process, &key);

    if (rc == -ENODATA)
        return 0;
    if (rc == 0)
        rc = answer_chunks(db, key, question, &cap);
    if (rc == 0)
        rc = answer_samples(db, key, question, &cap);
    return rc;
}

/* ---- running ------------------------------------------------------------------------------- */

static int work_once(struct history *history, struct history_work *work)
{
    int rc = 0;

    for (size_t i = 0; i < work->question_count && rc == 0; i++)
        rc = answer(history->db, &work->questions[i]);
    if (rc == 0)
        rc = put_samples(history->db, work);
    return rc == 0 ? keep_up(history, work->now_wall_ms) : rc;
}

int history_run(struct history *history, struct history_work *work)
{
    int rc = 0;

    if (history->db && db_is_orphan(history->db))
        close_file(history);
    if (!history->db)
        rc = open_somehow(history, work->now_wall_ms);
    if (rc == 0)
        rc = work_once(history, work);
    if (rc == -EBADMSG && history->db)
        rc = put_aside(history, "corrupt", work->now_wall_ms); /* the next run makes a fresh one */
    else if (rc < 0 && rc != -ENOSPC && rc != -ENOMEM)
        close_file(history);
    history->status.error = rc;
    history->status.bytes = history->db ? db_bytes(history->db) : 0;
    return rc;
}
