/* SPDX-License-Identifier: MIT */
/* Files of /proc whose contents a program chooses in part: its name, its control group's path. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/base/procfs.h"
#include "daemon/base/procfs_maps.h"

static char folder[] = "/tmp/leakd-fuzz-XXXXXX";
static const char *const files[] = {"42/stat", "42/statm", "42/cgroup", "42/limits", "42/smaps",
                                    "stat"};

static void remove_folder(void)
{
    char path[128];

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, files[i]);
        unlink(path);
    }
    snprintf(path, sizeof(path), "%s/42", folder);
    rmdir(path);
    rmdir(folder);
}

static void make_folder(void)
{
    char path[128];

    if (folder[strlen(folder) - 1] != 'X')
        return;
    if (!mkdtemp(folder))
        abort();
    snprintf(path, sizeof(path), "%s/42", folder);
    if (mkdir(path, 0700) < 0 || atexit(remove_folder) != 0)
        abort();
}

static void put(const char *name, const void *data, size_t size)
{
    char path[128];
    int fd;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
    close(fd);
}

static void check_maps(const struct procfs *fs)
{
    static struct procfs_maps maps;

    if (procfs_read_maps(fs, 42, &maps) < 0)
        return;
    if (maps.count == 0 || maps.count > PROCFS_MAP_ROWS_MAX)
        abort();
    for (size_t i = 0; i < maps.count; i++) {
        if (!memchr(maps.rows[i].name, 0, sizeof(maps.rows[i].name)))
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct procfs fs = {.proc = folder, .cgroup = folder};
    struct procfs_memory_limit limit;
    struct procfs_stat stat;
    char unit[64];
    uint64_t value;

    make_folder();
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        put(files[i], data, size);
    if (procfs_read_stat(&fs, 42, &stat) == 0 && !memchr(stat.comm, 0, sizeof(stat.comm)))
        abort();
    procfs_read_rss_bytes(&fs, 42, &value, &value);
    procfs_start_wall_ms(&fs, 1, &value);
    if (procfs_read_unit(&fs, 42, unit, sizeof(unit)) == 0 && strchr(unit, '/'))
        abort();
    procfs_read_limit(&fs, 42, &limit);
    check_maps(&fs);
    return 0;
}
