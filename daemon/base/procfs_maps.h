/* SPDX-License-Identifier: MIT */
/*
 * What the mappings of a process hold, from /proc/PID/smaps: summed by file, or by kind where there
 * is none. The kernel walks the process's page tables for it (some milliseconds a GiB), so never on
 * the loop's thread. Needs the rights of a debugger: the same user, or CAP_SYS_PTRACE.
 */
#ifndef LEAKD_BASE_PROCFS_MAPS_H
#define LEAKD_BASE_PROCFS_MAPS_H

#include "daemon/base/procfs.h"

/* ARENA: what glibc's malloc takes for further threads, known by its alignment. */
#define PROCFS_MAP_KINDS(X)                                                                        \
    X(HEAP, "heap")                                                                                \
    X(ARENA, "arena")                                                                              \
    X(ANONYMOUS, "anonymous")                                                                      \
    X(STACK, "stack")                                                                              \
    X(FILE, "file")                                                                                \
    X(SHARED, "shared")                                                                            \
    X(SPECIAL, "special")                                                                          \
    X(OTHER, "other")

enum procfs_map_kind {
#define X(name, text) PROCFS_MAP_##name,
    PROCFS_MAP_KINDS(X)
#undef X
};

const char *procfs_map_kind_name(enum procfs_map_kind kind);

#define PROCFS_MAP_ROWS_MAX  192
#define PROCFS_MAP_LINES_MAX 2000000 /* some 80,000 mappings */

struct procfs_map {
    enum procfs_map_kind kind;
    char name[160]; /* the end of the path; "" where there is none */
    uint64_t count;
    uint64_t size_bytes;
    uint64_t rss_bytes;
    uint64_t pss_bytes;
    uint64_t private_bytes;
    uint64_t swap_bytes;
};

struct procfs_maps {
    size_t count;
    struct procfs_map rows[PROCFS_MAP_ROWS_MAX]; /* the last one is OTHER when there are more */
    bool truncated;                              /* more lines than are read */
};

/* 0, -ESRCH, -EACCES or -EPERM without the rights, -EBADMSG. out is good after 0 only. */
int procfs_read_maps(const struct procfs *fs, pid_t pid, struct procfs_maps *out);

#endif
