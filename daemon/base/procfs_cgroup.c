/* SPDX-License-Identifier: MIT */
/* What the control groups say of a process: its unit and its memory limit. */
#include "daemon/base/procfs.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- which group --------------------------------------------------------------------------- */

/* True when the comma list of controllers has the name. */
static bool has_controller(const char *list, size_t len, const char *name)
{
    size_t name_len = strlen(name);

    for (const char *end = list + len; list < end;) {
        const char *comma = memchr(list, ',', (size_t)(end - list));
        size_t item_len = comma ? (size_t)(comma - list) : (size_t)(end - list);

        if (item_len == name_len && !memcmp(list, name, name_len))
            return true;
        list += item_len + 1;
    }
    return false;
}

/*
 * Finds the path of a controller's group in /proc/PID/cgroup, whose lines are
 * "number:controllers:path"; the one hierarchy of cgroup v2 has no controllers there. False: no
 * such line. A path that leads out of this namespace ("/../..") is taken as its root.
 */
static bool find_path(FILE *file, const char *controller, char *out, size_t size)
{
    char line[PATH_MAX + 64];

    rewind(file);
    while (fgets(line, sizeof(line), file)) {
        char *list = strchr(line, ':');
        char *path = list ? strchr(list + 1, ':') : NULL;
        size_t list_len = path ? (size_t)(path - list - 1) : 0;

        if (!path || (*controller ? !has_controller(list + 1, list_len, controller) : list_len > 0))
            continue;
        path[1 + strcspn(path + 1, "\n")] = '\0';
        snprintf(out, size, "%s", strstr(path, "/..") ? "/" : path + 1);
        return out[0] == '/';
    }
    return false;
}

static int open_cgroup(const struct procfs *fs, pid_t pid, FILE **out)
{
    char path[PATH_MAX];

    snprintf(path, sizeof(path), "%s/%d/cgroup", fs->proc, (int)pid);
    *out = fopen(path, "re");
    if (!*out)
        return errno == ENOENT ? -ESRCH : -errno;
    return 0;
}

/* ---- unit ---------------------------------------------------------------------------------- */

static bool ends_with(const char *text, size_t len, const char *suffix)
{
    size_t suffix_len = strlen(suffix);

    return len > suffix_len && !memcmp(text + len - suffix_len, suffix, suffix_len);
}

static bool is_unit(const char *name, size_t len)
{
    static const char *const kinds[] = {".service", ".scope", ".socket", ".mount", ".swap"};

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (ends_with(name, len, kinds[i]))
            return true;
    }
    return false;
}

/*
 * The first component that is no slice, when it is a unit. Groups below it are the service's own
 * business. systemd puts "_" in front of names that would look like kernel files.
 */
static const char *take_unit(const char **path, size_t *len)
{
    const char *at = *path;

    for (;;) {
        at += strspn(at, "/");
        *len = strcspn(at, "/");
        if (*len == 0)
            return NULL;
        if (!ends_with(at, *len, ".slice"))
            break;
        at += *len;
    }
    *path = at + *len;
    if (at[0] == '_') {
        at++;
        (*len)--;
    }
    return is_unit(at, *len) ? at : NULL;
}

static void unit_of_path(const char *path, char *out, size_t size)
{
    size_t len, inner_len;
    const char *unit = take_unit(&path, &len);
    const char *inner;

    out[0] = '\0';
    if (!unit)
        return;
    /* Below a user's manager the slices begin again; its own process sits in init.scope. */
    if (len > 5 && !memcmp(unit, "user@", 5)) {
        inner = take_unit(&path, &inner_len);
        if (inner && !(inner_len == 10 && !memcmp(inner, "init.scope", 10))) {
            unit = inner;
            len = inner_len;
        }
    }
    if (len < size) {
        memcpy(out, unit, len);
        out[len] = '\0';
    }
}

/* Of the group that systemd placed the process in; "" when no hierarchy tells. */
static int read_systemd_path(const struct procfs *fs, pid_t pid, char *out, size_t size)
{
    FILE *file;
    int rc = open_cgroup(fs, pid, &file);

    out[0] = '\0';
    if (rc < 0)
        return rc;
    if (!find_path(file, "name=systemd", out, size))
        find_path(file, "", out, size);
    fclose(file);
    return 0;
}

int procfs_read_unit(const struct procfs *fs, pid_t pid, char *out, size_t size)
{
    char path[PATH_MAX];
    int rc = read_systemd_path(fs, pid, path, sizeof(path));

    if (rc < 0)
        return rc;
    unit_of_path(path, out, size);
    return 0;
}

/* Whoever has a folder of cgroups delegated to him chooses the names in it: only the first unit of
 * a path outside of the users' slice is the system manager's. */
int procfs_read_service(const struct procfs *fs, pid_t pid, char *out, size_t size)
{
    char path[PATH_MAX];
    const char *at = path, *unit;
    size_t len;
    int rc = read_systemd_path(fs, pid, path, sizeof(path));

    if (rc < 0)
        return rc;
    if (strncmp(path, "/user.slice/", 12) == 0)
        return -ENOENT;
    unit = take_unit(&at, &len);
    if (!unit || len >= size || len < 9 || memcmp(unit + len - 8, ".service", 8) != 0)
        return -ENOENT;
    memcpy(out, unit, len);
    out[len] = '\0';
    return 0;
}

/* ---- limits -------------------------------------------------------------------------------- */

const char *procfs_limit_name(enum procfs_limit source)
{
    static const char *const names[] = {"none",      "memory_max",  "memory_high",
                                        "rlimit_as", "rlimit_data", "host"};

    return names[source];
}

/* The number a file starts with; false when it is missing or says "max". */
static bool read_number(const char *path, uint64_t *out)
{
    FILE *file = fopen(path, "re");
    bool found;

    if (!file)
        return false;
    found = fscanf(file, "%" SCNu64, out) == 1;
    fclose(file);
    return found;
}

/* The number behind name in a file of lines; false when there is none (or "unlimited"). */
static bool read_field(const char *path, const char *name, uint64_t *out)
{
    FILE *file = fopen(path, "re");
    char line[512];
    bool found = false;

    if (!file)
        return false;
    while (!found && fgets(line, sizeof(line), file))
        found =
            !strncmp(line, name, strlen(name)) && sscanf(line + strlen(name), "%" SCNu64, out) == 1;
    fclose(file);
    return found;
}

/* Limits as they are found; the one with the least room is kept. */
struct search {
    const struct procfs *fs;
    pid_t pid;
    uint64_t rss_bytes;
    struct procfs_memory_limit nearest;
};

static uint64_t room_of(const struct procfs_memory_limit *limit)
{
    return limit->bytes > limit->used_bytes ? limit->bytes - limit->used_bytes : 0;
}

static void take(struct search *search, uint64_t bytes, uint64_t used_bytes,
                 enum procfs_limit source)
{
    struct procfs_memory_limit limit = {bytes, used_bytes, source};

    if (search->nearest.source == LIMIT_NONE || room_of(&limit) < room_of(&search->nearest))
        search->nearest = limit;
}

/* How a hierarchy names its files; inactive files are the first that the kernel drops. */
struct cgroup_files {
    const char *root; /* below the mount point */
    const char *current;
    const char *inactive;
    const char *max;
    const char *high; /* NULL: there is none */
};

static const struct cgroup_files cgroup_v1 = {
    "/memory", "memory.usage_in_bytes", "total_inactive_file ", "memory.limit_in_bytes", NULL};
static const struct cgroup_files cgroup_v2 = {"", "memory.current", "inactive_file ", "memory.max",
                                              "memory.high"};

static bool read_group_number(const char *group, const char *name, uint64_t *out)
{
    char path[3 * PATH_MAX];

    snprintf(path, sizeof(path), "%s/%s", group, name);
    return read_number(path, out);
}

static uint64_t read_group_use(const struct search *search, const struct cgroup_files *files,
                               const char *group)
{
    char path[3 * PATH_MAX];
    uint64_t used, inactive;

    if (!read_group_number(group, files->current, &used))
        return search->rss_bytes;
    snprintf(path, sizeof(path), "%s/memory.stat", group);
    if (read_field(path, files->inactive, &inactive) && inactive < used)
        used -= inactive;
    return used;
}

static void take_group(struct search *search, const struct cgroup_files *files, const char *group)
{
    uint64_t max, high;
    bool has_max = read_group_number(group, files->max, &max);
    bool has_high = files->high && read_group_number(group, files->high, &high);
    uint64_t used = has_max || has_high ? read_group_use(search, files, group) : 0;

    if (has_max)
        take(search, max, used, LIMIT_CGROUP_MAX);
    if (has_high)
        take(search, high, used, LIMIT_CGROUP_HIGH);
}

/* From the group up to the root: a limit anywhere above binds. Cuts group. */
static void take_hierarchy(struct search *search, const struct cgroup_files *files, char *group)
{
    char *slash = group + strlen(group);
    char path[2 * PATH_MAX];

    do {
        *slash = '\0';
        snprintf(path, sizeof(path), "%s%s%s", search->fs->cgroup, files->root, group);
        take_group(search, files, path);
        slash = strrchr(group, '/');
    } while (slash);
}

static int take_cgroups(struct search *search)
{
    char group[PATH_MAX];
    FILE *file;
    int rc = open_cgroup(search->fs, search->pid, &file);

    if (rc < 0)
        return rc;
    if (find_path(file, "memory", group, sizeof(group)))
        take_hierarchy(search, &cgroup_v1, group);
    if (find_path(file, "", group, sizeof(group)))
        take_hierarchy(search, &cgroup_v2, group);
    fclose(file);
    return 0;
}

/* A limit of the process's own, and the field of its status that the limit counts, in KiB. */
static void take_rlimit(struct search *search, const char *name, const char *counted,
                        enum procfs_limit source)
{
    char path[PATH_MAX];
    uint64_t bytes, used_kib;

    snprintf(path, sizeof(path), "%s/%d/limits", search->fs->proc, (int)search->pid);
    if (!read_field(path, name, &bytes))
        return;
    snprintf(path, sizeof(path), "%s/%d/status", search->fs->proc, (int)search->pid);
    if (read_field(path, counted, &used_kib))
        take(search, bytes, used_kib * 1024, source);
    else
        take(search, bytes, search->rss_bytes, source);
}

static void take_host(struct search *search)
{
    char path[PATH_MAX];
    uint64_t total_kib, available_kib;

    snprintf(path, sizeof(path), "%s/meminfo", search->fs->proc);
    if (!read_field(path, "MemTotal:", &total_kib))
        return;
    if (read_field(path, "MemAvailable:", &available_kib) && available_kib <= total_kib)
        take(search, total_kib * 1024, (total_kib - available_kib) * 1024, LIMIT_HOST);
    else
        take(search, total_kib * 1024, search->rss_bytes, LIMIT_HOST);
}

int procfs_read_limit(const struct procfs *fs, pid_t pid, struct procfs_memory_limit *out)
{
    struct search search = {.fs = fs, .pid = pid};
    int rc;

    if (procfs_read_rss_bytes(fs, pid, &search.rss_bytes, NULL) < 0)
        search.rss_bytes = 0;
    rc = take_cgroups(&search);
    if (rc < 0)
        return rc;
    take_rlimit(&search, "Max address space", "VmSize:", LIMIT_RLIMIT_AS);
    take_rlimit(&search, "Max data size", "VmData:", LIMIT_RLIMIT_DATA);
    take_host(&search);
    *out = search.nearest;
    return 0;
}

/* ---- room ---------------------------------------------------------------------------------- */

static void take_room(uint64_t *room, const char *root, const char *group, const char *limit_name,
                      const char *usage_name)
{
    char path[2 * PATH_MAX];
    uint64_t limit, usage, left;

    snprintf(path, sizeof(path), "%s%s/%s", root, group, limit_name);
    if (!read_number(path, &limit))
        return;
    snprintf(path, sizeof(path), "%s%s/%s", root, group, usage_name);
    if (!read_number(path, &usage))
        return;
    left = usage < limit ? limit - usage : 0;
    if (left < *room)
        *room = left;
}

/* From the group up to the root. Cuts group. */
static void take_room_above(uint64_t *room, const char *root, char *group, const char *limit_name,
                            const char *usage_name)
{
    char *slash = group + strlen(group);

    do {
        *slash = '\0';
        take_room(room, root, group, limit_name, usage_name);
        slash = strrchr(group, '/');
    } while (slash);
}

int procfs_read_room(const struct procfs *fs, pid_t pid, uint64_t *out)
{
    char group[PATH_MAX], root[PATH_MAX], path[PATH_MAX];
    uint64_t room = UINT64_MAX, available;
    FILE *file;
    int rc = open_cgroup(fs, pid, &file);

    if (rc < 0)
        return rc;
    if (find_path(file, "memory", group, sizeof(group))) {
        snprintf(root, sizeof(root), "%s/memory", fs->cgroup);
        take_room_above(&room, root, group, "memory.limit_in_bytes", "memory.usage_in_bytes");
    }
    if (find_path(file, "", group, sizeof(group)))
        take_room_above(&room, fs->cgroup, group, "memory.max", "memory.current");
    fclose(file);
    snprintf(path, sizeof(path), "%s/meminfo", fs->proc);
    if (read_field(path, "MemAvailable:", &available) && available < room / 1024)
        room = available * 1024;
    *out = room;
    return 0;
}
