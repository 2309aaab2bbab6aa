/* SPDX-License-Identifier: MIT */
#include "daemon/leakd_action.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/clock.h"
#include "daemon/base/conf.h"
#include "daemon/base/log.h"
#include "daemon/base/procfs.h"
#include "daemon/fetch/run.h"
#include "daemon/store/store.h"
#include "daemon/watch/watch.h"

#define FACTS_MAX 10
#define FACT_SIZE 600
#define UNIT_SIZE 256

/* One that runs. */
struct task {
    struct leakd_action *action;
    struct task *next;
    struct run *run;
    char incident_id[24];
};

struct leakd_action {
    uv_loop_t *loop;
    const struct conf *conf;
    struct watch *watch;
    struct task *tasks;
};

void leakd_action_reload(struct leakd_action *action)
{
    const struct action_rule rule = {.is_on = action->conf->action.restart ||
                                              action->conf->action.command[0],
                                     .units = action->conf->action.units,
                                     .before_ms = action->conf->action.before_ms,
                                     .per_day_max = action->conf->action.per_day_max};

    watch_set_action(action->watch, &rule);
}

int leakd_action_new(uv_loop_t *loop, const struct conf *conf, struct watch *watch,
                     struct leakd_action **out)
{
    struct leakd_action *action = calloc(1, sizeof(*action));

    if (!action)
        return -ENOMEM;
    action->loop = loop;
    action->conf = conf;
    action->watch = watch;
    leakd_action_reload(action);
    *out = action;
    return 0;
}

/* ---- the facts ------------------------------------------------------------------------------- */

struct facts {
    char texts[FACTS_MAX][FACT_SIZE];
    const char *env[FACTS_MAX + 1];
    size_t count;
};

__attribute__((format(printf, 2, 3))) static void put_fact(struct facts *facts, const char *format,
                                                           ...)
{
    char *text = facts->texts[facts->count];
    va_list args;

    va_start(args, format);
    vsnprintf(text, FACT_SIZE, format, args);
    va_end(args);
    facts->env[facts->count++] = text;
}

static void collect_facts(const struct incident *incident, const struct process *process,
                          struct facts *facts)
{
    double seconds = process->time_to_limit.lower_s;

    *facts = (struct facts){.count = 0};
    put_fact(facts, "LEAKD_INCIDENT=%s", incident->id);
    put_fact(facts, "LEAKD_SEVERITY=%s", incident->severity);
    put_fact(facts, "LEAKD_SUMMARY=%s", incident->summary);
    put_fact(facts, "LEAKD_PROCESS=%s", process->id);
    put_fact(facts, "LEAKD_PID=%d", (int)process->identity.pid);
    put_fact(facts, "LEAKD_NAME=%s", process->name);
    put_fact(facts, "LEAKD_UNIT=%s", process->unit ? process->unit : "");
    put_fact(facts, "LEAKD_SECONDS_TO_LIMIT=%.0f", seconds > 0 ? seconds : 0);
    put_fact(facts, "LEAKD_LIVE_BYTES=%llu", (unsigned long long)process->live_bytes);
    put_fact(facts, "LEAKD_RSS_BYTES=%llu", (unsigned long long)process->rss_bytes);
}

/* ---- running --------------------------------------------------------------------------------- */

static void forget(struct task *task)
{
    struct task **at = &task->action->tasks;

    while (*at != task)
        at = &(*at)->next;
    *at = task->next;
    free(task);
}

static void on_done(void *arg, const struct run_result *result)
{
    struct task *task = arg;
    struct watch *watch = task->action->watch;
    char how[200];

    if (result->error == 0)
        snprintf(how, sizeof(how), "done in %.1f s", (double)result->elapsed_ms / 1000);
    else
        snprintf(how, sizeof(how), "failed: %.180s",
                 result->message[0] ? result->message : strerror(-result->error));
    if (result->error == 0)
        log_info("action.done", "incident=%s elapsed_ms=%llu", task->incident_id,
                 (unsigned long long)result->elapsed_ms);
    else
        log_error("action.failed", "incident=%s error=\"%s\"; it is not tried again",
                  task->incident_id, how);
    watch_action_done(watch, task->incident_id, how, clock_wall_ms());
    forget(task);
}

static void say_not_started(struct leakd_action *action, const struct incident *incident,
                            const char *why)
{
    char how[200];

    log_error("action.failed", "incident=%s error=\"%s\"; it is not tried again", incident->id,
              why);
    snprintf(how, sizeof(how), "could not be started: %.170s", why);
    watch_action_done(action->watch, incident->id, how, clock_wall_ms());
}

/* The program's words. The unit to restart is asked for anew: the process's word counts for
 * nothing, and its cgroup may have changed. */
static int write_command(const struct leakd_action *action, const struct process *process,
                         char *out, size_t size)
{
    char unit[UNIT_SIZE];
    int rc;

    if (!action->conf->action.restart) {
        snprintf(out, size, "%s", action->conf->action.command);
        return 0;
    }
    rc = procfs_read_service(&procfs_host, process->identity.pid, unit, sizeof(unit));
    if (rc == 0 && !conf_matches(action->conf->action.units, unit))
        rc = -ENOENT;
    if (rc == 0)
        snprintf(out, size, "/usr/bin/systemctl --no-block restart -- %s", unit);
    return rc;
}

void leakd_action_start(struct leakd_action *action, const struct incident *incident,
                        const struct process *process)
{
    char command[sizeof(action->conf->action.command) + UNIT_SIZE];
    struct task *task;
    struct facts facts;
    struct run_request request = {
        .command = command, .env = facts.env, .timeout_ms = action->conf->action.timeout_ms};
    int rc = write_command(action, process, command, sizeof(command));

    if (rc < 0) {
        say_not_started(action, incident, "the process is in no service that may be restarted");
        return;
    }
    collect_facts(incident, process, &facts);
    task = calloc(1, sizeof(*task));
    if (!task) {
        say_not_started(action, incident, strerror(ENOMEM));
        return;
    }
    log_warning("action.start", "incident=%s process=%s command=\"%s\"", incident->id, process->id,
                command);
    task->action = action;
    snprintf(task->incident_id, sizeof(task->incident_id), "%s", incident->id);
    rc = run_start(action->loop, &request, on_done, task, &task->run);
    if (rc < 0) {
        say_not_started(action, incident, strerror(-rc));
        free(task);
        return;
    }
    task->next = action->tasks;
    action->tasks = task;
}

void leakd_action_free(struct leakd_action *action)
{
    if (!action)
        return;
    while (action->tasks) {
        struct task *task = action->tasks;

        action->tasks = task->next;
        run_cancel(task->run);
        free(task);
    }
    free(action);
}
