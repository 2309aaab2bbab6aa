/* SPDX-License-Identifier: MIT */
/*
 * The daemon's main: knows every room, is known by none. Reads the command line and the
 * configuration, builds the rooms in the order in which the data runs, hands back what must flow
 * back (symbols, deliveries, orders to agents, page updates), and takes all down again.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <uv.h>

#include "daemon/alert/alert.h"
#include "daemon/base/buf.h"
#include "daemon/base/clock.h"
#include "daemon/base/conf.h"
#include "daemon/base/log.h"
#include "daemon/base/notify.h"
#include "daemon/base/schedule.h"
#include "daemon/fetch/fetch.h"
#include "daemon/http/http.h"
#include "daemon/ingest/ingest.h"
#include "daemon/leakd_action.h"
#include "daemon/leakd_changes.h"
#include "daemon/leakd_history.h"
#include "daemon/leakd_journal.h"
#include "daemon/leakd_options.h"
#include "daemon/leakd_receivers.h"
#include "daemon/leakd_snapshot.h"
#include "daemon/leakd_symbols.h"
#include "daemon/store/store.h"
#include "daemon/symbol/symbol.h"
#include "daemon/watch/watch.h"
#include "leakd_version.h"
#include "web/assets.h"

#define TICK_MS           1000
#define SHUTDOWN_LIMIT_MS 4000 /* SIGTERM ends within 5 s, whatever a receiver does */
/* Who looks at a process that has just ended gets its curve from memory, in steps of seconds. */
#define SLIM_AFTER_MS    900000
#define SYMBOL_BATCH_MAX 256

struct daemon {
    uv_loop_t loop;
    uv_timer_t tick;
    uv_timer_t watchdog;
    uv_timer_t shutdown_limit;
    uv_signal_t signals[3];
    struct options options;
    struct conf conf;
    struct conf started; /* its sockets, store and profile stay in force until a restart */
    struct store *store;
    struct fetcher *fetcher;
    struct alert *alert;
    struct watch *watch;
    struct leakd_journal *journal;
    struct leakd_history *history;
    struct leakd_action *action;
    struct leakd_change_rooms change_rooms;
    struct symbolizer *symbolizer;
    struct ingest *ingest;
    struct http *http;
    unsigned http_port;
    bool stopping;
    int status;
};

/* ---- what flows back ------------------------------------------------------------------------ */

static void on_zoom(void *arg, const struct process *process, uint64_t period_bytes, bool python)
{
    struct daemon *daemon = arg;
    int rc = ingest_order_zoom(daemon->ingest, process, period_bytes, python);

    if (rc < 0 && rc != -ENOTCONN)
        log_warning("zoom.failed", "process=%s error=%s; attribution stays as it is", process->id,
                    strerror(-rc));
}

static void on_verdict(void *arg, const struct process *process)
{
    (void)arg;
    log_info("verdict", "process=%s name=%s verdict=%s summary=\"%s\"", process->id, process->name,
             verdict_name(process->verdict), process->summary);
}

static void on_incident(void *arg, const struct incident *incident, enum watch_change change)
{
    static const char *const names[] = {"opened", "updated", "resolved"};
    struct daemon *daemon = arg;

    if (change != WATCH_INCIDENT_UPDATED)
        log_info("incident", "id=%s %s severity=%s process=%s summary=\"%s\"", incident->id,
                 names[change], incident->severity, incident->process_id, incident->summary);
    if (daemon->http) /* while stopping, the answer to a notice may come later than its end */
        http_publish_incident(daemon->http, incident);
    leakd_journal_wake(daemon->journal);
}

static int on_snapshot_wanted(void *arg, const char *process_id, const char *const *types,
                              size_t type_count, uint32_t *number, char *reason, size_t size)
{
    struct daemon *daemon = arg;

    return leakd_snapshot_order(daemon->ingest, store_process(daemon->store, process_id), types,
                                type_count, number, reason, size);
}

static int on_snapshot_due(void *arg, struct process *process, const char *const *types,
                           size_t type_count, uint32_t *number)
{
    struct daemon *daemon = arg;

    return leakd_snapshot_order(daemon->ingest, process, types, type_count, number, NULL, 0);
}

static void on_action(void *arg, const struct incident *incident, const struct process *process)
{
    struct daemon *daemon = arg;

    if (daemon->action)
        leakd_action_start(daemon->action, incident, process);
}

static int on_notify(void *arg, const struct notice *notice)
{
    struct daemon *daemon = arg;

    return alert_notify(daemon->alert, notice);
}

static void on_delivery(void *arg, const struct alert_delivery *delivery)
{
    struct daemon *daemon = arg;

    watch_delivery(daemon->watch, delivery, clock_wall_ms());
}

static bool receiver_at(void *arg, size_t index, struct http_receiver *out)
{
    struct daemon *daemon = arg;

    return daemon->alert && leakd_receiver_at(daemon->alert, index, out);
}

static bool letter_at(void *arg, size_t index, bool dead, size_t letter, struct http_letter *out)
{
    struct daemon *daemon = arg;

    return daemon->alert && leakd_letter_at(daemon->alert, index, dead, letter, out);
}

static int test_receiver(void *arg, const char *name)
{
    struct daemon *daemon = arg;

    return leakd_test_receiver(daemon->alert, name);
}

static int redeliver(void *arg, const char *name, size_t *count)
{
    struct daemon *daemon = arg;

    return alert_redeliver(daemon->alert, name, count);
}

static void read_figures(void *arg, struct http_figures *out)
{
    struct daemon *daemon = arg;
    struct ingest_stats ingest;
    struct alert_stats alert;

    ingest_read_stats(daemon->ingest, &ingest);
    alert_read_stats(daemon->alert, &alert);
    *out = (struct http_figures){
        .agents_connected = ingest.connected,
        .frames_total = ingest.frames_total,
        .bad_frames_total = ingest.bad_frames,
        .refused_connections_total = ingest.refused_connections,
        .notices_queued = alert.queued,
        .notices_delivered_total = alert.delivered,
        .notices_failed_total = alert.failed_attempts,
        .notices_given_up_total = alert.given_up,
        .notices_grouped_total = alert.grouped,
    };
    leakd_journal_figures(daemon->journal, out);
    leakd_history_figures(daemon->history, out);
}

/* ---- the tick ------------------------------------------------------------------------------- */

static void on_tick(uv_timer_t *timer)
{
    struct daemon *daemon = timer->data;
    uint64_t now_mono_ms = clock_mono_ms();

    watch_tick(daemon->watch, now_mono_ms, clock_wall_ms());
    store_expire(daemon->store, now_mono_ms);
    if (leakd_history_works(daemon->history))
        store_slim(daemon->store, now_mono_ms, SLIM_AFTER_MS);
    leakd_symbols_pump(daemon->store, daemon->symbolizer);
    leakd_journal_tick(daemon->journal);
    leakd_history_tick(daemon->history);
    http_tick(daemon->http);
}

static void on_watchdog(uv_timer_t *timer)
{
    (void)timer;
    notify_send("WATCHDOG=1");
}

/* ---- a new configuration -------------------------------------------------------------------- */

/* All or nothing: a bad file changes nothing. Sockets stay as they are until a restart. */
static void reload(struct daemon *daemon)
{
    struct conf fresh;
    char fixed[256];
    int rc;

    notify_send("RELOADING=1");
    rc = options_load_conf(&daemon->options, &fresh);
    if (rc == 0)
        rc = alert_reload(daemon->alert, &fresh);
    if (rc < 0) {
        log_error("reload.refused", "error=\"%s\"; going on with the configuration in force",
                  strerror(-rc));
    } else {
        if (conf_changed_fixed(&daemon->started, &fresh, fixed, sizeof(fixed)))
            log_warning("reload.partly", "keys=\"%s\"; they take effect at the next start", fixed);
        daemon->conf = fresh;
        leakd_action_reload(daemon->action);
        log_set_level((enum log_level)fresh.log_level);
        log_info("reload.done", "receivers=%u", fresh.receiver_count);
    }
    notify_send("READY=1");
}

/* ---- the end -------------------------------------------------------------------------------- */

static void close_rest(uv_handle_t *handle, void *arg)
{
    (void)arg;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

/* The last of the rooms is closed: only main's own handles are left. */
static void on_fetcher_closed(void *arg)
{
    struct daemon *daemon = arg;

    daemon->fetcher = NULL;
    uv_walk(&daemon->loop, close_rest, NULL);
}

static void on_alert_closed(void *arg)
{
    struct daemon *daemon = arg;

    daemon->alert = NULL;
    fetcher_close(daemon->fetcher, on_fetcher_closed, daemon);
}

static void on_symbolizer_closed(void *arg)
{
    struct daemon *daemon = arg;

    daemon->symbolizer = NULL;
    alert_close(daemon->alert, on_alert_closed, daemon);
}

/* All is on the disk. The symboliser may be in the middle of a large file. */
static void on_history_closed(void *arg)
{
    struct daemon *daemon = arg;

    daemon->history = NULL;
    if (daemon->symbolizer)
        symbolizer_close(daemon->symbolizer, on_symbolizer_closed, daemon);
    else
        on_symbolizer_closed(daemon);
}

static void on_journal_closed(void *arg)
{
    struct daemon *daemon = arg;

    daemon->journal = NULL;
    leakd_history_close(daemon->history, on_history_closed, daemon);
}

static void on_http_stopped(void *arg)
{
    struct daemon *daemon = arg;

    daemon->http = NULL;
    leakd_journal_close(daemon->journal, on_journal_closed, daemon);
}

static void on_ingest_stopped(void *arg)
{
    struct daemon *daemon = arg;

    daemon->ingest = NULL;
    http_stop(daemon->http, on_http_stopped, daemon);
}

static void on_shutdown_limit(uv_timer_t *timer)
{
    const struct daemon *daemon = timer->data;
    bool is_stored = !daemon->journal && !daemon->history;

    if (is_stored)
        log_warning("stop.late", "limit_ms=%d; everything is stored, ending without waiting",
                    SHUTDOWN_LIMIT_MS);
    else
        log_error("stop.late", "limit_ms=%d; ending without waiting for the disk",
                  SHUTDOWN_LIMIT_MS);
    _exit(is_stored ? STATUS_OK : STATUS_FAILED);
}

/* Takes the rooms down against the data's way, one callback after the other. */
static void stop(struct daemon *daemon)
{
    if (daemon->stopping)
        return;
    daemon->stopping = true;
    notify_send("STOPPING=1");
    uv_timer_start(&daemon->shutdown_limit, on_shutdown_limit, SHUTDOWN_LIMIT_MS, 0);
    uv_unref((uv_handle_t *)&daemon->shutdown_limit);
    uv_timer_stop(&daemon->tick);
    leakd_action_free(daemon->action);
    daemon->action = NULL;
    ingest_stop(daemon->ingest, on_ingest_stopped, daemon);
}

static void on_signal(uv_signal_t *handle, int signum)
{
    struct daemon *daemon = handle->data;

    if (signum == SIGHUP) {
        if (!daemon->stopping) /* then there may be nothing left to reload */
            reload(daemon);
        return;
    }
    log_info("stop", "signal=%d", signum);
    stop(daemon);
}

/* ---- the beginning -------------------------------------------------------------------------- */

static int start_timers(struct daemon *daemon)
{
    static const int signums[3] = {SIGTERM, SIGINT, SIGHUP};
    uint64_t watchdog_ms = notify_watchdog_ms();

    signal(SIGPIPE, SIG_IGN);
    uv_timer_init(&daemon->loop, &daemon->tick);
    uv_timer_init(&daemon->loop, &daemon->watchdog);
    uv_timer_init(&daemon->loop, &daemon->shutdown_limit);
    daemon->tick.data = daemon;
    daemon->shutdown_limit.data = daemon;
    for (size_t i = 0; i < 3; i++) {
        uv_signal_init(&daemon->loop, &daemon->signals[i]);
        daemon->signals[i].data = daemon;
        uv_signal_start(&daemon->signals[i], on_signal, signums[i]);
    }
    if (watchdog_ms > 0)
        uv_timer_start(&daemon->watchdog, on_watchdog, watchdog_ms, watchdog_ms);
    return uv_timer_start(&daemon->tick, on_tick, TICK_MS, TICK_MS);
}

static int start_store_and_alert(struct daemon *daemon)
{
    const struct store_limits limits = {
        .processes_max = daemon->conf.store.processes_max,
        .exited_retention_ms = daemon->conf.store.exited_retention_ms,
    };
    const struct watch_hooks hooks = {
        .arg = daemon,
        .on_zoom = on_zoom,
        .on_verdict = on_verdict,
        .on_incident = on_incident,
        .on_snapshot = on_snapshot_due,
        .on_action = on_action,
        .notify = on_notify,
    };
    int rc = store_new(&limits, &daemon->store);

    if (rc == 0)
        rc = fetcher_new(&daemon->loop, &daemon->fetcher);
    if (rc == 0)
        rc = alert_new(&daemon->loop, &daemon->conf, daemon->fetcher, on_delivery, daemon,
                       &daemon->alert);
    if (rc == 0)
        rc = watch_new(daemon->store, &procfs_host, &hooks, &daemon->watch);
    if (rc == 0)
        rc = leakd_action_new(&daemon->loop, &daemon->conf, daemon->watch, &daemon->action);
    if (rc == 0 && daemon->conf.symbols.enabled)
        rc = symbolizer_new(&daemon->loop, daemon->conf.symbols.debug_path, leakd_symbols_take, daemon->store,
                            &daemon->symbolizer);
    if (rc < 0)
        fprintf(stderr, "leakd: cannot start: %s\n", strerror(-rc));
    return rc;
}

static int start_storage(struct daemon *daemon)
{
    const struct leakd_journal_rooms rooms = {
        .store = daemon->store, .alert = daemon->alert, .watch = daemon->watch};
    int rc = leakd_journal_start(&daemon->loop, &daemon->conf, &rooms, &daemon->journal);

    daemon->change_rooms = (struct leakd_change_rooms){
        .store = daemon->store, .watch = daemon->watch, .journal = daemon->journal};
    if (rc == 0)
        rc = leakd_history_start(&daemon->loop, &daemon->conf, daemon->store, &daemon->history);
    if (rc < 0)
        fprintf(stderr, "leakd: cannot start: %s\n", strerror(-rc));
    return rc;
}

/* A socket handed over by systemd (LISTEN_FDS), -1 without one. */
static int inherited_socket(void)
{
    const char *pid = getenv("LISTEN_PID");
    const char *count = getenv("LISTEN_FDS");

    if (!pid || !count || strtol(pid, NULL, 10) != getpid() || strtol(count, NULL, 10) < 1)
        return -1;
    return 3; /* SD_LISTEN_FDS_START */
}

static int read_history(void *arg, const struct http_history_question *question,
                        struct later *later)
{
    struct daemon *daemon = arg;

    return leakd_history_read(daemon->history, question, later);
}

static int start_sockets(struct daemon *daemon)
{
    const struct http_source source = {
        .store = daemon->store,
        .read_history = read_history,
        .changes = leakd_changes(&daemon->change_rooms),
        .receivers = {.at = receiver_at,
                      .letter_at = letter_at,
                      .test = test_receiver,
                      .redeliver = redeliver},
        .assets = web_assets,
        .asset_count = web_asset_count,
        .asset_root = getenv("LEAKD_WEB_ROOT"),
        .arg = daemon,
        .figures = read_figures,
        .snapshot = on_snapshot_wanted,
        .now_wall_ms = clock_wall_ms,
        .now_mono_ms = clock_mono_ms,
    };
    char error[512] = "";
    int rc = ingest_start(&daemon->loop, &daemon->conf, daemon->store, inherited_socket(),
                          &daemon->ingest, error, sizeof(error));

    if (rc == 0)
        rc = http_start(&daemon->loop, &daemon->conf, &source, &daemon->http, &daemon->http_port,
                        error, sizeof(error));
    if (rc < 0)
        fprintf(stderr, "leakd: %s\n", error[0] ? error : strerror(-rc));
    return rc;
}

static void say_ready(const struct daemon *daemon)
{
    char state[256];

    snprintf(state, sizeof(state), "READY=1\nSTATUS=Watching %s", daemon->conf.agents.socket);
    notify_send(state);
    log_info("ready", "version=%s agents=%s api=%s port=%u profile=%s receivers=%u", LEAKD_VERSION,
             daemon->conf.agents.socket, daemon->conf.http.socket, daemon->http_port,
             daemon->conf.detect.profile, daemon->conf.receiver_count);
}

static void free_rooms(struct daemon *daemon)
{
    watch_free(daemon->watch);
    store_free(daemon->store);
}

/* Each agent costs two descriptors. Being refused is no reason not to start. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* The start has failed and the process ends: the kernel closes what is open, but names in the file
 * system would stay. Nothing is waited for, as the loop runs no more. */
static void unlink_sockets(struct daemon *daemon)
{
    if (daemon->http)
        http_stop(daemon->http, NULL, NULL);
    if (daemon->ingest)
        ingest_stop(daemon->ingest, NULL, NULL);
}

static int run(struct daemon *daemon)
{
    int rc = uv_loop_init(&daemon->loop);

    if (rc < 0)
        return rc;
    raise_descriptor_limit();
    rc = start_store_and_alert(daemon);
    if (rc == 0)
        rc = start_storage(daemon);
    if (rc == 0)
        rc = start_sockets(daemon);
    if (rc == 0)
        rc = start_timers(daemon);
    if (rc < 0) {
        unlink_sockets(daemon);
        return rc;
    }
    say_ready(daemon);
    uv_run(&daemon->loop, UV_RUN_DEFAULT);
    free_rooms(daemon);
    uv_loop_close(&daemon->loop);
    return 0;
}

int main(int argc, char **argv)
{
    static struct daemon daemon;
    char error[CONF_ERROR_MAX] = "";
    int status = options_read(argc, argv, &daemon.options);

    if (status >= 0)
        return status;
    options_choose_mode(&daemon.options);
    if (options_load_conf(&daemon.options, &daemon.conf) < 0)
        return STATUS_FAILED;
    if (daemon.options.print_config)
        return options_print_conf(&daemon.conf);
    if (daemon.options.check_config) {
        puts("configuration is good");
        return STATUS_OK;
    }
    daemon.started = daemon.conf;
    log_set_level((enum log_level)daemon.conf.log_level);
    if (conf_make_folders(&daemon.conf, error) < 0) {
        fprintf(stderr, "leakd: %s\n", error);
        return STATUS_FAILED;
    }
    schedule_give_way();
    return run(&daemon) < 0 ? STATUS_FAILED : STATUS_OK;
}
