/* SPDX-License-Identifier: MIT */
/* When the files are opened, written, looked after, given up and tried again. */
#include "daemon/store/journal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/store/journal_ledger.h"

#define CHECKPOINT_STEP_MS 60000u
/* Without anything to write something is written: that the disk is full or read-only is better
 * known before the incident. */
#define PROBE_STEP_MS  55000u
#define EXPIRE_STEP_MS (60u * 60 * 1000)
/* Opening reads and checks all there is: once a day it is done anew, so that damage is found while
 * the other file is whole. */
#define REOPEN_STEP_MS (24u * 60 * 60 * 1000)

struct journal {
    char *folder;
    struct journal_limits limits;
    struct ledger *ledger; /* NULL: not open */
    uint64_t opened_ms;
    uint64_t checkpoint_ms;
    uint64_t expire_ms;
    uint64_t written_ms;
    bool is_dirty; /* written since the last checkpoint */
    struct journal_status status;
};

int journal_new(const char *folder, const struct journal_limits *limits, struct journal **out)
{
    struct journal *journal = calloc(1, sizeof(*journal));

    if (!journal)
        return -ENOMEM;
    journal->folder = strdup(folder);
    if (!journal->folder) {
        free(journal);
        return -ENOMEM;
    }
    journal->limits = *limits;
    *out = journal;
    return 0;
}

void journal_free(struct journal *journal)
{
    if (!journal)
        return;
    ledger_close(journal->ledger);
    free(journal->folder);
    free(journal);
}

void journal_read_status(const struct journal *journal, struct journal_status *out)
{
    *out = journal->status;
}

static void close_ledger(struct journal *journal)
{
    ledger_close(journal->ledger);
    journal->ledger = NULL;
}

/* ---- opening ------------------------------------------------------------------------------- */

static void describe_opening(struct journal *journal, const struct ledger_report *report)
{
    char *event = journal->status.event;
    size_t size = sizeof(journal->status.event);
    int len = 0;

    event[0] = '\0';
    if (report->damaged > 0)
        len = snprintf(event, size, "%u damaged file%s put aside as %.200s; ", report->damaged,
                       report->damaged == 1 ? "" : "s", report->aside);
    if (report->salvaged > 0)
        len += snprintf(event + len, size - (size_t)len, "%llu rows saved from it; ",
                        (unsigned long long)report->salvaged);
    if (report->may_lack)
        snprintf(event + len, size - (size_t)len, "what was in it alone is not there any more");
    else if (report->restored > 0)
        snprintf(event + len, size - (size_t)len, "a file was made anew from the other, whole one");
}

static int read_rows(struct journal *journal, struct journal_batch **out)
{
    struct journal_batch *rows = journal_batch_new();
    int rc = rows ? ledger_read(journal->ledger, journal->limits.load_max, rows) : -ENOMEM;

    if (rc < 0) {
        journal_batch_free(rows);
        return rc;
    }
    *out = rows;
    return 0;
}

static int open_ledger(struct journal *journal, uint64_t now_wall_ms, struct journal_batch **loaded)
{
    struct ledger_report report;
    int rc;

    /* One level: the folders above are made at the start, or by whoever took them away. */
    if (mkdir(journal->folder, 0700) < 0 && errno != EEXIST && errno != EROFS)
        return -errno;
    rc = ledger_open(journal->folder, now_wall_ms, &journal->ledger, &report);
    if (rc < 0)
        return rc;
    rc = read_rows(journal, loaded);
    if (rc < 0) {
        close_ledger(journal);
        return rc;
    }
    journal->opened_ms = journal->checkpoint_ms = now_wall_ms;
    journal->expire_ms = 0;
    journal->is_dirty = true;
    journal->status.opened++;
    journal->status.damaged += report.damaged;
    describe_opening(journal, &report);
    return 0;
}

/* ---- running ------------------------------------------------------------------------------- */

/* The wall clock may be set back: then it is time, too. */
static bool is_due(uint64_t since_ms, uint64_t step_ms, uint64_t now_ms)
{
    return now_ms < since_ms || now_ms - since_ms >= step_ms;
}

static int keep_up(struct journal *journal, uint64_t now_ms)
{
    uint64_t retention_ms = journal->limits.retention_ms;
    int rc = 0;

    if (is_due(journal->expire_ms, EXPIRE_STEP_MS, now_ms)) {
        journal->expire_ms = now_ms;
        rc = ledger_expire(journal->ledger,
                           now_ms > retention_ms ? (int64_t)(now_ms - retention_ms) : 0,
                           journal->limits.bytes_max);
    }
    if (rc == 0 && journal->is_dirty &&
        is_due(journal->checkpoint_ms, CHECKPOINT_STEP_MS, now_ms)) {
        journal->checkpoint_ms = now_ms;
        rc = ledger_checkpoint(journal->ledger);
        journal->is_dirty = rc < 0;
    }
    return rc;
}

/* Damage and read errors are looked at by the next opening; so is a failure that nobody expects. */
static bool must_reopen(int error)
{
    return error < 0 && error != -ENOSPC && error != -ENOMEM;
}

static const char *advice(int error)
{
    switch (error) {
    case -ENOSPC:
        return "make room there";
    case -EBUSY:
        return "another leakd uses these files; end one of them";
    case -EROFS:
    case -EACCES:
    case -EPERM:
        return "let leakd's user write there";
    default:
        return "look at the disk";
    }
}

static void note_result(struct journal *journal, int error)
{
    struct journal_status *status = &journal->status;

    status->error = error;
    status->problem[0] = '\0';
    if (error < 0)
        snprintf(status->problem, sizeof(status->problem),
                 "nothing can be stored in %.120s: %s; %s", journal->folder,
                 error == -EBADMSG ? "a file is damaged" : strerror(-error), advice(error));
    status->bytes = journal->ledger ? ledger_bytes(journal->ledger) : 0;
}

static int write_batch(struct journal *journal, const struct journal_batch *batch, uint64_t now_ms)
{
    bool is_probe = journal_batch_count(batch) == 0;
    int rc;

    if (is_probe && !is_due(journal->written_ms, PROBE_STEP_MS, now_ms))
        return 0;
    rc = ledger_write(journal->ledger, batch);
    if (rc == 0) {
        journal->is_dirty = true;
        journal->written_ms = now_ms;
        journal->status.written += !is_probe;
    }
    return rc;
}

int journal_run(struct journal *journal, const struct journal_batch *batch, uint64_t now_wall_ms,
                struct journal_batch **loaded)
{
    int rc = 0, kept = 0;

    *loaded = NULL;
    if (journal->ledger && (ledger_is_orphan(journal->ledger) ||
                            is_due(journal->opened_ms, REOPEN_STEP_MS, now_wall_ms)))
        close_ledger(journal);
    if (!journal->ledger)
        rc = open_ledger(journal, now_wall_ms, loaded);
    if (rc == 0)
        rc = write_batch(journal, batch, now_wall_ms);
    if (rc == 0)
        kept = keep_up(journal, now_wall_ms);
    if (must_reopen(rc) || must_reopen(kept))
        close_ledger(journal);
    note_result(journal, rc < 0 ? rc : kept);
    return rc;
}
