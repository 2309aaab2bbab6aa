/* SPDX-License-Identifier: MIT */
/*
 * A disk that fails on order: SQLite's own VFS with a countdown in front of every write, sync,
 * truncation, opening and deletion. One copy a test program.
 */
#ifndef LEAKD_TESTS_FAILING_VFS_H
#define LEAKD_TESTS_FAILING_VFS_H

#include <stdbool.h>
#include <string.h>

#include <sqlite3.h>

struct failing_file {
    sqlite3_file base;
    sqlite3_file *real;
};

static struct {
    sqlite3_vfs vfs;
    sqlite3_vfs *real;
    long calls;     /* that could have failed so far */
    long fail_from; /* the first that fails, -1: none */
    long fail_to;   /* and the last */
    int result;     /* as this */
    bool reads;     /* reads fail too */
    bool only_reads;
} disk = {.fail_from = -1};

static bool fails(void)
{
    long call = disk.calls++;

    return disk.fail_from >= 0 && call >= disk.fail_from && call <= disk.fail_to;
}

static bool change_fails(void)
{
    return !disk.only_reads && fails();
}

static sqlite3_file *real_of(sqlite3_file *file)
{
    return ((struct failing_file *)file)->real;
}

static int vfs_close(sqlite3_file *file)
{
    int result = SQLITE_OK;

    if (real_of(file)->pMethods)
        result = real_of(file)->pMethods->xClose(real_of(file));
    sqlite3_free(real_of(file));
    return result;
}

static int vfs_read(sqlite3_file *file, void *to, int len, sqlite3_int64 at)
{
    if ((disk.reads || disk.only_reads) && fails())
        return SQLITE_IOERR_READ;
    return real_of(file)->pMethods->xRead(real_of(file), to, len, at);
}

static int vfs_write(sqlite3_file *file, const void *from, int len, sqlite3_int64 at)
{
    return change_fails() ? disk.result : real_of(file)->pMethods->xWrite(real_of(file), from, len, at);
}

static int vfs_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    return change_fails() ? SQLITE_IOERR_TRUNCATE
                   : real_of(file)->pMethods->xTruncate(real_of(file), size);
}

static int vfs_sync(sqlite3_file *file, int flags)
{
    return change_fails() ? SQLITE_IOERR_FSYNC : real_of(file)->pMethods->xSync(real_of(file), flags);
}

static int vfs_size(sqlite3_file *file, sqlite3_int64 *size)
{
    return real_of(file)->pMethods->xFileSize(real_of(file), size);
}

static int vfs_lock(sqlite3_file *file, int lock)
{
    return real_of(file)->pMethods->xLock(real_of(file), lock);
}

static int vfs_unlock(sqlite3_file *file, int lock)
{
    return real_of(file)->pMethods->xUnlock(real_of(file), lock);
}

static int vfs_check(sqlite3_file *file, int *out)
{
    return real_of(file)->pMethods->xCheckReservedLock(real_of(file), out);
}

static int vfs_control(sqlite3_file *file, int op, void *arg)
{
    return real_of(file)->pMethods->xFileControl(real_of(file), op, arg);
}

static int vfs_sector(sqlite3_file *file)
{
    return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int vfs_traits(sqlite3_file *file)
{
    return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

/* Version 1: no shared memory, which an exclusive WAL does without. */
static const sqlite3_io_methods methods = {
    .iVersion = 1,
    .xClose = vfs_close,
    .xRead = vfs_read,
    .xWrite = vfs_write,
    .xTruncate = vfs_truncate,
    .xSync = vfs_sync,
    .xFileSize = vfs_size,
    .xLock = vfs_lock,
    .xUnlock = vfs_unlock,
    .xCheckReservedLock = vfs_check,
    .xFileControl = vfs_control,
    .xSectorSize = vfs_sector,
    .xDeviceCharacteristics = vfs_traits,
};

static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out)
{
    struct failing_file *failing = (struct failing_file *)file;
    int result;

    (void)vfs;
    file->pMethods = NULL;
    if (change_fails())
        return SQLITE_CANTOPEN;
    failing->real = sqlite3_malloc(disk.real->szOsFile);
    if (!failing->real)
        return SQLITE_NOMEM;
    memset(failing->real, 0, (size_t)disk.real->szOsFile);
    result = disk.real->xOpen(disk.real, name, failing->real, flags, out);
    if (result == SQLITE_OK)
        file->pMethods = &methods;
    else
        sqlite3_free(failing->real);
    return result;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync_folder)
{
    (void)vfs;
    return change_fails() ? SQLITE_IOERR_DELETE : disk.real->xDelete(disk.real, name, sync_folder);
}

/* SQLite's default from now on. */
static inline void failing_vfs_install(void)
{
    disk.real = sqlite3_vfs_find(NULL);
    disk.vfs = *disk.real;
    disk.vfs.zName = "failing";
    disk.vfs.szOsFile = (int)sizeof(struct failing_file);
    disk.vfs.xOpen = vfs_open;
    disk.vfs.xDelete = vfs_delete;
    sqlite3_vfs_register(&disk.vfs, 1);
}

static inline void failing_vfs_remove(void)
{
    sqlite3_vfs_unregister(&disk.vfs);
    disk.fail_from = -1;
}

#endif
