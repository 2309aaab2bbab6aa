/* SPDX-License-Identifier: MIT */
#include "daemon/store/journal_quarantine.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SAME_SECOND_MAX 100

static int rename_beside(const char *path, const char *fresh, const char *suffix)
{
    char from[PATH_MAX], to[PATH_MAX];

    if (snprintf(from, sizeof(from), "%s%s", path, suffix) >= (int)sizeof(from) ||
        snprintf(to, sizeof(to), "%s%s", fresh, suffix) >= (int)sizeof(to))
        return -ENAMETOOLONG;
    return rename(from, to) < 0 ? -errno : 0;
}

/* The name must be free: a rename would put the file in the place of an older one. */
static int choose_name(const char *path, const char *word, uint64_t now_wall_ms, char *out,
                       size_t size)
{
    time_t now_s = (time_t)(now_wall_ms / 1000);
    char stamp[32];
    struct tm tm;

    gmtime_r(&now_s, &tm);
    strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &tm);
    for (int i = 0; i < SAME_SECOND_MAX; i++) {
        char more[8] = "";

        if (i > 0)
            snprintf(more, sizeof(more), "-%02d", i);
        if (snprintf(out, size, "%s.%s-%s%s", path, word, stamp, more) >= (int)size)
            return -ENAMETOOLONG;
        if (access(out, F_OK) < 0)
            return 0;
    }
    return -EEXIST;
}

static bool is_wal(const char *path)
{
    size_t len = strlen(path);

    return len > 4 && strcmp(path + len - 4, "-wal") == 0;
}

/* Names sort by age. */
static void delete_oldest(const char *path, const char *word, size_t keep)
{
    char pattern[PATH_MAX];
    size_t kept = 0;
    glob_t found;

    if (snprintf(pattern, sizeof(pattern), "%s.%s-*", path, word) >= (int)sizeof(pattern) ||
        glob(pattern, 0, NULL, &found) != 0)
        return;
    for (size_t i = found.gl_pathc; i-- > 0;) {
        kept += !is_wal(found.gl_pathv[i]);
        if (kept > keep || (is_wal(found.gl_pathv[i]) && kept == keep))
            unlink(found.gl_pathv[i]);
    }
    globfree(&found);
}

int quarantine(const char *path, const char *word, size_t keep, uint64_t now_wall_ms, char *out,
               size_t size)
{
    int rc = choose_name(path, word, now_wall_ms, out, size);

    if (rc < 0)
        return rc;
    /* The WAL first: were it left alone, SQLite would apply it to the fresh file. */
    rc = rename_beside(path, out, "-wal");
    if (rc < 0 && rc != -ENOENT)
        return rc;
    rc = rename_beside(path, out, "");
    if (rc < 0 && rc != -ENOENT)
        return rc;
    delete_oldest(path, word, keep);
    return 0;
}

static int remove_beside(const char *path, const char *suffix)
{
    char beside[PATH_MAX];

    if (snprintf(beside, sizeof(beside), "%s%s", path, suffix) >= (int)sizeof(beside))
        return -ENAMETOOLONG;
    return unlink(beside) < 0 && errno != ENOENT ? -errno : 0;
}

/* What SQLite would apply to whatever has the name. A new file has a journal until it has a WAL. */
static int remove_logs(const char *path)
{
    int rc = remove_beside(path, "-journal");

    return rc == 0 ? remove_beside(path, "-wal") : rc;
}

int remove_file(const char *path)
{
    int rc = remove_logs(path); /* first, as in quarantine() */

    return rc == 0 ? remove_beside(path, "") : rc;
}

static int sync_folder_of(const char *path)
{
    char folder[PATH_MAX];
    int fd, rc;

    if (snprintf(folder, sizeof(folder), "%.*s", (int)(strrchr(path, '/') - path), path) >=
        (int)sizeof(folder))
        return -ENAMETOOLONG;
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    rc = fsync(fd) < 0 && errno != EINVAL ? -errno : 0; /* some file systems cannot */
    close(fd);
    return rc;
}

int replace_file(const char *path, const char *fresh)
{
    int rc = remove_logs(fresh);

    if (rc == 0)
        rc = remove_logs(path); /* without its WAL the old file is older still, but whole */
    if (rc == 0 && rename(fresh, path) < 0)
        rc = -errno;
    return rc == 0 ? sync_folder_of(path) : rc;
}
