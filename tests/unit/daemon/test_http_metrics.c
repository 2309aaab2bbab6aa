/* SPDX-License-Identifier: MIT */
/*
 * /metrics is read by a checker of the two text formats that knows nothing of how they are written:
 * families described once and in one piece, names and labels well formed, no sample twice.
 */
#include "http_server.h"
#include "tests/unit/suite.h"

#include <ctype.h>

#define PLAIN "text/plain; version=0.0.4; charset=utf-8"
#define OPEN  "application/openmetrics-text; version=1.0.0; charset=utf-8"

static struct server server;
static struct process *first;

static void set_up(void)
{
    struct wire_heap heap = {.used_bytes = 30, .max_bytes = 40, .full_collections = 7};
    struct wire_gc gc = {.time_ms = 1, .generations = {{10, 5, 0}, {2, 1, 0}, {1, 0, 3}}};
    struct wire_health health = {.dropped_samples = 4, .flush_ns_total = 1500000000};

    server_prepare(&server);
    first = put_process(&server, 4711, "orders", "orders.service");
    put_totals(&server, first, 1000001);
    store_put_rss(server.store, first, 2000000, server_mono_ms(), server_wall_ms());
    store_put_limit(server.store, first, 1 << 30, "memory_max");
    store_put_gc(server.store, first, &gc);
    store_put_heap(server.store, first, &heap);
    store_put_health(server.store, first, &health);
    first->growth = (struct growth){true, 10.5, 9, 12, 0};
    put_totals(&server, put_process(&server, 4712, "orders", "orders.service"), 5);
    put_process(&server, 4713, "evil\"name\\with\nlines\xff", NULL);
    put_process(&server, 4714, "evil\"name\\with\nlines\xfe", NULL);
    put_incident(&server, first, "critical");
    server_start(&server);
}

static void tear_down(void)
{
    server_stop(&server);
}

/* ---- the checker --------------------------------------------------------------------------------
 */

struct check {
    bool open_metrics;
    char family[128];
    char type[16];
    char described[128][128]; /* families seen */
    size_t described_count;
    char *samples[4096]; /* name and labels */
    size_t sample_count;
};

static bool is_name(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (!isalpha((unsigned char)s[i]) && s[i] != '_' &&
            !(i > 0 && isdigit((unsigned char)s[i])))
            return false;
    }
    return len > 0;
}

static void check_help(struct check *check, const char *line)
{
    int n = 0;

    ck_assert_int_eq(sscanf(line, "# HELP %127s %n", check->family, &n), 1);
    ck_assert_msg(is_name(check->family, strlen(check->family)), "%s", line);
    ck_assert_msg(line[n] != '\0', "no help: %s", line);
    for (size_t i = 0; i < check->described_count; i++)
        ck_assert_str_ne(check->described[i], check->family);
    strcpy(check->described[check->described_count++], check->family);
}

static void check_type(struct check *check, const char *line)
{
    char family[128];

    ck_assert_int_eq(sscanf(line, "# TYPE %127s %15s", family, check->type), 2);
    ck_assert_str_eq(family, check->family);
    ck_assert_ptr_nonnull(
        strstr(check->open_metrics ? " gauge counter info histogram " : " gauge counter histogram ",
               check->type));
    if (strcmp(check->type, "counter") == 0)
        ck_assert_msg((strcmp(family + strlen(family) - 6, "_total") == 0) != check->open_metrics,
                      "%s", family);
}

/* Where the labels end: behind the brace, or where they would be. */
static const char *check_labels(const char *s)
{
    if (*s != '{')
        return s;
    do {
        size_t len;

        s++;
        len = strcspn(s, "=");
        ck_assert_msg(is_name(s, len), "label %s", s);
        s += len + 1;
        ck_assert_int_eq(*s++, '"');
        while (*s != '"') {
            ck_assert_msg(*s != '\0', "a label does not end");
            if (*s == '\\') {
                s++;
                ck_assert_msg(*s == '\\' || *s == '"' || *s == 'n', "escape %s", s);
            }
            s++;
        }
        s++;
    } while (*s == ',');
    ck_assert_int_eq(*s, '}');
    return s + 1;
}

/* What may stand behind the family's name. */
static bool suffix_fits(const struct check *check, const char *suffix, size_t len)
{
    char text[32];

    ck_assert_uint_lt(len, sizeof(text));
    memcpy(text, suffix, len);
    text[len] = '\0';
    if (strcmp(check->type, "histogram") == 0)
        return strcmp(text, "_bucket") == 0 || strcmp(text, "_sum") == 0 ||
               strcmp(text, "_count") == 0;
    if (check->open_metrics && strcmp(check->type, "counter") == 0)
        return strcmp(text, "_total") == 0;
    if (strcmp(check->type, "info") == 0)
        return strcmp(text, "_info") == 0;
    return len == 0;
}

static void check_sample(struct check *check, const char *line)
{
    size_t family_len = strlen(check->family), name_len = strcspn(line, "{ ");
    const char *end = check_labels(line + name_len);
    char *rest;

    ck_assert_msg(name_len >= family_len && strncmp(line, check->family, family_len) == 0 &&
                      suffix_fits(check, line + family_len, name_len - family_len),
                  "%s under %s", line, check->family);
    ck_assert_int_eq(*end, ' ');
    if (strcmp(end, " +Inf") != 0) {
        strtod(end + 1, &rest);
        ck_assert_msg(rest != end + 1 && *rest == '\0', "%s", line);
    }
    for (size_t i = 0; i < check->sample_count; i++)
        ck_assert_msg(strncmp(check->samples[i], line, (size_t)(end - line) + 1) != 0, "twice: %s",
                      line);
    check->samples[check->sample_count++] = strndup(line, (size_t)(end - line) + 1);
}

static size_t check_text(char *text, bool open_metrics)
{
    struct check *check = calloc(1, sizeof(*check));
    size_t count;
    char *save = NULL;
    bool ended = false;

    check->open_metrics = open_metrics;
    ck_assert_int_eq(text[strlen(text) - 1], '\n');
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        ck_assert(!ended);
        if (strcmp(line, "# EOF") == 0)
            ended = true;
        else if (strncmp(line, "# HELP ", 7) == 0)
            check_help(check, line);
        else if (strncmp(line, "# TYPE ", 7) == 0)
            check_type(check, line);
        else
            check_sample(check, line);
    }
    ck_assert(ended == open_metrics);
    count = check->sample_count;
    for (size_t i = 0; i < count; i++)
        free(check->samples[i]);
    free(check);
    return count;
}

/* ---- cases --------------------------------------------------------------------------------------
 */

START_TEST(both_formats_are_well_formed)
{
    struct answer answer;

    get_status(&server, "/nothing");
    answer = get(&server, "/metrics");
    ck_assert_int_eq(answer.status, 200);
    ck_assert_str_eq(header_of(&answer, "Content-Type"), PLAIN);
    ck_assert_uint_gt(check_text(answer.body, false), 80);
    answer_done(&answer);
    answer = ask(&server, "GET", "/metrics",
                 "Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5\r\n");
    ck_assert_str_eq(header_of(&answer, "Content-Type"), OPEN);
    ck_assert_uint_gt(check_text(answer.body, true), 80);
    answer_done(&answer);
    answer = ask(&server, "GET", "/metrics", "Accept: */*\r\n");
    ck_assert_str_eq(header_of(&answer, "Content-Type"), PLAIN);
    answer_done(&answer);
}
END_TEST

static void expect(const struct answer *answer, const char *line)
{
    char text[512];

    snprintf(text, sizeof(text), "\n%s\n", line);
    ck_assert_msg(strstr(answer->body, text) != NULL, "%s is not in\n%s", line, answer->body);
}

START_TEST(the_figures_are_those_of_the_store)
{
    struct answer answer = get(&server, "/metrics");

    expect(&answer, "leakd_agents_connected 3");
    expect(&answer, "leakd_process_info{unit=\"orders.service\",worker=\"0\",pid=\"4711\","
                    "exe=\"/usr/bin/python3.11\",runtime=\"cpython 3.11.2\"} 1");
    expect(&answer, "leakd_process_resident_bytes{unit=\"orders.service\",worker=\"0\"} 2000000");
    expect(&answer, "leakd_process_heap_live_bytes{unit=\"orders.service\",worker=\"0\","
                    "domain=\"python\"} 500001");
    expect(&answer, "leakd_process_allocations_total{unit=\"orders.service\",worker=\"0\"} 30");
    expect(&answer, "leakd_growth_bytes_per_second{unit=\"orders.service\",worker=\"0\"} 10.5");
    expect(&answer, "leakd_growth_lower_bytes_per_second{unit=\"orders.service\",worker=\"0\"} 9");
    expect(&answer, "leakd_time_to_limit_seconds{unit=\"orders.service\",worker=\"1\"} +Inf");
    expect(&answer, "leakd_memory_limit_bytes{unit=\"orders.service\",worker=\"0\","
                    "source=\"memory_max\"} 1073741824");
    expect(&answer, "leakd_python_gc_collections_total{unit=\"orders.service\",worker=\"0\","
                    "generation=\"0\"} 10");
    expect(&answer, "leakd_java_heap_used_bytes{unit=\"orders.service\",worker=\"0\"} 30");
    expect(&answer, "leakd_java_full_collections_total{unit=\"orders.service\",worker=\"0\"} 7");
    ck_assert_ptr_null(strstr(answer.body, "leakd_java_heap_used_bytes{unit=\"orders.service\","
                                           "worker=\"1\"}"));
    expect(&answer, "leakd_agent_overhead_seconds_total{unit=\"orders.service\",worker=\"0\"} 1.5");
    expect(&answer, "leakd_incidents{severity=\"critical\",state=\"open\"} 1");
    expect(&answer, "leakd_incidents{severity=\"warning\",state=\"resolved\"} 0");
    expect(&answer, "leakd_agent_frames_dropped_total{reason=\"bad\"} 2");
    expect(&answer, "leakd_webhook_deliveries_total{outcome=\"given_up\"} 7");
    ck_assert_ptr_null(strstr(answer.body, "leakd_growth_bytes_per_second{unit=\"orders.service\","
                                           "worker=\"1\"}"));
    answer_done(&answer);
}
END_TEST

START_TEST(requests_are_counted_by_route_and_code)
{
    struct answer answer;

    get_status(&server, "/nothing");
    get_status(&server, "/secret/token-in-the-path");
    get_status(&server, "/api/v1/processes/1-1");
    get_status(&server, "/livez");
    answer = get(&server, "/metrics");
    expect(&answer, "leakd_http_requests_total{route=\"none\",code=\"404\"} 2");
    expect(&answer, "leakd_http_requests_total{route=\"/api/v1/processes/{id}\",code=\"404\"} 1");
    expect(&answer, "leakd_http_requests_total{route=\"/livez\",code=\"200\"} 1");
    expect(&answer, "leakd_http_request_duration_seconds_count 4");
    ck_assert_ptr_null(strstr(answer.body, "token-in-the-path"));
    answer_done(&answer);
}
END_TEST

/* Both names become the same text once what is no UTF-8 is replaced. */
START_TEST(processes_with_the_same_label_are_told_apart)
{
    struct answer answer = get(&server, "/metrics");

    expect(&answer, "leakd_process_leaking{unit=\"evil\\\"name\\\\with\\nlines\xef\xbf\xbd\","
                    "worker=\"0\"} 0");
    expect(&answer, "leakd_process_leaking{unit=\"evil\\\"name\\\\with\\nlines\xef\xbf\xbd\","
                    "worker=\"1\"} 0");
    answer_done(&answer);
}
END_TEST

static void replace_first(struct server *s, void *arg)
{
    (void)arg;
    store_set_state(s->store, first, PROCESS_KILLED, server_mono_ms(), server_wall_ms());
    put_process(s, 4800, "orders", "orders.service");
}

START_TEST(a_worker_keeps_its_number_and_the_next_takes_a_free_one)
{
    struct answer answer = get(&server, "/metrics");

    answer_done(&answer);
    server_do(&server, replace_first, NULL);
    answer = get(&server, "/metrics");
    ck_assert_ptr_nonnull(strstr(answer.body, "worker=\"1\",pid=\"4712\""));
    ck_assert_ptr_nonnull(strstr(answer.body, "worker=\"0\",pid=\"4800\""));
    ck_assert_ptr_null(strstr(answer.body, "pid=\"4711\""));
    check_text(answer.body, false);
    answer_done(&answer);
}
END_TEST

static void move_second(struct server *s, void *arg)
{
    (void)arg;
    store_put_unit(s->store, store_process_at(s->store, 1), "moved.service");
}

START_TEST(a_unit_that_becomes_known_later_takes_over)
{
    struct answer answer = get(&server, "/metrics");

    answer_done(&answer);
    server_do(&server, move_second, NULL);
    answer = get(&server, "/metrics");
    ck_assert_ptr_nonnull(strstr(answer.body, "{unit=\"moved.service\",worker=\"0\",pid=\"4712\""));
    check_text(answer.body, false);
    answer_done(&answer);
}
END_TEST

SUITE_MAIN_FIXTURE("http_metrics", set_up, tear_down, both_formats_are_well_formed,
                   the_figures_are_those_of_the_store, requests_are_counted_by_route_and_code,
                   processes_with_the_same_label_are_told_apart,
                   a_worker_keeps_its_number_and_the_next_takes_a_free_one,
                   a_unit_that_becomes_known_later_takes_over)
