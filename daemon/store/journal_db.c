/* SPDX-License-Identifier: MIT */
#include "daemon/store/journal_db.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <sqlite3.h>

/* Some forty statements are known; they are told apart by the address of their text. */
#define QUERIES_MAX 48
/* What a WAL may keep of the disk after a checkpoint. */
#define WAL_BYTES_KEPT "4194304"

struct db_query {
    struct db *db;
    sqlite3_stmt *statement;
    const char *sql;
    int bind_result;
};

struct db {
    sqlite3 *handle;
    char *path;
    dev_t device;
    ino_t inode;
    struct db_query queries[QUERIES_MAX];
    size_t query_count;
};

static int system_error(sqlite3 *handle, int otherwise)
{
    int error = handle ? sqlite3_system_errno(handle) : 0;

    return error > 0 ? -error : otherwise;
}

/* Our SQL is fixed: when SQLite does not understand it, the tables are not those we have made. */
static int translate(sqlite3 *handle, int result)
{
    switch (result & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return 0;
    case SQLITE_NOMEM:
        return -ENOMEM;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return -EBUSY;
    case SQLITE_FULL:
        return -ENOSPC;
    case SQLITE_READONLY:
        return -EROFS;
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return -EACCES;
    case SQLITE_CANTOPEN:
        return system_error(handle, -EACCES);
    case SQLITE_IOERR:
        if (result == SQLITE_IOERR_NOMEM)
            return -ENOMEM;
        /* A file that ends within a page was cut. */
        return result == SQLITE_IOERR_SHORT_READ ? -EBADMSG : system_error(handle, -EIO);
    case SQLITE_TOOBIG:
        return -E2BIG;
    default:
        return -EBADMSG;
    }
}

static int result_of(const struct db *db, int result)
{
    return translate(db->handle, result);
}

/* ---- life ---------------------------------------------------------------------------------- */

static int note_inode(struct db *db)
{
    struct stat st;

    if (stat(db->path, &st) < 0)
        return -errno;
    db->device = st.st_dev;
    db->inode = st.st_ino;
    return 0;
}

/* The first transaction takes the lock and keeps it; without -shm, whose readers we do not have. */
static int take_over(struct db *db, enum db_sync sync)
{
    int rc = db_run(db, "PRAGMA locking_mode=EXCLUSIVE");

    if (rc == 0)
        rc = db_run(db, "PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=WAL;");
    if (rc == 0)
        rc = db_run(db, sync == DB_SYNC_COMMIT ? "PRAGMA synchronous=FULL"
                                               : "PRAGMA synchronous=NORMAL");
    if (rc == 0)
        rc = db_run(db, "PRAGMA wal_autocheckpoint=0; PRAGMA journal_size_limit=" WAL_BYTES_KEPT
                        "; PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON");
    if (rc == 0)
        rc = db_run(db, "BEGIN IMMEDIATE; COMMIT");
    return rc;
}

int db_open(const char *path, enum db_sync sync, struct db **out)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
                SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE;
    struct db *db = calloc(1, sizeof(*db));
    int rc;

    if (!db)
        return -ENOMEM;
    db->path = strdup(path);
    rc = db->path ? 0 : -ENOMEM;
    if (rc == 0)
        rc = translate(db->handle, sqlite3_open_v2(path, &db->handle, flags, NULL));
    if (rc == 0 && chmod(path, 0600) < 0) /* the WAL takes it over */
        rc = -errno;
    if (rc == 0) {
        sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
        rc = take_over(db, sync);
    }
    if (rc == 0)
        rc = note_inode(db);
    if (rc < 0) {
        db_close(db);
        return rc;
    }
    *out = db;
    return 0;
}

void db_close(struct db *db)
{
    if (!db)
        return;
    for (size_t i = 0; i < db->query_count; i++)
        sqlite3_finalize(db->queries[i].statement);
    sqlite3_close(db->handle);
    free(db->path);
    free(db);
}

/* ---- statements ---------------------------------------------------------------------------- */

int db_run(struct db *db, const char *sql)
{
    return result_of(db, sqlite3_exec(db->handle, sql, NULL, NULL, NULL));
}

int db_begin(struct db *db)
{
    return db_run(db, "BEGIN IMMEDIATE");
}

int db_commit(struct db *db)
{
    int rc = db_run(db, "COMMIT");

    if (rc < 0)
        db_undo(db);
    return rc;
}

void db_undo(struct db *db)
{
    if (!sqlite3_get_autocommit(db->handle))
        sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
}

static int prepare(struct db *db, const char *sql, struct db_query *out)
{
    int rc;

    if (db->query_count == QUERIES_MAX)
        return -ENOSPC;
    rc = result_of(db, sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT,
                                          &out->statement, NULL));
    if (rc < 0)
        return rc;
    out->db = db;
    out->sql = sql;
    db->query_count++;
    return 0;
}

int db_query(struct db *db, const char *sql, struct db_query **out)
{
    size_t i = 0;
    int rc = 0;

    while (i < db->query_count && db->queries[i].sql != sql)
        i++;
    if (i == db->query_count)
        rc = prepare(db, sql, &db->queries[i]);
    if (rc < 0)
        return rc;
    db_reset(&db->queries[i]);
    *out = &db->queries[i];
    return 0;
}

static void note_bind(struct db_query *query, int result)
{
    if (result != SQLITE_OK)
        query->bind_result = result;
}

void db_bind_int(struct db_query *query, int at, int64_t value)
{
    note_bind(query, sqlite3_bind_int64(query->statement, at, value));
}

void db_bind_double(struct db_query *query, int at, double value)
{
    note_bind(query, isfinite(value) ? sqlite3_bind_double(query->statement, at, value)
                                     : sqlite3_bind_null(query->statement, at));
}

void db_bind_text(struct db_query *query, int at, const char *text, size_t len)
{
    note_bind(query,
              sqlite3_bind_text64(query->statement, at, text, len, SQLITE_STATIC, SQLITE_UTF8));
}

void db_bind_blob(struct db_query *query, int at, const void *data, size_t len)
{
    note_bind(query, sqlite3_bind_blob64(query->statement, at, data, len, SQLITE_STATIC));
}

int db_step(struct db_query *query)
{
    int result = query->bind_result;

    if (result == SQLITE_OK)
        result = sqlite3_step(query->statement);
    if (result == SQLITE_ROW)
        return 1;
    return result_of(query->db, result);
}

int db_finish(struct db_query *query)
{
    int rc;

    while ((rc = db_step(query)) == 1)
        ;
    db_reset(query);
    return rc;
}

void db_reset(struct db_query *query)
{
    sqlite3_reset(query->statement);
    sqlite3_clear_bindings(query->statement);
    query->bind_result = SQLITE_OK;
}

int64_t db_int(struct db_query *query, int column)
{
    return sqlite3_column_int64(query->statement, column);
}

double db_double(struct db_query *query, int column)
{
    if (sqlite3_column_type(query->statement, column) == SQLITE_NULL)
        return NAN;
    return sqlite3_column_double(query->statement, column);
}

const char *db_text(struct db_query *query, int column, size_t *len)
{
    const char *text = (const char *)sqlite3_column_text(query->statement, column);

    if (len)
        *len = text ? (size_t)sqlite3_column_bytes(query->statement, column) : 0;
    return text ? text : "";
}

const void *db_blob(struct db_query *query, int column, size_t *len)
{
    const void *data = sqlite3_column_blob(query->statement, column);

    *len = data ? (size_t)sqlite3_column_bytes(query->statement, column) : 0;
    return data;
}

int db_ask_int(struct db *db, const char *sql, int64_t *out)
{
    struct db_query *query;
    int rc = db_query(db, sql, &query);

    if (rc < 0)
        return rc;
    rc = db_step(query);
    if (rc == 1)
        *out = db_int(query, 0);
    db_reset(query);
    return rc < 0 ? rc : rc == 1 ? 0 : -ENODATA;
}

/* ---- upkeep -------------------------------------------------------------------------------- */

/* 0, 1 that it found something, or an error. */
static int find_damage(struct db *db)
{
    struct db_query *query;
    int rc = db_query(db, "PRAGMA integrity_check(1)", &query);

    if (rc < 0)
        return rc;
    rc = db_step(query);
    if (rc == 1)
        rc = strcmp(db_text(query, 0, NULL), "ok") != 0;
    else if (rc == 0)
        rc = 1;
    db_reset(query);
    return rc;
}

/* Through SQLite's own file, so that its locks stay. */
static int read_through(struct db *db, int which)
{
    static const int block_bytes = 1 << 16;
    sqlite3_file *file = NULL;
    sqlite3_int64 size = 0;
    int result = sqlite3_file_control(db->handle, "main", which, &file);
    char *block;

    if (result != SQLITE_OK || !file || !file->pMethods)
        return result_of(db, result);
    block = malloc((size_t)block_bytes);
    if (!block)
        return -ENOMEM;
    result = file->pMethods->xFileSize(file, &size);
    for (sqlite3_int64 at = 0; at < size && result == SQLITE_OK; at += block_bytes) {
        int len = size - at < block_bytes ? (int)(size - at) : block_bytes;

        result = file->pMethods->xRead(file, block, len, at);
    }
    free(block);
    return result == SQLITE_OK ? 0 : -EIO;
}

/* SQLite tells of a page that it could not read as of one that is wrong, in words of no contract.
 * Damage is what it still finds after every byte could be read. */
int db_check(struct db *db)
{
    int rc = find_damage(db);

    if (rc != 1)
        return rc;
    rc = read_through(db, SQLITE_FCNTL_FILE_POINTER);
    if (rc == 0)
        rc = read_through(db, SQLITE_FCNTL_JOURNAL_POINTER);
    if (rc == 0)
        rc = find_damage(db);
    return rc == 1 ? -EBADMSG : rc;
}

int db_checkpoint(struct db *db)
{
    return result_of(
        db, sqlite3_wal_checkpoint_v2(db->handle, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL));
}

bool db_is_orphan(const struct db *db)
{
    struct stat st;

    if (stat(db->path, &st) < 0)
        return errno == ENOENT || errno == ENOTDIR;
    return st.st_dev != db->device || st.st_ino != db->inode;
}

uint64_t db_bytes(const struct db *db)
{
    char wal[4096];
    struct stat st;
    uint64_t bytes = 0;

    if (stat(db->path, &st) == 0)
        bytes += (uint64_t)st.st_size;
    snprintf(wal, sizeof(wal), "%s-wal", db->path);
    if (stat(wal, &st) == 0)
        bytes += (uint64_t)st.st_size;
    return bytes;
}
