/* SPDX-License-Identifier: MIT */
/*
 * Facts about a process from /proc and /sys/fs/cgroup, readable without any capability. Every
 * function takes the roots, so that tests read a folder of their own. No state; any thread.
 */
#ifndef LEAKD_BASE_PROCFS_H
#define LEAKD_BASE_PROCFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct procfs {
    const char *proc;   /* "/proc" */
    const char *cgroup; /* "/sys/fs/cgroup" */
};

extern const struct procfs procfs_host;

struct procfs_stat {
    char comm[32];
    char state; /* 'R', 'S', 'Z' ... */
    pid_t parent_pid;
    uint64_t start_ticks; /* since boot; with the pid it names the process */
};

int procfs_read_stat(const struct procfs *fs, pid_t pid, struct procfs_stat *out); /* -ESRCH */
/* False when the process that was started then is gone, be it as a zombie that nobody has asked for
 * yet. What /proc cannot tell for the moment is no end. */
bool procfs_is_running(const struct procfs *fs, pid_t pid, uint64_t start_ticks);
/* Whether two processes run the same executable; where /proc keeps that from us, by their names.
 * False when one of them is gone. */
bool procfs_is_same_program(const struct procfs *fs, pid_t pid, pid_t other);
int procfs_read_uid(const struct procfs *fs, pid_t pid, uid_t *out); /* the effective one */
/* The command line, arguments apart by blanks; what does not fit is cut. */
int procfs_read_command(const struct procfs *fs, pid_t pid, char *out, size_t size);
/* shared, unless NULL: of these the pages of files and of shared memory. */
int procfs_read_rss_bytes(const struct procfs *fs, pid_t pid, uint64_t *out, uint64_t *shared);
/* Of these the pages of mapped files, which the kernel drops before it kills. */
int procfs_read_file_bytes(const struct procfs *fs, pid_t pid, uint64_t *out);

/* The systemd unit from /proc/PID/cgroup ("myapp.service"), empty when there is none. */
int procfs_read_unit(const struct procfs *fs, pid_t pid, char *out, size_t size);
/* The service of the system's manager that the process belongs to. -ENOENT: to none, or to one of a
 * user's own manager. */
int procfs_read_service(const struct procfs *fs, pid_t pid, char *out, size_t size);

enum procfs_limit {
    LIMIT_NONE,
    LIMIT_CGROUP_MAX,
    LIMIT_CGROUP_HIGH,
    LIMIT_RLIMIT_AS,
    LIMIT_RLIMIT_DATA,
    LIMIT_HOST
};
const char *procfs_limit_name(enum procfs_limit source); /* "memory_max" ... */

struct procfs_memory_limit {
    uint64_t bytes;
    uint64_t used_bytes; /* of what this limit counts, by all whom it binds */
    enum procfs_limit source;
};

/* The nearest memory limit of the process, the one that leaves the least room: cgroup v1 and v2
 * along the hierarchy, against what the group uses without files that can be dropped; RLIMIT_AS and
 * RLIMIT_DATA against the process's mappings; the host's memory against what is not available.
 * Where use cannot be read it is the process's resident memory. */
int procfs_read_limit(const struct procfs *fs, pid_t pid, struct procfs_memory_limit *out);

/* What may still be used before a limit of cgroup v1 or v2 above the process, or the host's
 * available memory, is reached; UINT64_MAX when nothing says. */
int procfs_read_room(const struct procfs *fs, pid_t pid, uint64_t *out);

/* Names this run of the kernel: with it a pid and its start stay unique over reboots. */
#define PROCFS_BOOT_ID_SIZE 40
int procfs_read_boot_id(const struct procfs *fs, char out[PROCFS_BOOT_ID_SIZE]);

/* The host's name, cut to size. */
int procfs_read_host(const struct procfs *fs, char *out, size_t size);

/* Wall time at which the process started, milliseconds since 1970. */
int procfs_start_wall_ms(const struct procfs *fs, uint64_t start_ticks, uint64_t *out);

/* CPU seconds and peak figures of leakd itself are in /proc/self. */
struct procfs_self {
    double cpu_seconds;
    uint64_t rss_bytes;
    uint64_t start_wall_ms;
    unsigned open_fds;
    unsigned max_fds;
};
int procfs_read_self(const struct procfs *fs, struct procfs_self *out);

#endif
