/* SPDX-License-Identifier: MIT */
/*
 * What survives leakd: incidents, notices that are not delivered, and whatever else is few and
 * precious. Rows are texts under a kind and an id; a batch of changes is made in the memory of the
 * loop's thread, written by a worker, and given back. A batch that was written is on the disk, in
 * two files: damage to one of them loses nothing. Every function that takes a journal blocks and
 * belongs to the thread that holds it; batches are plain memory. Nothing here logs.
 */
#ifndef LEAKD_STORE_JOURNAL_H
#define LEAKD_STORE_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JOURNAL_INCIDENT "incident"
#define JOURNAL_NOTICE   "notice"
#define JOURNAL_MARK     "mark"

struct journal_row {
    const char *kind;
    const char *id;
    int64_t at;    /* the order in which rows of a kind are read; for final ones their age */
    bool is_final; /* may leave after the retention */
    bool is_drop;  /* in a batch: the row goes; only kind and id count */
    const char *text;
    size_t len;
};

/* ---- batches ------------------------------------------------------------------------------- */

struct journal_batch;

struct journal_batch *journal_batch_new(void); /* NULL: no memory */
void journal_batch_free(struct journal_batch *batch);
/* Copies the row. -ENOMEM. */
int journal_batch_put(struct journal_batch *batch, const struct journal_row *row);
size_t journal_batch_count(const struct journal_batch *batch);
/* In order of put. */
const struct journal_row *journal_batch_row(const struct journal_batch *batch, size_t index);

/* ---- the journal --------------------------------------------------------------------------- */

struct journal;

struct journal_limits {
    uint64_t retention_ms; /* final rows older than this leave */
    uint64_t bytes_max;    /* of both files; beyond it the oldest final rows leave */
    size_t load_max;       /* incidents and marks that are read at the start: not final ones first,
                              then the newest; notices are read all */
};

/* Touches no disk yet. */
int journal_new(const char *folder, const struct journal_limits *limits, struct journal **out);
void journal_free(struct journal *journal);

struct journal_status {
    int error;         /* of the last run, 0: all is well */
    char problem[256]; /* one sentence, "" when all is well */
    uint64_t opened;   /* times that the files were opened */
    uint64_t damaged;  /* files that were put aside */
    uint64_t written;  /* batches */
    uint64_t bytes;    /* on the disk */
    char event[512];   /* what the last opening found and did, "" = nothing worth a word */
};

/*
 * Opens the files when they are not open, writes the batch (NULL: only opens) and does upkeep. When
 * it opened them it puts the rows that it found, without those of the batch, into *loaded, to be
 * freed by the caller; NULL else. 0: every row is on the disk. On failure none may be counted upon;
 * they are given again to a later run, which may succeed once the cause is gone.
 */
int journal_run(struct journal *journal, const struct journal_batch *batch, uint64_t now_wall_ms,
                struct journal_batch **loaded);
void journal_read_status(const struct journal *journal, struct journal_status *out);

#endif
