/* SPDX-License-Identifier: MIT */
/* Every route over real sockets: shapes, parameters, refusals, caching. */
#include "http_server.h"
#include "tests/unit/suite.h"

#include "daemon/http/routes.h"

static struct server server;
static struct process *leaker;
static struct incident *incident;

static void set_up(void)
{
    struct growth growth = {true, 1024.5, 1000, 1049, 0};

    server_prepare(&server);
    leaker = put_process(&server, 4711, "orders", "orders.service");
    put_totals(&server, leaker, 1000001);
    store_put_rss(server.store, leaker, 2000000, server_mono_ms(), server_wall_ms());
    store_put_limit(server.store, leaker, 1 << 30, "memory_max");
    put_site(&server, leaker, 1, 5000, "load", "orders/app.py");
    put_site(&server, leaker, 2, 9000, "store", "orders/cache.py");
    leaker->sites[1].growth = growth;
    leaker->verdict = VERDICT_LEAK;
    leaker->growth = growth;
    leaker->fit = (struct detect_result){.has_fit = true,
                                         .fit_from_ms = MONO_MS - 10000,
                                         .fit_to_ms = MONO_MS,
                                         .fit_bytes = 900000,
                                         .growth = growth};
    leaker->time_to_limit = (struct forecast){true, 3600, 3000, (double)INFINITY};
    put_process(&server, 4712, "<img src=x onerror=alert(1)>", NULL);
    incident = put_incident(&server, leaker, "critical");
    server_start(&server);
}

static void tear_down(void)
{
    server_stop(&server);
}

static const struct json_tree *first_of(const struct json_tree *tree, const char *list)
{
    return json_at(json_get(tree, list), 0);
}

static char *below(const char *rest)
{
    static char path[256];

    snprintf(path, sizeof(path), "/api/v1/processes/%s%s", leaker->id, rest);
    return path;
}

START_TEST(process_has_the_fields_of_the_contract)
{
    static const char *const fields[] = {"id",
                                         "pid",
                                         "name",
                                         "unit",
                                         "exe",
                                         "runtime",
                                         "state",
                                         "verdict",
                                         "since_ms",
                                         "summary",
                                         "growth_bytes_per_s",
                                         "live_bytes",
                                         "rss_bytes",
                                         "limit_bytes",
                                         "time_to_limit_s",
                                         "alloc_bytes_total",
                                         "free_bytes_total",
                                         "alloc_count_total",
                                         "sample_period_bytes",
                                         "started_ms",
                                         "labels",
                                         "verdict_since_ms",
                                         "domains",
                                         "parent_pid",
                                         "reason",
                                         "sparkline",
                                         "culprit",
                                         "agent",
                                         "ended_ms"};
    struct answer answer = get(&server, below(""));
    struct json_tree *tree = get_json(&server, below(""));
    const struct json_tree *growth = json_get(tree, "growth_bytes_per_s");

    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        ck_assert_msg(json_get(tree, fields[i]) != NULL, "%s is missing", fields[i]);
    ck_assert_str_eq(json_get_str(tree, "name", ""), "orders");
    ck_assert_str_eq(json_get_str(tree, "unit", ""), "orders.service");
    ck_assert_str_eq(json_get_str(tree, "state", ""), "watching");
    ck_assert_str_eq(json_get_str(tree, "verdict", ""), "leak");
    ck_assert_double_eq(json_get_double(tree, "live_bytes", 0), 1000001);
    ck_assert_double_eq(json_get_double(tree, "limit_bytes", 0), 1 << 30);
    ck_assert_double_eq(json_get_double(growth, "estimate", 0), 1024.5);
    ck_assert(json_is_null(json_get(json_get(tree, "time_to_limit_s"), "upper")));
    ck_assert_str_eq(json_get_str(json_get(tree, "culprit"), "function", ""), "store");
    ck_assert_double_eq(json_get_double(json_get(tree, "culprit"), "line", 0), 88);
    /* 2^53 + 1 has no double: it must have been printed as an integer. */
    ck_assert_ptr_nonnull(strstr(answer.body, "\"alloc_bytes_total\":9007199254740993"));
    answer_done(&answer);
    json_tree_free(tree);
}
END_TEST

START_TEST(growth_and_culprit_are_null_while_unknown)
{
    struct json_tree *tree = get_json(&server, "/api/v1/processes");
    const struct json_tree *other = json_at(json_get(tree, "processes"), 1);

    ck_assert_uint_eq(json_len(json_get(tree, "processes")), 2);
    ck_assert_str_eq(json_get_str(other, "verdict", ""), "learning");
    ck_assert(json_is_null(json_get(other, "growth_bytes_per_s")));
    ck_assert(json_is_null(json_get(other, "culprit")));
    ck_assert(json_is_null(json_get(other, "unit")));
    ck_assert(json_is_null(json_get(other, "limit_bytes")));
    json_tree_free(tree);
}
END_TEST

START_TEST(markup_in_a_name_never_leaves_raw)
{
    static const char *const targets[] = {"/api/v1/processes", "/metrics"};
    struct answer answer = get(&server, targets[0]);

    ck_assert_ptr_null(strchr(answer.body, '<'));
    ck_assert_ptr_nonnull(strstr(answer.body, "\\u003cimg src=x onerror=alert(1)\\u003e"));
    answer_done(&answer);
    answer = get(&server, "/api/v1/processes/%3Cscript%3E");
    ck_assert_int_eq(answer.status, 404);
    ck_assert_ptr_null(strchr(answer.body, '<'));
    answer_done(&answer);
    answer = get(&server, targets[1]);
    ck_assert_str_eq(header_of(&answer, "X-Content-Type-Options"), "nosniff");
    answer_done(&answer);
}
END_TEST

START_TEST(sites_come_in_the_order_asked_for)
{
    struct json_tree *tree = get_json(&server, below("/sites"));
    const struct json_tree *frame = json_at(json_get(first_of(tree, "sites"), "frames"), 0);

    ck_assert_uint_eq(json_len(json_get(tree, "sites")), 2);
    ck_assert_str_eq(json_get_str(first_of(tree, "sites"), "id", ""), "2");
    ck_assert_str_eq(json_get_str(first_of(tree, "sites"), "kind", ""), "python");
    ck_assert_double_eq(json_get_double(first_of(tree, "sites"), "oldest_s", 0), 4.5);
    ck_assert_str_eq(json_get_str(frame, "language", ""), "python");
    ck_assert_str_eq(json_get_str(frame, "function", ""), "store");
    ck_assert_str_eq(json_get_str(frame, "file", ""), "orders/cache.py");
    ck_assert(json_is_null(json_get(frame, "module")));
    json_tree_free(tree);
    tree = get_json(&server, below("/sites?sort=live&limit=1"));
    ck_assert_uint_eq(json_len(json_get(tree, "sites")), 1);
    ck_assert_double_eq(json_get_double(first_of(tree, "sites"), "live_bytes", 0), 9000);
    json_tree_free(tree);
    tree = get_json(&server, below("/types?sort=rate"));
    ck_assert_uint_eq(json_len(json_get(tree, "types")), 0);
    json_tree_free(tree);
}
END_TEST

START_TEST(series_has_points_and_the_fit_in_wall_time)
{
    char target[128];
    struct json_tree *tree;
    const struct json_tree *point, *fit;

    snprintf(target, sizeof(target), "/series?from=%llu&to=%llu", WALL_MS - 60000ull,
             WALL_MS + 60000ull);
    tree = get_json(&server, below(target));
    point = json_at(json_get(tree, "points"), 0);
    fit = json_get(tree, "fit");
    ck_assert_uint_eq(json_len(json_get(tree, "points")), 1);
    ck_assert_double_eq(json_number(json_at(point, 0), 0), (double)WALL_MS);
    ck_assert_double_eq(json_number(json_at(point, 1), 0), 1000001);
    ck_assert_double_eq(json_get_double(fit, "from_ms", 0), (double)WALL_MS - 10000);
    ck_assert_double_eq(json_get_double(fit, "bytes_at_from", 0), 900000);
    ck_assert_double_eq(json_get_double(json_get(fit, "growth_bytes_per_s"), "upper", 0), 1049);
    ck_assert(json_is_null(json_get(tree, "window_fit")));
    ck_assert_ptr_nonnull(strstr(json_get_str(tree, "window_fit_missing", ""), "twelve steps"));
    json_tree_free(tree);
    tree = get_json(&server, below("/series?name=rss_bytes"));
    ck_assert(json_is_null(json_get(tree, "fit")));
    ck_assert_double_eq(json_number(json_at(json_at(json_get(tree, "points"), 0), 2), 0), 2000000);
    json_tree_free(tree);
}
END_TEST

START_TEST(a_window_has_its_own_line_whatever_the_verdict)
{
    struct json_tree *tree;
    const struct json_tree *line, *growth;

    for (uint64_t i = 1; i <= 40; i++)
        store_put_rss(server.store, leaker, 2000000 + i * 500, server_mono_ms() + i * 1000,
                      server_wall_ms() + i * 1000);
    tree = get_json(&server, below("/series?name=rss_bytes&to=2027-01-15T08:00:41Z"));
    line = json_get(tree, "window_fit");
    growth = json_get(line, "growth_bytes_per_s");
    ck_assert(json_is_null(json_get(tree, "fit")));
    ck_assert(json_is_null(json_get(tree, "window_fit_missing")));
    ck_assert_double_eq(json_get_double(line, "from_ms", 0), (double)WALL_MS);
    ck_assert_double_eq_tol(json_get_double(growth, "lower", 0), 500, 20);
    json_tree_free(tree);
}
END_TEST

START_TEST(series_takes_rfc_3339_as_well_as_milliseconds)
{
    /* WALL_MS is 2027-01-15T08:00:00Z. */
    struct json_tree *tree = get_json(
        &server, below("/series?from=2027-01-15T08:59:59.5%2B01:00&to=2027-01-15T08:00:01Z"));

    ck_assert_double_eq(json_get_double(tree, "from_ms", 0), (double)WALL_MS - 500);
    ck_assert_double_eq(json_get_double(tree, "to_ms", 0), (double)WALL_MS + 1000);
    ck_assert_uint_eq(json_len(json_get(tree, "points")), 1);
    json_tree_free(tree);
}
END_TEST

START_TEST(an_unchanged_series_is_not_sent_again)
{
    struct answer answer = get(&server, below("/series"));
    char headers[160];

    ck_assert_int_eq(strncmp(header_of(&answer, "ETag"), "W/\"", 3), 0);
    snprintf(headers, sizeof(headers), "If-None-Match: \"other\", %s\r\n",
             header_of(&answer, "ETag"));
    answer_done(&answer);
    server_clock_ms += 400; /* the default window slides */
    answer = ask(&server, "GET", below("/series"), headers);
    ck_assert_int_eq(answer.status, 304);
    ck_assert_uint_eq(answer.body_len, 0);
    answer_done(&answer);
    answer = ask(&server, "GET", below("/series?name=rss_bytes"), headers);
    ck_assert_int_eq(answer.status, 200);
    answer_done(&answer);
}
END_TEST

START_TEST(a_bad_parameter_is_named)
{
    static const struct {
        const char *rest;
        const char *name;
    } bad[] = {{"/sites?sort=size", "sort"},
               {"/sites?limit=0", "limit"},
               {"/sites?limit=1001", "limit"},
               {"/sites?limit=-1", "limit"},
               {"/sites?limit=1e3", "limit"},
               {"/sites?limit=", "limit"},
               {"/sites?limt=5", "limt"},
               {"/series?name=heap", "name"},
               {"/series?from=yesterday", "from"},
               {"/series?step=fast", "step"},
               {"/series?step=0", "step"},
               {"/series?from=9&to=8", "from"},
               {"/series?to=2027-13-01T00:00:00Z", "to"},
               {"/series?step=99999999999999999999", "step"}};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct answer answer = get(&server, below(bad[i].rest));
        char error[128];
        struct json_tree *tree = json_parse(answer.body, answer.body_len, error, sizeof(error));

        ck_assert_msg(answer.status == 400, "%s answered %d", bad[i].rest, answer.status);
        ck_assert_str_eq(header_of(&answer, "Content-Type"), "application/problem+json");
        ck_assert_str_eq(json_get_str(first_of(tree, "errors"), "parameter", ""), bad[i].name);
        ck_assert_double_eq(json_get_double(tree, "status", 0), 400);
        json_tree_free(tree);
        answer_done(&answer);
    }
    ck_assert_int_eq(get_status(&server, "/api/v1/processes?cursor=x"), 400);
    ck_assert_int_eq(get_status(&server, "/api/v1/processes?limit=1&limit=2"), 400);
    ck_assert_int_eq(get_status(&server, "/api/v1/processes?limit=%zz"), 400);
}
END_TEST

START_TEST(incident_has_the_fields_of_the_contract)
{
    static const char *const fields[] = {
        "id",      "fingerprint",        "state", "severity", "opened_ms", "resolved_ms", "process",
        "summary", "growth_bytes_per_s", "sites", "types",    "retainers", "deliveries"};
    char target[80];
    struct json_tree *list = get_json(&server, "/api/v1/incidents"), *tree;

    ck_assert_str_eq(json_get_str(first_of(list, "incidents"), "id", ""), incident->id);
    snprintf(target, sizeof(target), "/api/v1/incidents/%s", incident->id);
    tree = get_json(&server, target);
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        ck_assert_msg(json_get(tree, fields[i]) != NULL, "%s is missing", fields[i]);
    ck_assert_str_eq(json_get_str(tree, "state", ""), "open");
    ck_assert_str_eq(json_get_str(json_get(tree, "process"), "id", ""), leaker->id);
    ck_assert_str_eq(json_get_str(first_of(tree, "processes"), "id", ""), "42-7");
    ck_assert_str_eq(json_get_str(first_of(tree, "processes"), "state", ""), "oom-killed");
    ck_assert_double_eq(json_get_double(first_of(tree, "processes"), "pid", 0), 42);
    ck_assert_double_eq(json_get_double(tree, "process_count", 0), 20);
    ck_assert_str_eq(json_get_str(json_get(first_of(tree, "sites"), "culprit"), "file", ""),
                     "orders/cache.py");
    ck_assert_str_eq(json_get_str(first_of(tree, "deliveries"), "receiver", ""), "ops");
    ck_assert_double_eq(json_get_double(first_of(tree, "deliveries"), "http_status", 0), 204);
    json_tree_free(tree);
    json_tree_free(list);
}
END_TEST

static void forget_leaker(struct server *s, void *arg)
{
    (void)arg;
    store_set_state(s->store, leaker, PROCESS_KILLED, server_mono_ms(), server_wall_ms());
    strcpy(incident->process_id, "1-1");
}

START_TEST(an_incident_outlives_its_process)
{
    struct json_tree *tree;

    server_do(&server, forget_leaker, NULL);
    tree = get_json(&server, "/api/v1/incidents");
    ck_assert_str_eq(json_get_str(json_get(first_of(tree, "incidents"), "process"), "name", ""),
                     "orders");
    ck_assert(json_get_bool(json_get(first_of(tree, "incidents"), "process"), "forgotten", false));
    json_tree_free(tree);
}
END_TEST

START_TEST(what_is_not_there_is_404)
{
    static const char *const targets[] = {"/nothing",
                                          "/api/v1",
                                          "/api/v1/",
                                          "/api/v1/processes/",
                                          "/api/v1/processes/1-1",
                                          "/api/v1/processes/1-1/sites",
                                          "/api/v1/processes//sites",
                                          "/api/v1/incidents/zzz",
                                          "/../etc/passwd",
                                          "/p/../../etc/passwd%2f..",
                                          "/%2e%2e/etc/passwd",
                                          "/api%2Fv1%2Fstatus",
                                          "/.git/config",
                                          "/index.html",
                                          "/p/",
                                          "//",
                                          "/api/v1/status/"};

    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        struct answer answer = get(&server, targets[i]);

        ck_assert_msg(answer.status == 404, "%s answered %d", targets[i], answer.status);
        ck_assert_str_eq(header_of(&answer, "Content-Type"), "application/problem+json");
        answer_done(&answer);
    }
}
END_TEST

START_TEST(a_target_that_makes_no_sense_is_400)
{
    char *target = malloc(5000);

    ck_assert_int_eq(get_status(&server, "/a%00b"), 400);
    ck_assert_int_eq(get_status(&server, "/a%0d%0aSet-Cookie:x"), 400);
    ck_assert_int_eq(get_status(&server, "/a%4"), 400);
    ck_assert_int_eq(get_status(&server, "*"), 400);
    memset(target, 'a', 4999);
    target[0] = '/';
    target[4999] = '\0';
    ck_assert_int_eq(get_status(&server, target), 414);
    free(target);
}
END_TEST

START_TEST(only_get_and_head_are_possible)
{
    static const char *const methods[] = {"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"};

    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        struct answer answer = ask(&server, methods[i], "/api/v1/status", "Content-Length: 0\r\n");

        ck_assert_msg(answer.status == 405, "%s: %d", methods[i], answer.status);
        ck_assert_str_eq(header_of(&answer, "Allow"), "GET, HEAD");
        ck_assert_str_eq(header_of(&answer, "Access-Control-Allow-Origin"), "");
        answer_done(&answer);
    }
}
END_TEST

START_TEST(head_has_the_headers_and_no_body)
{
    struct answer answer = ask(&server, "HEAD", "/api/v1/processes", "");

    ck_assert_int_eq(answer.status, 200);
    ck_assert_uint_eq(answer.body_len, 0);
    ck_assert_int_gt(atoi(header_of(&answer, "Content-Length")), 500);
    answer_done(&answer);
    answer = ask(&server, "HEAD", "/api/v1/events", "");
    ck_assert_int_eq(answer.status, 200);
    ck_assert_uint_eq(answer.body_len, 0);
    answer_done(&answer);
}
END_TEST

START_TEST(every_answer_carries_the_security_headers)
{
    static const char *const targets[] = {
        "/api/v1/status", "/livez", "/metrics", "/nothing", "/api/v1/processes?limit=x", "/"};

    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        struct answer answer = get(&server, targets[i]);

        ck_assert_ptr_nonnull(strstr(header_of(&answer, "Content-Security-Policy"),
                                     "default-src 'none'; script-src 'self'; style-src 'self'"));
        ck_assert_str_eq(header_of(&answer, "X-Content-Type-Options"), "nosniff");
        ck_assert_str_eq(header_of(&answer, "Referrer-Policy"), "no-referrer");
        ck_assert_str_eq(header_of(&answer, "Cross-Origin-Opener-Policy"), "same-origin");
        ck_assert_str_eq(header_of(&answer, "Cross-Origin-Resource-Policy"), "same-origin");
        ck_assert_str_eq(header_of(&answer, "Cache-Control"), "no-store");
        answer_done(&answer);
    }
}
END_TEST

START_TEST(health_version_and_status_answer)
{
    struct json_tree *tree = get_json(&server, "/livez");

    ck_assert_str_eq(json_get_str(tree, "status", ""), "ok");
    json_tree_free(tree);
    tree = get_json(&server, "/readyz?verbose");
    ck_assert_str_eq(json_get_str(tree, "status", ""), "ready");
    json_tree_free(tree);
    tree = get_json(&server, "/version");
    ck_assert_str_eq(json_get_str(tree, "api", ""), "v1");
    json_tree_free(tree);
    tree = get_json(&server, "/api/v1/status");
    ck_assert_double_eq(json_get_double(tree, "agents_connected", 0), 3);
    ck_assert_double_eq(json_get_double(tree, "processes_watching", 0), 2);
    ck_assert_double_eq(json_get_double(tree, "incidents_open", 0), 1);
    json_tree_free(tree);
}
END_TEST

static void add_many(struct server *s, void *arg)
{
    char name[32];

    for (int i = 0; i < *(int *)arg; i++) {
        snprintf(name, sizeof(name), "worker-%d", i);
        put_incident(s, put_process(s, 10000 + i, name, NULL), "warning");
        server_clock_ms++;
    }
}

/* Follows Link: rel=next and counts the rows; each must be new. */
static size_t walk(const char *target, const char *list, unsigned *pages)
{
    char next[512];
    char seen[64][40];
    size_t count = 0;

    snprintf(next, sizeof(next), "%s", target);
    for (*pages = 0; next[0]; (*pages)++) {
        struct answer answer = get(&server, next);
        char error[64];
        struct json_tree *tree = json_parse(answer.body, answer.body_len, error, sizeof(error));
        const char *link = header_of(&answer, "Link");

        for (size_t i = 0; i < json_len(json_get(tree, list)); i++) {
            const char *id = json_get_str(json_at(json_get(tree, list), i), "id", "");

            for (size_t k = 0; k < count; k++)
                ck_assert_str_ne(seen[k], id);
            snprintf(seen[count++], sizeof(seen[0]), "%s", id);
        }
        next[0] = '\0';
        if (*link) {
            ck_assert_ptr_nonnull(strstr(link, ">; rel=\"next\""));
            sscanf(link, "<%500[^>]>", next);
        }
        json_tree_free(tree);
        answer_done(&answer);
    }
    return count;
}

START_TEST(lists_are_walked_by_their_links)
{
    int many = 20;
    unsigned pages;

    server_do(&server, add_many, &many);
    ck_assert_uint_eq(walk("/api/v1/processes?limit=5", "processes", &pages), 22);
    ck_assert_uint_eq(pages, 5);
    ck_assert_uint_eq(walk("/api/v1/incidents?limit=7", "incidents", &pages), 21);
    ck_assert_uint_eq(pages, 3);
    ck_assert_uint_eq(walk("/api/v1/processes", "processes", &pages), 22);
    ck_assert_uint_eq(pages, 1);
}
END_TEST

static void check_operation(const char *pattern, const char *method, bool is_there,
                            const struct json_tree *operation)
{
    const struct json_tree *responses = json_get(operation, "responses");

    ck_assert_msg(is_there == (operation != NULL), "%s %s: described and there differ", method,
                  pattern);
    if (!operation)
        return;
    ck_assert_msg(json_get(responses, "200") || json_get(responses, "201") ||
                      json_get(responses, "202"),
                  "%s %s has no success", method, pattern);
    ck_assert_msg(!strstr(pattern, "{id}") ==
                      !strstr(json_get_str(first_of(operation, "parameters"), "$ref", ""), "Id"),
                  "%s %s: {id} is not described", method, pattern);
}

START_TEST(openapi_describes_exactly_the_routes)
{
    struct json_tree *tree = get_json(&server, "/api/v1/openapi.json");
    const struct json_tree *paths = json_get(tree, "paths");

    ck_assert_int_eq(strncmp(json_get_str(tree, "openapi", ""), "3.", 2), 0);
    ck_assert_uint_eq(json_len(paths), route_count);
    for (size_t i = 0; i < route_count; i++) {
        const struct json_tree *path = json_get(paths, routes[i].pattern);

        check_operation(routes[i].pattern, "get", routes[i].read != NULL, json_get(path, "get"));
        check_operation(routes[i].pattern, "post", routes[i].change != NULL,
                        json_get(path, "post"));
    }
    json_tree_free(tree);
}
END_TEST

/* Fields that an object has and the schema lacks. */
static void compare_fields(const struct json_tree *object, const struct json_tree *tree,
                           const char *schema_name)
{
    const struct json_tree *schema =
        json_get(json_get(json_get(tree, "components"), "schemas"), schema_name);
    const struct json_tree *required = json_get(schema, "required");

    ck_assert_ptr_nonnull(schema);
    ck_assert_uint_gt(json_len(required), 0);
    for (size_t i = 0; i < json_len(required); i++) {
        const char *field = json_text(json_at(required, i), "");

        ck_assert_msg(json_get(object, field) != NULL, "%s has no %s", schema_name, field);
        ck_assert_msg(json_get(json_get(schema, "properties"), field) != NULL,
                      "%s.%s is required and not described", schema_name, field);
    }
    ck_assert_msg(json_len(json_get(schema, "properties")) == json_len(object),
                  "%s: %zu fields are described, %zu are sent", schema_name,
                  json_len(json_get(schema, "properties")), json_len(object));
}

START_TEST(openapi_schemas_are_what_is_sent)
{
    struct json_tree *tree = get_json(&server, "/api/v1/openapi.json");
    struct json_tree *one = get_json(&server, below(""));
    struct json_tree *sites = get_json(&server, below("/sites"));
    struct json_tree *series = get_json(&server, below("/series"));
    struct json_tree *incidents = get_json(&server, "/api/v1/incidents");
    struct json_tree *status = get_json(&server, "/api/v1/status");

    compare_fields(one, tree, "Process");
    compare_fields(json_get(one, "growth_bytes_per_s"), tree, "Growth");
    compare_fields(json_get(one, "culprit"), tree, "Culprit");
    compare_fields(first_of(sites, "sites"), tree, "Site");
    compare_fields(json_at(json_get(first_of(sites, "sites"), "frames"), 0), tree, "Frame");
    compare_fields(series, tree, "Series");
    compare_fields(json_get(series, "fit"), tree, "Fit");
    compare_fields(first_of(incidents, "incidents"), tree, "Incident");
    compare_fields(status, tree, "Status");
    json_tree_free(status);
    json_tree_free(incidents);
    json_tree_free(series);
    json_tree_free(sites);
    json_tree_free(one);
    json_tree_free(tree);
}
END_TEST

SUITE_MAIN_FIXTURE("http_routes", set_up, tear_down, process_has_the_fields_of_the_contract,
                   growth_and_culprit_are_null_while_unknown, markup_in_a_name_never_leaves_raw,
                   sites_come_in_the_order_asked_for, series_has_points_and_the_fit_in_wall_time,
                   a_window_has_its_own_line_whatever_the_verdict,
                   series_takes_rfc_3339_as_well_as_milliseconds,
                   an_unchanged_series_is_not_sent_again, a_bad_parameter_is_named,
                   incident_has_the_fields_of_the_contract, an_incident_outlives_its_process,
                   what_is_not_there_is_404, a_target_that_makes_no_sense_is_400,
                   only_get_and_head_are_possible, head_has_the_headers_and_no_body,
                   every_answer_carries_the_security_headers, health_version_and_status_answer,
                   lists_are_walked_by_their_links, openapi_describes_exactly_the_routes,
                   openapi_schemas_are_what_is_sent)
