/* SPDX-License-Identifier: MIT */
#include "daemon/http/maps.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRESH_MS 4000

/* One reading. Belongs to the worker while it runs; reader is NULL once nobody waits for it. */
struct reading {
    uv_work_t work;
    struct maps_reader *reader;
    char process_id[sizeof(((struct process *)0)->id)];
    pid_t pid;
    uint64_t start_ticks;
    int rc;
    struct procfs_maps maps;
};

struct maps_reader {
    uv_loop_t *loop;
    struct reading *running; /* NULL: none */
    struct reading *last;    /* NULL: none; owned */
    uint64_t last_wall_ms;
};

int maps_reader_new(uv_loop_t *loop, struct maps_reader **out)
{
    struct maps_reader *reader = calloc(1, sizeof(*reader));

    if (!reader)
        return -ENOMEM;
    reader->loop = loop;
    *out = reader;
    return 0;
}

void maps_reader_free(struct maps_reader *reader)
{
    if (!reader)
        return;
    if (reader->running)
        reader->running->reader = NULL;
    free(reader->last);
    free(reader);
}

/* The pid may be somebody else's by now: its start says whether it is. Before and after, so that
 * what was read between is of one process. */
static bool is_still(const struct reading *reading)
{
    struct procfs_stat stat;

    return procfs_read_stat(&procfs_host, reading->pid, &stat) == 0 &&
           stat.start_ticks == reading->start_ticks;
}

static void on_read(uv_work_t *work)
{
    struct reading *reading = work->data;

    reading->rc =
        is_still(reading) ? procfs_read_maps(&procfs_host, reading->pid, &reading->maps) : -ESRCH;
    if (reading->rc == 0 && !is_still(reading))
        reading->rc = -ESRCH;
}

static void on_read_done(uv_work_t *work, int status)
{
    struct reading *reading = work->data;
    struct maps_reader *reader = reading->reader;

    if (!reader) {
        free(reading);
        return;
    }
    if (status < 0)
        reading->rc = status;
    free(reader->last);
    reader->running = NULL;
    reader->last = reading;
    reader->last_wall_ms = 0; /* stamped by who asks first: the reader reads no clock */
}

static int start(struct maps_reader *reader, const struct process *process)
{
    struct reading *reading = calloc(1, sizeof(*reading));
    int rc;

    if (!reading)
        return -ENOMEM;
    reading->work.data = reading;
    reading->reader = reader;
    reading->pid = process->identity.pid;
    reading->start_ticks = process->identity.start_ticks;
    snprintf(reading->process_id, sizeof(reading->process_id), "%s", process->id);
    rc = uv_queue_work(reader->loop, &reading->work, on_read, on_read_done);
    if (rc < 0) {
        free(reading);
        return rc;
    }
    reader->running = reading;
    return 0;
}

static bool is_fresh(struct maps_reader *reader, const char *process_id, uint64_t now_wall_ms)
{
    if (!reader->last || strcmp(reader->last->process_id, process_id) != 0)
        return false;
    if (reader->last_wall_ms == 0)
        reader->last_wall_ms = now_wall_ms;
    return now_wall_ms - reader->last_wall_ms < FRESH_MS; /* a clock set back is not fresh */
}

void maps_ask(struct maps_reader *reader, const struct process *process, uint64_t now_wall_ms,
              struct maps_answer *out)
{
    int rc = 0;

    *out = (struct maps_answer){.state = MAPS_READING};
    if (!is_fresh(reader, process->id, now_wall_ms)) {
        if (!reader->running)
            rc = start(reader, process);
        if (rc < 0)
            *out = (struct maps_answer){.state = MAPS_FAILED, .error = rc};
        return;
    }
    if (reader->last->rc < 0)
        *out = (struct maps_answer){.state = MAPS_FAILED, .error = reader->last->rc};
    else
        *out = (struct maps_answer){
            .state = MAPS_READ, .taken_wall_ms = reader->last_wall_ms, .maps = &reader->last->maps};
}
