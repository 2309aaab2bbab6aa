/* SPDX-License-Identifier: MIT */
/*
 * Whose worker a process is: by the kernel's parent, the same program and user. A parent may have
 * said nothing: an agent speaks when its program allocates, and a server that is done with forking
 * may never allocate again. What it forked carries its agent, so it carries one, too: it is put
 * down as a silent process, so that its workers have somebody to belong to whoever of them comes
 * and goes.
 */
#include <string.h>

#include "daemon/base/map.h"
#include "daemon/watch/private.h"

/* A parent is given one step to say hello by itself. */
#define LOOK_STEP_MS 5000u
/* One that is not known by then is another program. */
#define LOOKS_MAX 12u
/* Parents that have said nothing, one above the other: a forkserver, and its pool. */
#define GENERATIONS_MAX 2u

/* Without memory for one of them it is not found in this tick. */
static void list_living(struct watch *watch)
{
    struct process *process;

    map_free(&watch->living);
    watch->living_tick = watch->tick;
    for (size_t i = 0; (process = store_process_at(watch->store, i)) != NULL; i++) {
        uint64_t pid = (uint64_t)process->identity.pid;

        if (pid != 0 && process->ended_mono_ms == 0 && !map_get_u64(watch->living, pid))
            map_put_u64(&watch->living, pid, process);
    }
}

/* After a restart thousands look for theirs in one tick. */
static struct process *find_living(struct watch *watch, pid_t pid)
{
    struct process *process;

    if (watch->living_tick != watch->tick)
        list_living(watch);
    process = map_get_u64(watch->living, (uint64_t)pid);
    return process && process->ended_mono_ms == 0 ? process : NULL;
}

/* Forked off, or started by multiprocessing to be a worker. Other programs that a process starts,
 * be it with the same interpreter, are programs of their own, and multiprocessing's tracker of
 * resources does no work. */
static bool is_born_worker(const struct watch *watch, const struct process *process)
{
    char command[4096];

    if (process->capabilities & WIRE_CAP_FORKED)
        return true;
    return procfs_read_command(&watch->fs, process->identity.pid, command, sizeof(command)) == 0 &&
           (strstr(command, "from multiprocessing.spawn ") ||
            strstr(command, "from multiprocessing.forkserver ") ||
            strstr(command, "joblib.externals.loky"));
}

static void join(struct process *process, struct process *parent)
{
    if (!parent->group.id[0])
        memcpy(parent->group.id, parent->id, sizeof(parent->group.id));
    memcpy(process->group.id, parent->group.id, sizeof(process->group.id));
    store_touch(process);
    store_touch(parent);
}

/* A parent that has spoken: still the same program, and the same user's. */
static void join_known(const struct watch *watch, struct process *process, struct process *parent)
{
    if (parent != process && strcmp(process->exe, parent->exe) == 0 &&
        process->identity.uid == parent->identity.uid && is_born_worker(watch, process))
        join(process, parent);
}

/* The same of one that has not. It is another program when who started the process has gone and
 * this is who takes in orphans. */
static bool is_server(const struct watch *watch, const struct process *process, pid_t parent_pid)
{
    uid_t uid;

    return procfs_is_same_program(&watch->fs, parent_pid, process->identity.pid) &&
           procfs_read_uid(&watch->fs, parent_pid, &uid) == 0 && uid == process->identity.uid &&
           is_born_worker(watch, process);
}

static struct process *meet_silent(struct watch *watch, const struct process *child, pid_t pid)
{
    struct procfs_stat stat;
    struct process *made;
    uint64_t started_wall_ms;

    if (!is_server(watch, child, pid) || procfs_read_stat(&watch->fs, pid, &stat) < 0 ||
        store_put_silent(watch->store, child, pid, stat.start_ticks, watch->now_mono_ms,
                         watch->now_wall_ms, &made) < 0)
        return NULL;
    if (procfs_start_wall_ms(&watch->fs, stat.start_ticks, &started_wall_ms) == 0)
        store_put_started(watch->store, made, started_wall_ms);
    made->parent_pid = stat.parent_pid;
    map_put_u64(&watch->living, (uint64_t)pid, made); /* else it is found in the next tick */
    return made;
}

/* Meets at most so many parents that have said nothing. */
static void join_parent(struct watch *watch, struct process *process, unsigned generations)
{
    struct procfs_stat stat;
    struct process *parent;

    if (procfs_read_stat(&watch->fs, process->identity.pid, &stat) < 0 || stat.parent_pid <= 1)
        return;
    parent = find_living(watch, stat.parent_pid);
    if (parent) {
        join_known(watch, process, parent);
        return;
    }
    parent = generations > 0 ? meet_silent(watch, process, stat.parent_pid) : NULL;
    if (!parent)
        return;
    join_parent(watch, parent, generations - 1); /* first, so that all are of one group */
    join(process, parent);
}

static void look_for_parent(struct watch *watch, struct worker *worker, struct process *process)
{
    worker->parent_due_ms = watch->now_mono_ms + LOOK_STEP_MS;
    join_parent(watch, process, worker->parent_looks == 0 ? 0 : GENERATIONS_MAX);
    worker->parent_looks++;
}

/* Nobody else would notice: there is no connection that ends. */
static void end_silent(struct watch *watch, struct process *process)
{
    if (!procfs_is_running(&watch->fs, process->identity.pid, process->identity.start_ticks))
        store_set_state(watch->store, process, PROCESS_EXITED, watch->now_mono_ms,
                        watch->now_wall_ms);
}

void parent_look(struct watch *watch, struct worker *worker, struct process *process)
{
    if (process->is_silent)
        end_silent(watch, process);
    else if (!process->group.id[0] && process->identity.pid != 0 &&
             worker->parent_looks < LOOKS_MAX && watch->now_mono_ms >= worker->parent_due_ms)
        look_for_parent(watch, worker, process);
}
