/* SPDX-License-Identifier: MIT */
#include "daemon/fetch/fetch.h"

#include <errno.h>
#include <netinet/in.h>
#include <time.h>

#include "daemon/base/clock.h"
#include "tests/unit/daemon/http_peer.h"
#include "tests/unit/suite.h"

static char url[256];
static struct fetch_response response;

static void url_of(const struct http_peer *peer, const char *path)
{
    snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", peer->port, path);
}

static int get(const char *address)
{
    struct fetch_request request = {.method = "GET", .url = address, .timeout_ms = 5000};

    fetch_response_done(&response);
    return fetch_now(&request, &response);
}

/* One request to a peer with one answer. */
static int get_answer(const char *answer)
{
    const char *answers[] = {answer, NULL};
    struct http_peer *peer = peer_start(answers);
    int rc;

    url_of(peer, "/x?token=abc");
    rc = get(url);
    peer_end(peer);
    return rc;
}

static void clear_response(void)
{
    fetch_response_done(&response);
}

START_TEST(a_request_gets_status_and_body)
{
    ck_assert_int_eq(get_answer("HTTP/1.1 503 No\r\ncontent-length: 5\r\n\r\nhello"), 0);
    ck_assert_int_eq(response.status, 503);
    ck_assert_str_eq(response.body, "hello");
    ck_assert_uint_eq(response.body_len, 5);
    ck_assert_str_eq(response.message, "");
    ck_assert(!response.truncated);
}
END_TEST

START_TEST(an_empty_body_is_an_empty_string)
{
    ck_assert_int_eq(get_answer("HTTP/1.1 204 No\r\n\r\n"), 0);
    ck_assert_int_eq(response.status, 204);
    ck_assert_str_eq(response.body, "");
}
END_TEST

START_TEST(a_post_carries_headers_as_written_and_the_exact_body)
{
    static const char *const answers[] = {PEER_OK, NULL};
    static const char *const headers[] = {"webhook-id: msg_1", "content-type: application/json",
                                          NULL};
    struct http_peer *peer = peer_start(answers);
    struct fetch_request request = {.method = "POST",
                                    .url = url,
                                    .headers = headers,
                                    .body = "{\"a\": 1}",
                                    .body_len = 8,
                                    .timeout_ms = 5000};

    url_of(peer, "/hook");
    ck_assert_int_eq(fetch_now(&request, &response), 0);
    ck_assert_int_eq(strncmp(peer->requests[0], "POST /hook HTTP/1.1\r\n", 21), 0);
    ck_assert_str_eq(peer_header(peer->requests[0], "webhook-id"), "msg_1");
    ck_assert_str_eq(peer_header(peer->requests[0], "content-type"), "application/json");
    ck_assert_ptr_null(strstr(peer->requests[0], "Expect"));
    ck_assert_str_eq(strstr(peer->requests[0], "\r\n\r\n") + 4, "{\"a\": 1}");
    peer_end(peer);
}
END_TEST

START_TEST(redirects_are_not_followed)
{
    static const char *const answers[] = {
        "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n", NULL};
    struct http_peer *peer = peer_start(answers);

    url_of(peer, "/");
    ck_assert_int_eq(get(url), 0);
    ck_assert_int_eq(response.status, 302);
    ck_assert_int_eq(atomic_load(&peer->count), 1);
    peer_end(peer);
}
END_TEST

/* The message names host and port but neither path nor query. */
static void failed_with(int rc, const char *what)
{
    char place[64];

    snprintf(place, sizeof(place), "%.*s", (int)strcspn(url + 7, "/"), url + 7);
    ck_assert_msg(strstr(response.message, place) && strstr(response.message, what), "%s",
                  response.message);
    ck_assert_ptr_null(strstr(response.message, "token"));
    ck_assert_int_eq(response.error, rc);
}

START_TEST(a_peer_that_closes_or_babbles_is_an_error)
{
    ck_assert_int_lt(get_answer(PEER_CLOSES), 0);
    failed_with(-ECONNRESET, "without an answer");
    ck_assert_int_lt(get_answer("SSH-2.0-OpenSSH_9.2\r\n"), 0);
    failed_with(-EPROTO, "does not speak HTTP");
    ck_assert_int_lt(get_answer("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort"), 0);
    failed_with(-ECONNRESET, "middle of its answer");
}
END_TEST

START_TEST(a_slow_peer_times_out)
{
    static const char *const answers[] = {PEER_STALLS, NULL};
    struct http_peer *peer = peer_start(answers);
    struct fetch_request request = {.method = "GET", .url = url, .timeout_ms = 200};

    url_of(peer, "/x?token=abc");
    ck_assert_int_eq(fetch_now(&request, &response), -ETIMEDOUT);
    failed_with(-ETIMEDOUT, "within 0.2 s");
    peer_end(peer);
}
END_TEST

START_TEST(nobody_there_is_said_with_the_place)
{
    static const char *const answers[] = {PEER_OK, NULL};
    struct http_peer *peer = peer_start(answers);

    url_of(peer, "/x?token=abc");
    peer_end(peer);
    ck_assert_int_eq(get(url), -ECONNREFUSED);
    failed_with(-ECONNREFUSED, "Connection refused");
}
END_TEST

START_TEST(user_and_password_stay_out_of_messages)
{
    ck_assert_int_lt(get("http://me:word@127.0.0.1:1/path?token=abc"), 0);
    ck_assert_ptr_nonnull(strstr(response.message, "127.0.0.1:1"));
    ck_assert_ptr_null(strstr(response.message, "word"));
    ck_assert_ptr_null(strstr(response.message, "path"));
}
END_TEST

START_TEST(no_tls_is_said)
{
    static const char *const answers[] = {"HTTP/1.1 400 No\r\n\r\n", NULL};
    struct http_peer *peer = peer_start(answers);
    char https[64];

    url_of(peer, "/");
    snprintf(https, sizeof(https), "https://127.0.0.1:%d/", peer->port);
    ck_assert_int_eq(get(https), -EPROTO);
    ck_assert_ptr_nonnull(strstr(response.message, "no TLS with 127.0.0.1:"));
    peer_end(peer);
}
END_TEST

START_TEST(only_http_addresses_are_taken)
{
    static const char *const bad[] = {
        "ftp://127.0.0.1/", "file:///etc/hostname", "127.0.0.1:80", "gopher://127.0.0.1/", "",
        "http://",          "http://:80/",          "http://a b/"};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_msg(get(bad[i]) == -EINVAL, "%s", bad[i]);
}
END_TEST

START_TEST(a_unix_socket_takes_the_hosts_place)
{
    static const char *const answers[] = {PEER_OK, NULL};
    char folder[] = "/tmp/leakd-test-XXXXXX";
    char path[64];
    struct http_peer *peer;
    struct fetch_request request = {
        .method = "GET", .url = "http://leakd/api", .unix_socket = path, .timeout_ms = 5000};

    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/s", folder);
    ck_assert_int_eq(fetch_now(&request, &response), -ENOENT);
    ck_assert_ptr_nonnull(strstr(response.message, path));
    fetch_response_done(&response);
    peer = peer_start_unix(path, answers);
    ck_assert_int_eq(fetch_now(&request, &response), 0);
    ck_assert_str_eq(response.body, "ok");
    peer_end(peer);
    unlink(path);
    rmdir(folder);
}
END_TEST

START_TEST(link_local_is_refused_in_every_spelling)
{
    static const char *const spellings[] = {"http://169.254.169.254/latest/meta-data",
                                            "http://2852039166/",
                                            "http://0xa9fea9fe/",
                                            "http://0251.0376.0251.0376/",
                                            "http://169.254.1/",
                                            "http://[::ffff:169.254.169.254]/",
                                            "http://[::ffff:a9fe:a9fe]/",
                                            "http://[64:ff9b::a9fe:a9fe]/",
                                            "http://[fe80::1]/",
                                            "http://[febf::1]/",
                                            "http://[fd00:ec2::254]/",
                                            "http://me@169.254.0.1:80/"};
    struct fetch_request request = {.method = "GET", .timeout_ms = 5000, .refuse_link_local = true};

    for (size_t i = 0; i < sizeof(spellings) / sizeof(spellings[0]); i++) {
        request.url = spellings[i];
        ck_assert_msg(fetch_now(&request, &response) == -EPERM, "%s: %s", spellings[i],
                      response.message);
        ck_assert_ptr_nonnull(strstr(response.message, "link-local"));
        fetch_response_done(&response);
    }
}
END_TEST

START_TEST(loopback_and_private_addresses_are_not_link_local)
{
    static const char *const fine[] = {"127.0.0.1", "10.0.0.1", "192.168.1.1", "169.253.1.1",
                                       "169.255.1.1"};
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};

    for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++) {
        ck_assert_int_eq(inet_pton(AF_INET, fine[i], &v4.sin_addr), 1);
        ck_assert(!fetch_is_link_local((struct sockaddr *)&v4));
    }
    ck_assert_int_eq(inet_pton(AF_INET6, "::1", &v6.sin6_addr), 1);
    ck_assert(!fetch_is_link_local((struct sockaddr *)&v6));
    ck_assert_int_eq(inet_pton(AF_INET6, "fec0::1", &v6.sin6_addr), 1);
    ck_assert(!fetch_is_link_local((struct sockaddr *)&v6));
}
END_TEST

START_TEST(a_long_answer_is_cut_not_refused)
{
    static const char *const answers[] = {
        "HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n01234567890123456789", NULL};
    struct http_peer *peer = peer_start(answers);
    struct fetch_request request = {
        .method = "GET", .url = url, .timeout_ms = 5000, .response_max = 8};

    url_of(peer, "/");
    ck_assert_int_eq(fetch_now(&request, &response), 0);
    ck_assert_int_eq(response.status, 200);
    ck_assert(response.truncated);
    ck_assert_str_eq(response.body, "01234567");
    peer_end(peer);
}
END_TEST

START_TEST(retry_after_is_read_as_seconds_and_as_date)
{
    char answer[256];
    time_t later = time(NULL) + 100;
    struct tm tm;

    ck_assert_int_eq(get_answer("HTTP/1.1 429 No\r\nretry-after: 120\r\ncontent-length: 0\r\n\r\n"),
                     0);
    ck_assert_uint_eq(response.retry_after_ms, 120000);
    ck_assert_int_eq(
        get_answer("HTTP/1.1 429 No\r\nretry-after: soon\r\ncontent-length: 0\r\n\r\n"), 0);
    ck_assert_uint_eq(response.retry_after_ms, 0);
    gmtime_r(&later, &tm);
    strftime(
        answer, sizeof(answer),
        "HTTP/1.1 503 No\r\nretry-after: %a, %d %b %Y %H:%M:%S GMT\r\ncontent-length: 0\r\n\r\n",
        &tm);
    ck_assert_int_eq(get_answer(answer), 0);
    ck_assert_uint_gt(response.retry_after_ms, 80000);
    ck_assert_uint_le(response.retry_after_ms, 100000);
}
END_TEST

/* ---- on a loop ----------------------------------------------------------------------------- */

struct seen {
    struct fetcher *fetcher;
    int count;
    int error;
    long status;
    int more; /* requests to start from on_done */
    bool close;
    bool closed;
};

static uv_loop_t loop;

static void on_closed(void *arg)
{
    ((struct seen *)arg)->closed = true;
}

static void on_done(void *arg, const struct fetch_response *result)
{
    struct seen *seen = arg;
    struct fetch_request request = {.method = "GET", .url = url, .timeout_ms = 5000};

    seen->count++;
    seen->error = result->error;
    seen->status = result->status;
    if (seen->more > 0 && seen->more-- > 0)
        ck_assert_int_eq(fetcher_start(seen->fetcher, &request, on_done, seen), 0);
    if (seen->close)
        fetcher_close(seen->fetcher, on_closed, seen);
}

static void start(struct seen *seen, uint64_t timeout_ms)
{
    struct fetch_request request = {.method = "GET", .url = url, .timeout_ms = timeout_ms};
    int before = seen->count;

    ck_assert_int_eq(fetcher_start(seen->fetcher, &request, on_done, seen), 0);
    ck_assert_int_eq(seen->count, before);
}

static void run_until(const int *count, int wanted)
{
    uint64_t deadline_ms = clock_mono_ms() + 20000;

    while (*count < wanted && clock_mono_ms() < deadline_ms)
        uv_run(&loop, UV_RUN_ONCE);
    ck_assert_int_eq(*count, wanted);
}

static void open_loop(struct seen *seen)
{
    *seen = (struct seen){0};
    ck_assert_int_eq(uv_loop_init(&loop), 0);
    ck_assert_int_eq(fetcher_new(&loop, &seen->fetcher), 0);
}

static void close_loop(struct seen *seen)
{
    if (!seen->close)
        fetcher_close(seen->fetcher, on_closed, seen);
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert(seen->closed);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
}

START_TEST(requests_run_side_by_side_and_end_once)
{
    static const char *const answers[] = {PEER_OK, NULL};
    struct http_peer *peer = peer_start(answers);
    struct seen seen;

    url_of(peer, "/");
    open_loop(&seen);
    for (int i = 0; i < 8; i++)
        start(&seen, 5000);
    run_until(&seen.count, 8);
    ck_assert_int_eq(seen.status, 200);
    close_loop(&seen);
    ck_assert_int_eq(seen.count, 8);
    peer_end(peer);
}
END_TEST

START_TEST(a_request_may_be_started_from_the_end_of_another)
{
    static const char *const answers[] = {PEER_OK, PEER_CLOSES, PEER_OK, NULL};
    struct http_peer *peer = peer_start(answers);
    struct seen seen;

    url_of(peer, "/");
    open_loop(&seen);
    seen.more = 5;
    start(&seen, 5000);
    run_until(&seen.count, 6);
    close_loop(&seen);
    peer_end(peer);
}
END_TEST

START_TEST(kept_connections_are_used_again)
{
    static const char *const answers[] = {"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", NULL};
    struct http_peer *peer = peer_start(answers);
    struct seen seen;

    /* The peer promises to keep the connection and closes it: the next request must survive. */
    url_of(peer, "/");
    open_loop(&seen);
    for (int i = 1; i <= 4; i++) {
        start(&seen, 5000);
        run_until(&seen.count, i);
        ck_assert_int_eq(seen.status, 200);
    }
    close_loop(&seen);
    peer_end(peer);
}
END_TEST

START_TEST(a_flapping_peer_leaves_nothing_behind)
{
    static const char *const answers[] = {PEER_OK,
                                          PEER_CLOSES,
                                          "garbage",
                                          PEER_OK,
                                          "HTTP/1.1 500 x\r\ncontent-length: 9\r\n\r\nshort",
                                          "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
                                          NULL};
    struct http_peer *peer = peer_start(answers);
    struct seen seen;

    atomic_store(&peer->cycle, true);
    url_of(peer, "/");
    open_loop(&seen);
    seen.more = 1000;
    for (int i = 0; i < 8; i++)
        start(&seen, 5000);
    run_until(&seen.count, 1008);
    close_loop(&seen);
    peer_end(peer);
}
END_TEST

START_TEST(a_slow_peer_times_out_on_the_loop)
{
    static const char *const answers[] = {PEER_STALLS, NULL};
    struct http_peer *peer = peer_start(answers);
    struct seen seen;

    url_of(peer, "/");
    open_loop(&seen);
    start(&seen, 150);
    run_until(&seen.count, 1);
    ck_assert_int_eq(seen.error, -ETIMEDOUT);
    close_loop(&seen);
    peer_end(peer);
}
END_TEST

START_TEST(closing_ends_what_is_in_flight)
{
    static const char *const answers[] = {PEER_STALLS, NULL};
    struct http_peer *peer = peer_start(answers);
    struct seen seen;

    url_of(peer, "/");
    open_loop(&seen);
    start(&seen, 60000);
    start(&seen, 60000);
    while (atomic_load(&peer->count) < 1)
        uv_run(&loop, UV_RUN_ONCE);
    fetcher_close(seen.fetcher, on_closed, &seen);
    ck_assert_int_eq(seen.count, 2);
    ck_assert_int_eq(seen.error, -ECANCELED);
    ck_assert(!seen.closed);
    seen.close = true;
    close_loop(&seen);
    peer_end(peer);
}
END_TEST

START_TEST(the_fetcher_may_be_closed_from_the_end_of_a_request)
{
    static const char *const answers[] = {PEER_OK, NULL};
    struct http_peer *peer = peer_start(answers);
    struct seen seen;

    url_of(peer, "/");
    open_loop(&seen);
    seen.close = true;
    start(&seen, 5000);
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(seen.count, 1);
    close_loop(&seen);
    peer_end(peer);
}
END_TEST

START_TEST(a_cancelled_request_says_nothing)
{
    static const char *const answers[] = {PEER_STALLS, PEER_OK, NULL};
    struct http_peer *peer = peer_start(answers);
    struct seen seen, other;

    url_of(peer, "/");
    open_loop(&seen);
    other = seen;
    start(&seen, 60000);
    while (atomic_load(&peer->count) < 1)
        uv_run(&loop, UV_RUN_ONCE);
    fetcher_cancel(seen.fetcher, &seen);
    start(&other, 5000);
    run_until(&other.count, 1);
    ck_assert_int_eq(other.status, 200);
    close_loop(&seen);
    ck_assert_int_eq(seen.count, 0);
    peer_end(peer);
}
END_TEST

SUITE_MAIN_WITHIN(
    "fetch", 30, NULL, clear_response, a_request_gets_status_and_body,
    an_empty_body_is_an_empty_string, a_post_carries_headers_as_written_and_the_exact_body,
    redirects_are_not_followed, a_peer_that_closes_or_babbles_is_an_error, a_slow_peer_times_out,
    nobody_there_is_said_with_the_place, user_and_password_stay_out_of_messages, no_tls_is_said,
    only_http_addresses_are_taken, a_unix_socket_takes_the_hosts_place,
    link_local_is_refused_in_every_spelling, loopback_and_private_addresses_are_not_link_local,
    a_long_answer_is_cut_not_refused, retry_after_is_read_as_seconds_and_as_date,
    requests_run_side_by_side_and_end_once, a_request_may_be_started_from_the_end_of_another,
    kept_connections_are_used_again, a_flapping_peer_leaves_nothing_behind,
    a_slow_peer_times_out_on_the_loop, closing_ends_what_is_in_flight,
    the_fetcher_may_be_closed_from_the_end_of_a_request, a_cancelled_request_says_nothing)
