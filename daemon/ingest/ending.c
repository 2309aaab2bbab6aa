/* SPDX-License-Identifier: MIT */
#include "daemon/ingest/ending.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/base/procfs.h"

/* Younger than the headers this is built with: linux/pidfd.h of 6.15, asm-generic/socket.h of 6.5.
 */
#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif
#define INFO_EXIT 8u

struct info {
    uint64_t mask;
    uint64_t cgroup_id;
    uint32_t pid, tgid, ppid;
    uint32_t ruid, rgid, euid, egid, suid, sgid, fsuid, fsgid;
    int32_t exit_code; /* as wait() gives it; valid when mask has INFO_EXIT */
};
#define GET_INFO _IOWR(0xff, 11, struct info)

int ending_open_pidfd(int socket_fd, pid_t pid)
{
    int pidfd = -1;
    socklen_t len = sizeof(pidfd);

    if (getsockopt(socket_fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &len) == 0)
        return pidfd;
    if (pid <= 0)
        return -ESRCH;
    pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    return pidfd < 0 ? -errno : pidfd;
}

int ending_read(int pidfd, struct ending *out)
{
    struct info info = {.mask = INFO_EXIT};

    if (ioctl(pidfd, GET_INFO, &info) < 0)
        return -ENOTSUP; /* ENOTTY before 6.13; ESRCH, reaped, before 6.15 */
    if (!(info.mask & INFO_EXIT))
        return -EAGAIN;
    out->known = true;
    out->by_signal = WIFSIGNALED(info.exit_code);
    out->code = out->by_signal ? WTERMSIG(info.exit_code) : WEXITSTATUS(info.exit_code);
    return 0;
}

/* The figure behind "oom_kill " in memory.events (v2) or memory.oom_control (v1). */
static bool read_count(const char *path, uint64_t *out)
{
    FILE *file = path ? fopen(path, "re") : NULL;
    unsigned long long count;
    bool found = false;
    char line[128];

    if (!file)
        return false;
    while (!found && fgets(line, sizeof(line), file))
        found = sscanf(line, "oom_kill %llu", &count) == 1;
    fclose(file);
    if (found)
        *out = count;
    return found;
}

/* Splits "4:memory:/a/b" or "0::/a/b"; is_v2 tells which. NULL: another controller's line. */
static char *memory_group(char *line, bool *is_v2)
{
    char *controllers = strchr(line, ':');
    char *path = controllers ? strchr(controllers + 1, ':') : NULL;

    if (!path)
        return NULL;
    *path++ = '\0';
    path[strcspn(path, "\n")] = '\0';
    *is_v2 = controllers[1] == '\0';
    if (strstr(path, "/..") || (!*is_v2 && strcmp(controllers + 1, "memory") != 0))
        return NULL;
    return path;
}

/* One level: the group itself, or with a shorter len the one above. */
static void mark_level(const struct procfs *fs, const char *group, size_t len, bool is_v2,
                       int level, struct oom_mark *out)
{
    const char *root = is_v2 ? "" : "/memory";
    const char *file = is_v2 ? "memory.events" : "memory.oom_control";
    char *path;

    if (asprintf(&path, "%s%s%.*s/%s", fs->cgroup, root, (int)len, group, file) < 0)
        return;
    if (read_count(path, &out->count[level]))
        out->path[level] = path;
    else
        free(path);
}

static void mark_group(const struct procfs *fs, const char *group, bool is_v2, struct oom_mark *out)
{
    const char *slash = strrchr(group, '/');

    mark_level(fs, group, strlen(group), is_v2, 0, out);
    if (slash && out->path[0])
        mark_level(fs, group, (size_t)(slash - group), is_v2, 1, out);
}

void oom_mark_read(const struct procfs *fs, pid_t pid, struct oom_mark *out)
{
    char line[1024];
    FILE *file;

    memset(out, 0, sizeof(*out));
    snprintf(line, sizeof(line), "%s/%d/cgroup", fs->proc, (int)pid);
    file = fopen(line, "re");
    if (!file)
        return;
    while (!out->path[0] && fgets(line, sizeof(line), file)) {
        bool is_v2;
        const char *group = memory_group(line, &is_v2);

        if (group)
            mark_group(fs, group, is_v2, out);
    }
    fclose(file);
}

bool oom_mark_rose(const struct oom_mark *mark)
{
    uint64_t now;

    for (int i = 0; i < 2; i++) {
        if (read_count(mark->path[i], &now))
            return now > mark->count[i];
    }
    return false;
}

void oom_mark_done(struct oom_mark *mark)
{
    for (int i = 0; i < 2; i++) {
        free(mark->path[i]);
        mark->path[i] = NULL;
    }
}
