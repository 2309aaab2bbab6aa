/* SPDX-License-Identifier: MIT */
/* The shape Process. */
#include "daemon/http/view.h"

#include <string.h>

#define SPARK_VALUES  60
#define SPARK_SPAN_MS (15 * 60 * 1000)

static void put_identity(struct json *json, const struct process *process)
{
    json_str(json, "id", process->id);
    json_i64(json, "pid", process->identity.pid);
    json_str(json, "name", process->name);
    json_str(json, "unit", process->unit);
    json_str(json, "exe", process->exe);
    json_str(json, "runtime", process->runtime);
    json_str(json, "argv0", process->argv0);
    json_i64(json, "parent_pid", process->parent_pid);
    json_u64(json, "uid", process->identity.uid);
}

static void put_verdict(struct json *json, const struct process *process)
{
    json_str(json, "state", process_state_name(process->state));
    json_str(json, "verdict", verdict_name(process->verdict));
    view_time(json, "verdict_since_ms", process->verdict_wall_ms);
    view_time(json, "since_ms", process->growth_since_wall_ms);
    json_str(json, "summary", process->summary);
    view_growth(json, "growth_bytes_per_s", &process->growth);
    view_forecast(json, "time_to_limit_s", &process->time_to_limit);
    json_str(json, "growth_in",
             verdict_is_growing(process->verdict) ? growth_in_name(process->growth_in) : NULL);
}

static void put_limit(struct json *json, const struct process *process)
{
    const char *source;
    uint64_t limit_bytes = query_limit(process, &source);

    if (limit_bytes) {
        json_u64(json, "limit_bytes", limit_bytes);
        json_str(json, "limit_source", source);
    } else {
        json_null(json, "limit_bytes");
        json_null(json, "limit_source");
    }
}

static void put_memory(struct json *json, const struct process *process)
{
    json_u64(json, "live_bytes", process->live_bytes);
    json_u64(json, "live_count", process->live_count);
    json_bool(json, "live_known", process->has_totals);
    json_u64(json, "rss_bytes", process->rss_bytes);
    json_bool(json, "rss_known", process->has_rss);
    if (process->pss_bytes)
        json_u64(json, "pss_bytes", process->pss_bytes);
    else
        json_null(json, "pss_bytes");
    put_limit(json, process);
    json_u64(json, "alloc_bytes_total", process->alloc_bytes);
    json_u64(json, "free_bytes_total", process->free_bytes);
    json_u64(json, "alloc_count_total", process->alloc_count);
    json_u64(json, "free_count_total", process->free_count);
    json_u64(json, "sample_period_bytes", process->sample_period_bytes);
}

static void put_domain(struct json *json, const char *key, const struct wire_domain_totals *totals)
{
    static const char *const methods[] = {"none", "exact", "usable", "sampled"};

    json_object(json, key);
    json_str(json, "method",
             totals->method < sizeof(methods) / sizeof(methods[0]) ? methods[totals->method]
                                                                   : "none");
    json_u64(json, "live_bytes", totals->live_bytes);
    json_u64(json, "live_count", totals->live_count);
    json_u64(json, "alloc_bytes_total", totals->alloc_bytes);
    json_u64(json, "free_bytes_total", totals->free_bytes);
    json_u64(json, "alloc_count_total", totals->alloc_count);
    json_u64(json, "free_count_total", totals->free_count);
    json_u64(json, "mapped_bytes", totals->mapped_bytes);
    json_object_end(json);
}

static void put_domains(struct json *json, const struct process *process)
{
    static const char *const names[WIRE_DOMAINS] = {"native", "python", "mmap"};

    json_object(json, "domains");
    for (size_t i = 0; i < WIRE_DOMAINS; i++) {
        if (process->domains[i].method != WIRE_METHOD_NONE)
            put_domain(json, names[i], &process->domains[i]);
    }
    json_object_end(json);
}

static void put_gc(struct json *json, const struct process *process)
{
    if (!process->has_gc) {
        json_null(json, "gc");
        return;
    }
    json_object(json, "gc");
    if (process->gc.pause_ns_total > 0)
        json_double(json, "pause_s_total", (double)process->gc.pause_ns_total / 1e9);
    else
        json_null(json, "pause_s_total");
    json_array(json, "generations");
    for (size_t i = 0; i < WIRE_GC_GENERATIONS; i++) {
        json_object(json, NULL);
        json_u64(json, "collections", process->gc.generations[i].collections);
        json_u64(json, "collected", process->gc.generations[i].collected);
        json_u64(json, "uncollectable", process->gc.generations[i].uncollectable);
        json_object_end(json);
    }
    json_array_end(json);
    json_object_end(json);
}

static void put_java_heap(struct json *json, const struct process *process)
{
    const struct wire_heap *heap = process->heap ? &process->heap->totals : NULL;

    if (!heap) {
        json_null(json, "java_heap");
        return;
    }
    json_object(json, "java_heap");
    json_u64(json, "used_bytes", heap->used_bytes);
    json_u64(json, "committed_bytes", heap->committed_bytes);
    if (heap->max_bytes > 0)
        json_u64(json, "max_bytes", heap->max_bytes);
    else
        json_null(json, "max_bytes");
    json_u64(json, "young_collections", heap->young_collections);
    json_u64(json, "cycle_pauses", heap->cycle_pauses);
    json_u64(json, "full_collections", heap->full_collections);
    json_double(json, "pause_s_total", (double)heap->pause_ns_total / 1e9);
    json_object_end(json);
}

static void put_labels(struct json *json, const struct process *process)
{
    const struct process_marks *marks = process->marks;

    json_object(json, "labels");
    for (size_t i = 0; marks && i < marks->label_count; i++) {
        const struct process_label *label = &marks->labels[i];

        json_str(json, label->text, label->text + label->key_len + 1);
    }
    json_object_end(json);
}

static void put_group(struct json *json, const struct process *process)
{
    const struct process_group *group = &process->group;

    if (!group->id[0]) {
        json_null(json, "group");
        return;
    }
    json_object(json, "group");
    json_str(json, "id", group->id);
    if (group->members > 0) {
        json_u64(json, "members", group->members);
        json_u64(json, "ended", group->ended);
        json_u64(json, "live_bytes", group->live_bytes);
        json_double(json, "gained_bytes", group->gained_bytes);
    }
    json_object_end(json);
}

static void put_marks(struct json *json, const struct process *process)
{
    const struct process_marks *marks = process->marks;

    json_str(json, "release", marks && marks->release[0] ? marks->release : NULL);
    json_array(json, "marks");
    for (size_t i = 0; marks && i < marks->count; i++) {
        json_object(json, NULL);
        json_str(json, "kind", mark_kind_name(marks->list[i].kind));
        json_str(json, "text", marks->list[i].text);
        json_u64(json, "at_ms", marks->list[i].at_wall_ms);
        json_object_end(json);
    }
    json_array_end(json);
}

static void put_agent(struct json *json, const struct process *process)
{
    const struct wire_health *health = &process->health;

    json_object(json, "agent");
    json_str(json, "version", process->agent_version);
    json_bool(json, "attributing", process->attributing);
    json_u64(json, "samples", health->samples);
    json_u64(json, "dropped_samples", health->dropped_samples);
    json_u64(json, "dropped_sites", health->dropped_sites);
    json_u64(json, "dropped_names", health->dropped_names);
    json_u64(json, "dropped_modules", health->dropped_modules);
    json_u64(json, "dropped_marks", health->dropped_marks);
    json_u64(json, "dropped_maps", health->dropped_maps);
    json_u64(json, "skipped_flushes", health->skipped_flushes);
    json_u64(json, "reentrant", health->reentrant);
    json_double(json, "overhead_s_total",
                (double)(health->flush_ns_total + health->sample_ns_total) / 1e9);
    json_object_end(json);
}

/* Digits of value at out, which has 20 bytes; returns how many. */
static size_t put_digits(char *out, uint64_t value)
{
    char backwards[20];
    size_t len = 0;

    do {
        backwards[len++] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    for (size_t i = 0; i < len; i++)
        out[i] = backwards[len - 1 - i];
    return len;
}

/* Most of the numbers in a list of processes are here: printf would take half of its time. */
static void put_numbers(struct json *json, const char *key, const double *values, size_t count)
{
    char text[SPARK_VALUES * 21 + 1];
    size_t len = 0;

    for (size_t i = 0; i < count; i++) {
        text[len++] = i == 0 ? '[' : ',';
        if (values[i] >= 0 && values[i] < 0x1p63)
            len += put_digits(text + len, (uint64_t)values[i]);
        else
            len = (size_t)(stpcpy(text + len, "null") - text);
    }
    text[len++] = ']';
    json_raw(json, key, text, len);
}

static void put_spark(struct json *json, const struct http_source *source,
                      const struct process *process)
{
    double values[SPARK_VALUES];
    uint64_t to_ms = process->ended_wall_ms ? process->ended_wall_ms : source->now_wall_ms();
    size_t count = process->live_series ? series_spark(process->live_series, to_ms, SPARK_SPAN_MS,
                                                       values, SPARK_VALUES)
                                        : 0;

    if (count == 0)
        json_null(json, "sparkline");
    else
        put_numbers(json, "sparkline", values, count);
}

static void put_test(struct json *json, const struct detect_check *check)
{
    char text[160];

    detect_check_text(check, text, sizeof(text));
    json_object(json, NULL);
    json_str(json, "name", detect_test_name(check->test));
    json_str(json, "text", text);
    json_double(json, "value", check->value);
    json_double(json, "needed", check->needed);
    json_bool(json, "at_most", detect_test_at_most(check->test));
    json_bool(json, "passed", check->passed);
    json_object_end(json);
}

static void put_tests(struct json *json, const struct process *process)
{
    struct detect_check tests[QUERY_TESTS_MAX];
    size_t count = query_tests(process, tests);

    json_array(json, "tests");
    for (size_t i = 0; i < count; i++)
        put_test(json, &tests[i]);
    json_array_end(json);
}

static void put_fields(struct json *json, const struct http_source *source,
                       const struct process *process)
{
    put_identity(json, process);
    put_verdict(json, process);
    put_memory(json, process);
    put_domains(json, process);
    put_gc(json, process);
    put_java_heap(json, process);
    put_group(json, process);
    json_u64(json, "started_ms", process->started_wall_ms);
    view_time(json, "ended_ms", process->ended_wall_ms);
    json_str(json, "reason", process->reason);
    json_str(json, "profile", process->profile ? detect_profile_name(process->profile) : NULL);
    view_culprit(json, "culprit", source, process);
    put_marks(json, process);
    put_agent(json, process);
    put_spark(json, source, process);
    put_labels(json, process);
}

void view_process(struct json *json, const char *key, const struct http_source *source,
                  const struct process *process)
{
    json_object(json, key);
    put_fields(json, source, process);
    json_object_end(json);
}

void view_process_whole(struct json *json, const char *key, const struct http_source *source,
                        const struct process *process)
{
    json_object(json, key);
    put_fields(json, source, process);
    put_tests(json, process);
    json_object_end(json);
}
