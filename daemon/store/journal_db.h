/* SPDX-License-Identifier: MIT */
/*
 * One SQLite file, opened to be ours alone: exclusive lock, WAL, checkpoints by us. The only door
 * to sqlite3.h. A file belongs to one thread at a time; nothing here logs. Errors are: -EBADMSG the
 * file is damaged, or not what we have made -EBUSY    another process has it -ENOSPC, -EROFS,
 * -EACCES, -EIO, -ENOMEM, -ENOENT ...  what the disk said
 */
#ifndef LEAKD_STORE_JOURNAL_DB_H
#define LEAKD_STORE_JOURNAL_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct db;
struct db_query; /* a prepared statement, kept by its db */

enum db_sync {
    DB_SYNC_COMMIT,     /* a commit that came back is on the disk */
    DB_SYNC_CHECKPOINT, /* a power cut may take the commits since the last checkpoint */
};

/* Makes the file where it is missing. The folder must be there. */
int db_open(const char *path, enum db_sync sync, struct db **out);
void db_close(struct db *db); /* leaves no WAL behind when the disk lets it */

/* Statements without result. sql may be several. */
int db_run(struct db *db, const char *sql);
/* What fails in between is undone by db_undo; commit undoes itself when it fails. */
int db_begin(struct db *db);
int db_commit(struct db *db);
void db_undo(struct db *db);

/* The statement for sql, which must be a literal: it is prepared once. Reset, nothing bound. */
int db_query(struct db *db, const char *sql, struct db_query **out);
/* Parameters count from 1. Texts and blobs are borrowed until db_reset or the next db_query. */
void db_bind_int(struct db_query *query, int at, int64_t value);
void db_bind_double(struct db_query *query, int at, double value); /* not finite: NULL */
void db_bind_text(struct db_query *query, int at, const char *text, size_t len);
void db_bind_blob(struct db_query *query, int at, const void *data, size_t len);
/* 1: a row, 0: no more, else an error. Failed binds come out here. */
int db_step(struct db_query *query);
/* To the end, rows ignored. */
int db_finish(struct db_query *query);
void db_reset(struct db_query *query);
/* Columns count from 0; valid until the next step or reset. */
int64_t db_int(struct db_query *query, int column);
double db_double(struct db_query *query, int column);                 /* NULL: NAN */
const char *db_text(struct db_query *query, int column, size_t *len); /* never NULL */
const void *db_blob(struct db_query *query, int column, size_t *len);

/* The first column of the first row; -ENODATA without one. */
int db_ask_int(struct db *db, const char *sql, int64_t *out);

/* -EBADMSG when its pages, tables or indexes do not fit together, -EIO when that cannot be said
 * because it cannot be read. Reads all of it. */
int db_check(struct db *db);
/* The WAL into the file and down to nothing. */
int db_checkpoint(struct db *db);
/* True when the path no longer leads to the file that is open. */
bool db_is_orphan(const struct db *db);
/* Bytes of the file and its WAL on the disk. */
uint64_t db_bytes(const struct db *db);

#endif
