/* SPDX-License-Identifier: MIT */
#include "daemon/base/procfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const struct procfs procfs_host = {.proc = "/proc", .cgroup = "/sys/fs/cgroup"};

/* Reads a small file of /proc or of a cgroup; cut at size - 1. */
static int read_file(const char *path, char *out, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t len = 0;
    ssize_t got = 0;

    if (fd < 0)
        return -errno;
    while (len < size - 1 && (got = read(fd, out + len, size - 1 - len)) > 0)
        len += (size_t)got;
    out[len] = '\0';
    got = got < 0 ? -errno : 0;
    close(fd);
    return (int)got;
}

/* A file of one process; that it is not there says that the process is not. */
static int read_pid_file(const struct procfs *fs, pid_t pid, const char *name, char *out,
                         size_t size)
{
    char path[PATH_MAX];
    int rc;

    if (pid > 0)
        snprintf(path, sizeof(path), "%s/%d/%s", fs->proc, (int)pid, name);
    else
        snprintf(path, sizeof(path), "%s/self/%s", fs->proc, name);
    rc = read_file(path, out, size);
    return rc == -ENOENT ? -ESRCH : rc;
}

/* ---- stat ---------------------------------------------------------------------------------- */

/* The fields behind the name, which may itself hold blanks and parentheses. */
struct stat_fields {
    char state;
    int parent_pid;
    uint64_t user_ticks;
    uint64_t system_ticks;
    uint64_t start_ticks;
};

static int parse_stat(const char *text, struct stat_fields *out, const char **comm,
                      size_t *comm_len)
{
    const char *open = strchr(text, '(');
    const char *close = strrchr(text, ')');

    if (!open || !close || close < open)
        return -EBADMSG;
    if (sscanf(close + 1,
               " %c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64
               " %*d %*d %*d %*d %*d %*d %" SCNu64,
               &out->state, &out->parent_pid, &out->user_ticks, &out->system_ticks,
               &out->start_ticks) != 5)
        return -EBADMSG;
    *comm = open + 1;
    *comm_len = (size_t)(close - open - 1);
    return 0;
}

int procfs_read_stat(const struct procfs *fs, pid_t pid, struct procfs_stat *out)
{
    char text[1024];
    struct stat_fields fields;
    const char *comm;
    size_t comm_len;
    int rc = read_pid_file(fs, pid, "stat", text, sizeof(text));

    if (rc == 0)
        rc = parse_stat(text, &fields, &comm, &comm_len);
    if (rc < 0)
        return rc;
    *out = (struct procfs_stat){
        .state = fields.state, .parent_pid = fields.parent_pid, .start_ticks = fields.start_ticks};
    if (comm_len >= sizeof(out->comm))
        comm_len = sizeof(out->comm) - 1;
    memcpy(out->comm, comm, comm_len);
    return 0;
}

bool procfs_is_running(const struct procfs *fs, pid_t pid, uint64_t start_ticks)
{
    struct procfs_stat stat;
    int rc = procfs_read_stat(fs, pid, &stat);

    if (rc < 0)
        return rc != -ESRCH;
    return stat.state != 'Z' && stat.state != 'X' && stat.start_ticks == start_ticks;
}

/* By device and inode: names differ between mount namespaces, and an upgrade takes them away. A
 * file server that does not answer is not waited for. */
static int stat_exe(const struct procfs *fs, pid_t pid, struct statx *out)
{
    char path[PATH_MAX];

    snprintf(path, sizeof(path), "%s/%d/exe", fs->proc, (int)pid);
    return statx(AT_FDCWD, path, AT_STATX_DONT_SYNC, STATX_INO, out) < 0 ? -errno : 0;
}

bool procfs_is_same_program(const struct procfs *fs, pid_t pid, pid_t other)
{
    struct procfs_stat a, b;
    struct statx exe_a, exe_b;

    if (stat_exe(fs, pid, &exe_a) == 0 && stat_exe(fs, other, &exe_b) == 0)
        return exe_a.stx_dev_major == exe_b.stx_dev_major &&
               exe_a.stx_dev_minor == exe_b.stx_dev_minor && exe_a.stx_ino == exe_b.stx_ino;
    return procfs_read_stat(fs, pid, &a) == 0 && procfs_read_stat(fs, other, &b) == 0 &&
           strcmp(a.comm, b.comm) == 0;
}

int procfs_read_uid(const struct procfs *fs, pid_t pid, uid_t *out)
{
    char text[4096];
    const char *line;
    unsigned uid;
    int rc = read_pid_file(fs, pid, "status", text, sizeof(text));

    if (rc < 0)
        return rc;
    line = strstr(text, "\nUid:");
    if (!line || sscanf(line, "\nUid: %*u %u", &uid) != 1)
        return -EBADMSG;
    *out = uid;
    return 0;
}

int procfs_read_command(const struct procfs *fs, pid_t pid, char *out, size_t size)
{
    size_t len = size;
    int rc;

    memset(out, 0, size);
    rc = read_pid_file(fs, pid, "cmdline", out, size);
    while (len > 0 && out[len - 1] == '\0')
        len--;
    for (size_t i = 0; i < len; i++) {
        if (out[i] == '\0')
            out[i] = ' ';
    }
    return rc;
}

int procfs_read_rss_bytes(const struct procfs *fs, pid_t pid, uint64_t *out, uint64_t *shared)
{
    char text[256];
    uint64_t pages, shared_pages;
    int rc = read_pid_file(fs, pid, "statm", text, sizeof(text));

    if (rc < 0)
        return rc;
    if (sscanf(text, "%*u %" SCNu64 " %" SCNu64, &pages, &shared_pages) != 2)
        return -EBADMSG;
    *out = pages * (uint64_t)sysconf(_SC_PAGESIZE);
    if (shared)
        *shared = shared_pages * (uint64_t)sysconf(_SC_PAGESIZE);
    return 0;
}

/* The number behind the line that starts with name; 0 or a negative errno. */
static int find_number(const char *path, const char *name, uint64_t *out)
{
    FILE *file = fopen(path, "re");
    size_t name_len = strlen(name);
    char *line = NULL;
    size_t cap = 0;
    int rc = -ENODATA;

    if (!file)
        return -errno;
    /* /proc/stat has lines of many kilobytes (intr). */
    while (rc == -ENODATA && getline(&line, &cap, file) > 0) {
        if (!strncmp(line, name, name_len) && sscanf(line + name_len, "%" SCNu64, out) == 1)
            rc = 0;
    }
    free(line);
    fclose(file);
    return rc;
}

int procfs_read_file_bytes(const struct procfs *fs, pid_t pid, uint64_t *out)
{
    char path[PATH_MAX];
    uint64_t kib = 0;
    int rc;

    snprintf(path, sizeof(path), "%s/%d/status", fs->proc, (int)pid);
    rc = find_number(path, "RssFile:", &kib);
    if (rc == 0)
        *out = kib * 1024;
    return rc;
}

int procfs_start_wall_ms(const struct procfs *fs, uint64_t start_ticks, uint64_t *out)
{
    char path[PATH_MAX];
    uint64_t boot_s;
    int rc;

    snprintf(path, sizeof(path), "%s/stat", fs->proc);
    rc = find_number(path, "btime ", &boot_s);
    if (rc == 0)
        *out = boot_s * 1000 + start_ticks * 1000 / (uint64_t)sysconf(_SC_CLK_TCK);
    return rc;
}

static int read_word(const struct procfs *fs, const char *file, char *out, size_t size)
{
    char path[PATH_MAX], text[256];
    int rc;

    snprintf(path, sizeof(path), "%s/%s", fs->proc, file);
    rc = read_file(path, text, sizeof(text));
    if (rc == 0)
        snprintf(out, size, "%.*s", (int)strcspn(text, "\n"), text);
    return rc;
}

int procfs_read_boot_id(const struct procfs *fs, char out[PROCFS_BOOT_ID_SIZE])
{
    return read_word(fs, "sys/kernel/random/boot_id", out, PROCFS_BOOT_ID_SIZE);
}

int procfs_read_host(const struct procfs *fs, char *out, size_t size)
{
    return read_word(fs, "sys/kernel/hostname", out, size);
}

/* ---- leakd itself -------------------------------------------------------------------------- */

static int count_fds(const struct procfs *fs, unsigned *out)
{
    char path[PATH_MAX];
    struct dirent *entry;
    unsigned count = 0;
    DIR *folder;

    snprintf(path, sizeof(path), "%s/self/fd", fs->proc);
    folder = opendir(path);
    if (!folder)
        return -errno;
    while ((entry = readdir(folder)))
        count += entry->d_name[0] != '.';
    closedir(folder);
    *out = count > 0 ? count - 1 : 0; /* the folder's own */
    return 0;
}

int procfs_read_self(const struct procfs *fs, struct procfs_self *out)
{
    char text[4096];
    struct procfs_self self = {0};
    struct stat_fields fields;
    const char *comm, *limit;
    size_t comm_len;
    int rc = read_pid_file(fs, 0, "stat", text, sizeof(text));

    if (rc == 0)
        rc = parse_stat(text, &fields, &comm, &comm_len);
    if (rc == 0)
        rc = procfs_start_wall_ms(fs, fields.start_ticks, &self.start_wall_ms);
    if (rc == 0)
        rc = procfs_read_rss_bytes(fs, 0, &self.rss_bytes, NULL);
    if (rc == 0)
        rc = count_fds(fs, &self.open_fds);
    if (rc == 0)
        rc = read_pid_file(fs, 0, "limits", text, sizeof(text));
    if (rc < 0)
        return rc;
    limit = strstr(text, "Max open files");
    if (!limit || sscanf(limit + strlen("Max open files"), "%u", &self.max_fds) != 1)
        self.max_fds = UINT_MAX; /* unlimited */
    self.cpu_seconds =
        (double)(fields.user_ticks + fields.system_ticks) / (double)sysconf(_SC_CLK_TCK);
    *out = self;
    return 0;
}
