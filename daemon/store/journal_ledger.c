/* SPDX-License-Identifier: MIT */
#include "daemon/store/journal_ledger.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/store/journal_db.h"
#include "daemon/store/journal_quarantine.h"
#include "daemon/store/journal_schema.h"

#define COPIES    2
#define ASIDE_MAX 3 /* of each file */

/* The row that carries the number of the last change; it has a checksum as the others have. */
#define LEDGER_KIND   "ledger"
#define GENERATION_ID "generation"

static const char *const file_names[COPIES] = {"incidents.db", "incidents-2.db"};

static const char *const steps[] = {
    "CREATE TABLE record(kind TEXT NOT NULL, id TEXT NOT NULL, at INTEGER NOT NULL,"
    " final INTEGER NOT NULL, generation INTEGER NOT NULL, text TEXT NOT NULL,"
    " checksum INTEGER NOT NULL, UNIQUE(kind, id)) STRICT;"
    "CREATE INDEX record_age ON record(kind, final, at);",
};

enum copy_state { COPY_WHOLE, COPY_DAMAGED, COPY_NEWER };

struct copy {
    char path[PATH_MAX];
    struct db *db;
    enum copy_state state;
    int error; /* why it is damaged */
    uint64_t generation;
};

struct ledger {
    struct copy copies[COPIES];
    uint64_t generation;
};

/* ---- rows ---------------------------------------------------------------------------------- */

/* A row as it is in a file. */
struct record {
    struct journal_row row;
    uint64_t generation;
};

static uint64_t hash_bytes(uint64_t hash, const void *data, size_t len)
{
    const unsigned char *bytes = data;

    for (size_t i = 0; i < len; i++)
        hash = (hash ^ bytes[i]) * 0x100000001b3u;
    return hash;
}

/* FNV-1a: against disks, not against people. */
static int64_t checksum(const struct record *record)
{
    uint64_t numbers[3] = {(uint64_t)record->row.at, record->row.is_final, record->generation};
    uint64_t hash = 0xcbf29ce484222325u;

    hash = hash_bytes(hash, record->row.kind, strlen(record->row.kind) + 1);
    hash = hash_bytes(hash, record->row.id, strlen(record->row.id) + 1);
    hash = hash_bytes(hash, numbers, sizeof(numbers));
    hash = hash_bytes(hash, record->row.text, record->row.len);
    return (int64_t)hash;
}

#define RECORD_COLUMNS "kind, id, at, final, generation, text, checksum"

/* -EBADMSG when it is not what was written. */
static int read_record(struct db_query *query, struct record *out)
{
    out->row.kind = db_text(query, 0, NULL);
    out->row.id = db_text(query, 1, NULL);
    out->row.at = db_int(query, 2);
    out->row.is_final = db_int(query, 3) != 0;
    out->row.is_drop = false;
    out->generation = (uint64_t)db_int(query, 4);
    out->row.text = db_text(query, 5, &out->row.len);
    return checksum(out) == db_int(query, 6) ? 0 : -EBADMSG;
}

static int put_record(struct db *db, const struct record *record)
{
    static const char sql[] = "INSERT INTO record(" RECORD_COLUMNS ") VALUES(?,?,?,?,?,?,?)"
                              " ON CONFLICT(kind, id) DO UPDATE SET at=excluded.at,"
                              " final=excluded.final, generation=excluded.generation,"
                              " text=excluded.text, checksum=excluded.checksum"
                              " WHERE excluded.generation>=record.generation";
    const struct journal_row *row = &record->row;
    struct db_query *query;
    int rc = db_query(db, sql, &query);

    if (rc < 0)
        return rc;
    db_bind_text(query, 1, row->kind, strlen(row->kind));
    db_bind_text(query, 2, row->id, strlen(row->id));
    db_bind_int(query, 3, row->at);
    db_bind_int(query, 4, row->is_final);
    db_bind_int(query, 5, (int64_t)record->generation);
    db_bind_text(query, 6, row->text, row->len);
    db_bind_int(query, 7, checksum(record));
    return db_finish(query);
}

static int drop_record(struct db *db, const struct journal_row *row)
{
    static const char sql[] = "DELETE FROM record WHERE kind=? AND id=?";
    struct db_query *query;
    int rc = db_query(db, sql, &query);

    if (rc < 0)
        return rc;
    db_bind_text(query, 1, row->kind, strlen(row->kind));
    db_bind_text(query, 2, row->id, strlen(row->id));
    return db_finish(query);
}

static int put_generation(struct db *db, uint64_t generation)
{
    struct record record = {
        .row = {.kind = LEDGER_KIND, .id = GENERATION_ID, .text = ""},
        .generation = generation,
    };

    return put_record(db, &record);
}

/* ---- opening one file ---------------------------------------------------------------------- */

/* Every row as it was written; finds the generation on the way. */
static int check_records(struct copy *copy)
{
    static const char sql[] = "SELECT " RECORD_COLUMNS " FROM record";
    struct record record;
    struct db_query *query;
    int rc = db_query(copy->db, sql, &query);

    copy->generation = 0;
    while (rc == 0 && (rc = db_step(query)) == 1) {
        rc = read_record(query, &record);
        if (rc == 0 && strcmp(record.row.kind, LEDGER_KIND) == 0)
            copy->generation = record.generation;
    }
    if (rc == 0)
        db_reset(query);
    return rc;
}

static int open_copy(struct copy *copy)
{
    int rc = db_open(copy->path, DB_SYNC_COMMIT, &copy->db);

    if (rc == 0)
        rc = schema_migrate(copy->db, steps, sizeof(steps) / sizeof(steps[0]));
    if (rc == 0)
        rc = db_check(copy->db);
    if (rc == 0)
        rc = check_records(copy);
    return rc;
}

static void close_copy(struct copy *copy)
{
    db_close(copy->db);
    copy->db = NULL;
}

/* Damage is a state, everything else an error. */
static int look_at(struct copy *copy)
{
    int rc = open_copy(copy);

    copy->state = COPY_WHOLE;
    if (rc == 0)
        return 0;
    close_copy(copy);
    copy->error = rc;
    copy->state = rc == -ENOTSUP ? COPY_NEWER : COPY_DAMAGED;
    return rc == -EBADMSG || rc == -ENOTSUP || rc == -EIO ? 0 : rc;
}

/* ---- making both the same ------------------------------------------------------------------ */

/* What came over, and the highest generation among it. */
struct taken {
    uint64_t count;
    uint64_t newest;
};

/* The rows that the query gives and that are younger than `above`. *read says how reading ended. */
static int take_rows(struct db *from, struct db *to, const char *sql, uint64_t above,
                     struct taken *taken, int *read)
{
    struct db_query *query;
    struct record record;
    int rc = 0;

    *read = db_query(from, sql, &query);
    while (*read == 0 && rc == 0 && (*read = db_step(query)) == 1) {
        *read = 0;
        if (read_record(query, &record) < 0 || record.generation <= above ||
            strcmp(record.row.kind, LEDGER_KIND) == 0)
            continue;
        rc = put_record(to, &record);
        taken->count++;
        if (record.generation > taken->newest)
            taken->newest = record.generation;
    }
    return rc;
}

/* As far as `from` can be read, from both ends where it is damaged. Fails only for `to`. */
static int take_records(struct db *from, struct db *to, uint64_t above, struct taken *taken)
{
    static const char forward[] = "SELECT " RECORD_COLUMNS " FROM record ORDER BY rowid";
    static const char backward[] = "SELECT " RECORD_COLUMNS " FROM record ORDER BY rowid DESC";
    int read, rc = db_begin(to);

    if (rc < 0)
        return rc;
    rc = take_rows(from, to, forward, above, taken, &read);
    if (rc == 0 && read < 0)
        rc = take_rows(from, to, backward, above, taken, &read);
    if (rc == 0)
        return db_commit(to);
    db_undo(to);
    return rc;
}

/* All there is, the generation with it, or an error: a copy that lacks rows must not pass for a
 * whole one. */
static int copy_records(struct db *from, struct db *to)
{
    static const char sql[] = "SELECT " RECORD_COLUMNS " FROM record";
    struct db_query *query;
    struct record record;
    int rc = db_begin(to);

    if (rc < 0)
        return rc;
    rc = db_query(from, sql, &query);
    while (rc == 0 && (rc = db_step(query)) == 1) {
        rc = read_record(query, &record);
        if (rc == 0)
            rc = put_record(to, &record);
    }
    if (rc == 0)
        return db_commit(to);
    db_undo(to);
    return rc;
}

/* A file without content in the place of what was there. */
static int make_anew(struct copy *copy)
{
    int rc;

    close_copy(copy);
    rc = remove_file(copy->path);
    if (rc < 0)
        return rc;
    copy->generation = 0;
    copy->state = COPY_WHOLE;
    return open_copy(copy);
}

static int write_copy(const char *path, struct db *from)
{
    struct db *db = NULL;
    int rc = remove_file(path); /* one that was begun and not ended */

    if (rc == 0)
        rc = db_open(path, DB_SYNC_COMMIT, &db);
    if (rc == 0)
        rc = schema_migrate(db, steps, sizeof(steps) / sizeof(steps[0]));
    if (rc == 0)
        rc = copy_records(from, db);
    if (rc == 0)
        rc = db_checkpoint(db);
    db_close(db);
    if (rc < 0)
        remove_file(path);
    return rc;
}

/* What the file has stays until all that the base has is on the disk beside it. */
static int restore(struct copy *copy, const struct copy *base)
{
    char fresh[PATH_MAX + 8];
    int rc;

    snprintf(fresh, sizeof(fresh), "%s.new", copy->path);
    rc = write_copy(fresh, base->db);
    if (rc < 0)
        return rc;
    close_copy(copy);
    rc = replace_file(copy->path, fresh);
    return rc == 0 ? open_copy(copy) : rc;
}

/* What can be read of a file that was put aside and is younger than what the base had. */
static int salvage(struct copy *base, const char *aside, uint64_t above,
                   struct ledger_report *report)
{
    struct taken taken = {.newest = base->generation};
    struct db *db;
    int rc;

    rc = db_open(aside, DB_SYNC_CHECKPOINT, &db);
    if (rc < 0)
        return rc == -EBADMSG ? 0 : rc; /* of no database nothing can be read */
    rc = take_records(db, base->db, above, &taken);
    db_close(db);
    report->salvaged += taken.count;
    if (rc < 0 || taken.count == 0)
        return rc;
    base->generation = taken.newest + 1;
    return put_generation(base->db, base->generation);
}

static struct copy *choose_base(struct ledger *ledger)
{
    struct copy *base = NULL;

    for (size_t i = 0; i < COPIES; i++) {
        struct copy *copy = &ledger->copies[i];

        if (copy->state == COPY_WHOLE && (!base || copy->generation > base->generation))
            base = copy;
    }
    return base;
}

/* The names under which the copies that cannot be used were put; "" for those that can. */
static int put_aside(struct ledger *ledger, uint64_t now_wall_ms, char names[COPIES][PATH_MAX + 64],
                     struct ledger_report *report)
{
    for (size_t i = 0; i < COPIES; i++) {
        struct copy *copy = &ledger->copies[i];
        const char *word = copy->state == COPY_NEWER ? "newer" : "corrupt";
        int rc;

        names[i][0] = '\0';
        if (copy->state == COPY_WHOLE)
            continue;
        rc = quarantine(copy->path, word, ASIDE_MAX, now_wall_ms, names[i], PATH_MAX + 64);
        if (rc < 0)
            return rc;
        report->damaged++;
        snprintf(report->aside, sizeof(report->aside), "%.255s", strrchr(names[i], '/') + 1);
    }
    return 0;
}

/* A read error may be over in a moment: with no whole file beside it, or one that has never been
 * written, nothing is put aside. */
static int read_error(const struct ledger *ledger)
{
    for (size_t i = 0; i < COPIES; i++) {
        if (ledger->copies[i].state == COPY_DAMAGED && ledger->copies[i].error == -EIO)
            return -EIO;
    }
    return 0;
}

static int mend(struct ledger *ledger, uint64_t now_wall_ms, struct ledger_report *report)
{
    char aside[COPIES][PATH_MAX + 64];
    struct copy *base = choose_base(ledger);
    uint64_t above;
    int rc = base && base->generation > 0 ? 0 : read_error(ledger);

    if (rc == 0)
        rc = put_aside(ledger, now_wall_ms, aside, report);
    if (rc == 0 && !base) {
        base = &ledger->copies[0];
        rc = make_anew(base);
    }
    if (rc < 0)
        return rc;
    report->may_lack = report->damaged > 0 && base->generation == 0;
    above = base->generation;
    for (size_t i = 0; i < COPIES && rc == 0; i++)
        rc = aside[i][0] ? salvage(base, aside[i], above, report) : 0;
    for (size_t i = 0; i < COPIES && rc == 0; i++) {
        struct copy *copy = &ledger->copies[i];

        if (copy == base || (copy->db && copy->generation == base->generation))
            continue;
        rc = restore(copy, base);
        report->restored++;
    }
    ledger->generation = base->generation;
    return rc;
}

int ledger_open(const char *folder, uint64_t now_wall_ms, struct ledger **out,
                struct ledger_report *report)
{
    struct ledger *ledger = calloc(1, sizeof(*ledger));
    int rc = ledger ? 0 : -ENOMEM;

    memset(report, 0, sizeof(*report));
    for (size_t i = 0; i < COPIES && rc == 0; i++) {
        struct copy *copy = &ledger->copies[i];

        if (snprintf(copy->path, sizeof(copy->path), "%s/%s", folder, file_names[i]) >=
            (int)sizeof(copy->path))
            rc = -ENAMETOOLONG;
        else
            rc = look_at(copy);
    }
    if (rc == 0)
        rc = mend(ledger, now_wall_ms, report);
    if (rc < 0) {
        ledger_close(ledger);
        return rc;
    }
    *out = ledger;
    return 0;
}

void ledger_close(struct ledger *ledger)
{
    if (!ledger)
        return;
    for (size_t i = 0; i < COPIES; i++)
        close_copy(&ledger->copies[i]);
    free(ledger);
}

/* ---- writing and reading ------------------------------------------------------------------- */

static int write_rows(struct db *db, const struct journal_batch *batch, uint64_t generation)
{
    int rc = 0;

    for (size_t i = 0; i < journal_batch_count(batch) && rc == 0; i++) {
        struct record record = {.row = *journal_batch_row(batch, i), .generation = generation};

        rc = record.row.is_drop ? drop_record(db, &record.row) : put_record(db, &record);
    }
    return rc == 0 ? put_generation(db, generation) : rc;
}

/* One file after the other: between the two commits the first is the younger one. */
int ledger_write(struct ledger *ledger, const struct journal_batch *batch)
{
    uint64_t generation = ledger->generation + 1;

    for (size_t i = 0; i < COPIES; i++) {
        struct db *db = ledger->copies[i].db;
        int rc = db_begin(db);

        if (rc == 0)
            rc = write_rows(db, batch, generation);
        if (rc < 0)
            db_undo(db);
        else
            rc = db_commit(db);
        if (rc < 0)
            return rc;
    }
    ledger->generation = generation;
    return 0;
}

#define ALL_OF_THEM (-1) /* to SQLite */

static int read_kind(struct db *db, const char *kind, int64_t max, struct journal_batch *out)
{
    static const char sql[] = "SELECT * FROM (SELECT " RECORD_COLUMNS " FROM record WHERE kind=?"
                              " ORDER BY final, at DESC LIMIT ?) ORDER BY at, id";
    struct db_query *query;
    struct record record;
    int rc = db_query(db, sql, &query);

    if (rc < 0)
        return rc;
    db_bind_text(query, 1, kind, strlen(kind));
    db_bind_int(query, 2, max);
    while (rc == 0 && (rc = db_step(query)) == 1) {
        rc = read_record(query, &record);
        if (rc == 0)
            rc = journal_batch_put(out, &record.row);
    }
    db_reset(query);
    return rc;
}

int ledger_read(struct ledger *ledger, size_t max, struct journal_batch *out)
{
    struct db *db = ledger->copies[0].db;
    int rc = read_kind(db, JOURNAL_MARK, (int64_t)max, out);

    if (rc == 0)
        rc = read_kind(db, JOURNAL_INCIDENT, (int64_t)max, out);
    return rc == 0 ? read_kind(db, JOURNAL_NOTICE, ALL_OF_THEM, out) : rc;
}

/* ---- upkeep -------------------------------------------------------------------------------- */

static int delete_before(struct db *db, int64_t before)
{
    static const char sql[] = "DELETE FROM record WHERE kind!='" LEDGER_KIND "' AND final=1"
                              " AND at<?";
    struct db_query *query;
    int rc = db_query(db, sql, &query);

    if (rc < 0)
        return rc;
    db_bind_int(query, 1, before);
    return db_finish(query);
}

/* A tenth of the final rows, at least one. */
static int delete_oldest(struct db *db)
{
    static const char sql[] =
        "DELETE FROM record WHERE rowid IN (SELECT rowid FROM record WHERE final=1 ORDER BY at, id"
        " LIMIT (SELECT count(*)/10+1 FROM record WHERE final=1))";
    struct db_query *query;
    int rc = db_query(db, sql, &query);

    return rc < 0 ? rc : db_finish(query);
}

/* Both files lose the same rows, and have a new number for it. */
static int expire_once(struct ledger *ledger, int64_t before, bool also_oldest)
{
    uint64_t generation = ledger->generation + 1;
    int rc = 0;

    for (size_t i = 0; i < COPIES && rc == 0; i++) {
        struct db *db = ledger->copies[i].db;

        rc = db_begin(db);
        if (rc == 0)
            rc = delete_before(db, before);
        if (rc == 0 && also_oldest)
            rc = delete_oldest(db);
        if (rc == 0)
            rc = put_generation(db, generation);
        if (rc < 0)
            db_undo(db);
        else
            rc = db_commit(db);
        if (rc == 0)
            rc = db_run(db, "PRAGMA incremental_vacuum");
    }
    if (rc == 0)
        ledger->generation = generation;
    return rc;
}

int ledger_expire(struct ledger *ledger, int64_t before, uint64_t bytes_max)
{
    int rc = ledger_checkpoint(ledger); /* how long the WALs are says nothing of the rows */

    if (rc == 0)
        rc = expire_once(ledger, before, ledger_bytes(ledger) > bytes_max);
    return rc == 0 ? ledger_checkpoint(ledger) : rc;
}

int ledger_checkpoint(struct ledger *ledger)
{
    int rc = 0;

    for (size_t i = 0; i < COPIES && rc == 0; i++)
        rc = db_checkpoint(ledger->copies[i].db);
    return rc;
}

bool ledger_is_orphan(const struct ledger *ledger)
{
    return db_is_orphan(ledger->copies[0].db) || db_is_orphan(ledger->copies[1].db);
}

uint64_t ledger_bytes(const struct ledger *ledger)
{
    return db_bytes(ledger->copies[0].db) + db_bytes(ledger->copies[1].db);
}
