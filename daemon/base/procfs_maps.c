/* SPDX-License-Identifier: MIT */
#include "daemon/base/procfs_maps.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* glibc's HEAP_MAX_SIZE on 64 bit: an arena's heap starts at a multiple of it. */
#define ARENA_ALIGN (UINT64_C(64) << 20)

const char *procfs_map_kind_name(enum procfs_map_kind kind)
{
    static const char *const names[] = {
#define X(name, text) text,
        PROCFS_MAP_KINDS(X)
#undef X
    };

    return names[kind];
}

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static enum procfs_map_kind kind_of(const char *path, uint64_t start)
{
    static const char *const shared[] = {"/dev/shm/", "/memfd:", "/SYSV", "/dev/zero"};

    for (size_t i = 0; i < sizeof(shared) / sizeof(shared[0]); i++) {
        if (begins(path, shared[i]))
            return PROCFS_MAP_SHARED;
    }
    if (path[0] == '/')
        return PROCFS_MAP_FILE;
    if (begins(path, "[heap]"))
        return PROCFS_MAP_HEAP;
    if (begins(path, "[stack"))
        return PROCFS_MAP_STACK;
    if (path[0] && !begins(path, "[anon"))
        return PROCFS_MAP_SPECIAL;
    return start % ARENA_ALIGN == 0 ? PROCFS_MAP_ARENA : PROCFS_MAP_ANONYMOUS;
}

/* Only what has a path is told apart by name. Of a long path the end says more. */
static const char *name_of(enum procfs_map_kind kind, const char *path)
{
    const size_t max = sizeof(((struct procfs_map *)0)->name) - 1;
    size_t len = strlen(path);

    if (kind != PROCFS_MAP_FILE && kind != PROCFS_MAP_SHARED && kind != PROCFS_MAP_SPECIAL)
        return "";
    return len > max ? path + (len - max) : path;
}

static struct procfs_map *row_for(struct procfs_maps *maps, enum procfs_map_kind kind,
                                  const char *name)
{
    struct procfs_map *row;

    /* Backwards: the mappings of one file stand together. */
    for (size_t i = maps->count; i-- > 0;) {
        row = &maps->rows[i];
        if (row->kind == kind && strcmp(row->name, name) == 0)
            return row;
    }
    if (maps->count == PROCFS_MAP_ROWS_MAX)
        return &maps->rows[PROCFS_MAP_ROWS_MAX - 1];
    row = &maps->rows[maps->count++];
    memset(row, 0, sizeof(*row));
    row->kind = maps->count == PROCFS_MAP_ROWS_MAX ? PROCFS_MAP_OTHER : kind;
    if (row->kind != PROCFS_MAP_OTHER)
        snprintf(row->name, sizeof(row->name), "%s", name);
    return row;
}

/* The row of a mapping's first line; NULL when this is no first line. */
static struct procfs_map *read_header(struct procfs_maps *maps, const char *line)
{
    char path[PATH_MAX + 16] = "";
    uint64_t start, end;
    enum procfs_map_kind kind;
    struct procfs_map *row;

    if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %*4c %*x %*x:%*x %*u %4111[^\n]", &start, &end,
               path) < 2 ||
        end < start)
        return NULL;
    kind = kind_of(path, start);
    row = row_for(maps, kind, name_of(kind, path));
    row->count++;
    return row;
}

static void add_figure(struct procfs_map *row, const char *line)
{
    const struct {
        const char *key;
        uint64_t *sum;
    } figures[] = {{"Size:", &row->size_bytes},
                   {"Rss:", &row->rss_bytes},
                   {"Pss:", &row->pss_bytes},
                   {"Private_Clean:", &row->private_bytes},
                   {"Private_Dirty:", &row->private_bytes},
                   {"Swap:", &row->swap_bytes}};
    uint64_t kib;

    for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++) {
        if (!begins(line, figures[i].key))
            continue;
        if (sscanf(line + strlen(figures[i].key), "%" SCNu64, &kib) == 1 && kib <= UINT64_MAX >> 20)
            *figures[i].sum += kib << 10;
        return;
    }
}

static int read_lines(FILE *file, struct procfs_maps *maps)
{
    struct procfs_map *row = NULL;
    size_t lines = 0, cap = 0;
    char *line = NULL;

    while (getline(&line, &cap, file) > 0) {
        struct procfs_map *next = read_header(maps, line);

        if (++lines > PROCFS_MAP_LINES_MAX) {
            maps->truncated = true;
            break;
        }
        if (next)
            row = next;
        else if (row)
            add_figure(row, line);
    }
    free(line);
    return row ? 0 : ferror(file) ? -errno : -EBADMSG;
}

int procfs_read_maps(const struct procfs *fs, pid_t pid, struct procfs_maps *out)
{
    char path[PATH_MAX];
    FILE *file;
    int rc;

    snprintf(path, sizeof(path), "%s/%d/smaps", fs->proc, (int)pid);
    file = fopen(path, "re");
    if (!file)
        return errno == ENOENT ? -ESRCH : -errno;
    out->count = 0;
    out->truncated = false;
    rc = read_lines(file, out);
    fclose(file);
    return rc;
}
