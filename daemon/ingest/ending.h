/* SPDX-License-Identifier: MIT */
/* How a process ended: what the kernel says of it. No state; any thread. */
#ifndef LEAKD_INGEST_ENDING_H
#define LEAKD_INGEST_ENDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct procfs;

/* A pidfd for the process at the other end of the socket, or of pid where the kernel cannot tell by
 * socket (before 6.5). Negative errno: none. */
int ending_open_pidfd(int socket_fd, pid_t pid);

struct ending {
    bool known;
    bool by_signal;
    int code; /* signal or exit status */
};

/* The real end, from a kernel >= 6.15 once the process is reaped. -EAGAIN: dead but not reaped yet,
 * ask again; -ENOTSUP: this kernel does not say. */
int ending_read(int pidfd, struct ending *out);

/* The kills by the OOM killer that the process's cgroup, and the one above, had counted. */
struct oom_mark {
    char *path[2]; /* of the counting files, NULL = none */
    uint64_t count[2];
};

/* Without memory there is no mark: an OOM kill is then called a kill. */
void oom_mark_read(const struct procfs *fs, pid_t pid, struct oom_mark *out);
/* True when there were kills since. The one above is asked when the group itself is gone, as
 * systemd removes it with its last process. */
bool oom_mark_rose(const struct oom_mark *mark);
void oom_mark_done(struct oom_mark *mark);

#endif
