/* SPDX-License-Identifier: MIT */
/* The server itself: sockets, Host, files of the dashboard, slow and greedy clients, limits. */
#include "http_server.h"
#include "tests/unit/suite.h"

#include <time.h>

#include "daemon/http/listen.h"
#include "daemon/http/reply.h"

static struct server server;
static unsigned char packed_page[256];
static const char page[] = "<!doctype html><title>leakd</title>";
static struct http_asset assets[2];

static size_t pack(const char *plain, unsigned char *out, size_t size)
{
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)plain,
                       .avail_in = (uInt)strlen(plain),
                       .next_out = out,
                       .avail_out = (uInt)size};

    ck_assert_int_eq(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    ck_assert_int_eq(deflate(&stream, Z_FINISH), Z_STREAM_END);
    deflateEnd(&stream);
    return stream.total_out;
}

static void set_up(void)
{
    size_t len = pack(page, packed_page, sizeof(packed_page));

    server_prepare(&server);
    assets[0] = (struct http_asset){"/index.html", "text/html; charset=utf-8", "abc", packed_page,
                                    len,           sizeof(page) - 1,           false};
    assets[1] = (struct http_asset){"/assets/app-1f.js",
                                    "text/javascript",
                                    "\"def\"",
                                    packed_page,
                                    len,
                                    sizeof(page) - 1,
                                    true};
    server.source.assets = assets;
    server.source.asset_count = 2;
    strcpy(server.conf.external_url, "https://leakd.example.org/");
    put_totals(&server, put_process(&server, 4711, "orders", "orders.service"), 1000);
    server_start(&server);
}

static void tear_down(void)
{
    server_stop(&server);
}

/* ---- files --------------------------------------------------------------------------------------
 */

START_TEST(a_page_of_the_dashboard_is_the_index)
{
    static const char *const targets[] = {"/", "/index.html", "/p/123-456?tab=sites", "/i/7F3K",
                                          "/incidents"};

    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        struct answer answer = get(&server, targets[i]);

        ck_assert_int_eq(answer.status, 200);
        ck_assert_str_eq(answer.body, page);
        ck_assert_str_eq(header_of(&answer, "Content-Encoding"), "");
        ck_assert_str_eq(header_of(&answer, "Content-Type"), "text/html; charset=utf-8");
        ck_assert_str_eq(header_of(&answer, "Cache-Control"), "no-cache");
        ck_assert_str_eq(header_of(&answer, "Vary"), "Accept-Encoding");
        answer_done(&answer);
    }
}
END_TEST

START_TEST(gzip_is_sent_to_who_takes_it)
{
    static const struct {
        const char *header;
        bool packed;
    } cases[] = {{"Accept-Encoding: gzip, deflate, br\r\n", true},
                 {"Accept-Encoding: br;q=1.0, GZIP;q=0.5\r\n", true},
                 {"Accept-Encoding: *\r\n", true},
                 {"Accept-Encoding: gzip;q=0, *\r\n", false},
                 {"Accept-Encoding: identity\r\n", false},
                 {"Accept-Encoding: notgzip\r\n", false},
                 {"", false}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct answer answer = ask(&server, "GET", "/assets/app-1f.js", cases[i].header);

        ck_assert_int_eq(answer.status, 200);
        ck_assert_msg((strcmp(header_of(&answer, "Content-Encoding"), "gzip") == 0) ==
                          cases[i].packed,
                      "%s", cases[i].header);
        ck_assert_uint_eq(answer.body_len, cases[i].packed ? assets[1].len : sizeof(page) - 1);
        ck_assert_str_eq(header_of(&answer, "ETag"), cases[i].packed ? "\"def\"" : "\"def-plain\"");
        ck_assert_str_eq(header_of(&answer, "Cache-Control"),
                         "private, max-age=31536000, immutable");
        answer_done(&answer);
    }
}
END_TEST

START_TEST(a_file_that_the_client_has_is_304)
{
    struct answer answer =
        ask(&server, "GET", "/", "Accept-Encoding: gzip\r\nIf-None-Match: W/\"x\",W/\"abc\"\r\n");

    ck_assert_int_eq(answer.status, 304);
    ck_assert_uint_eq(answer.body_len, 0);
    ck_assert_str_eq(header_of(&answer, "ETag"), "\"abc\"");
    answer_done(&answer);
    /* The other encoding is another thing. */
    answer = ask(&server, "GET", "/", "If-None-Match: \"abc\"\r\n");
    ck_assert_int_eq(answer.status, 200);
    answer_done(&answer);
    answer = ask(&server, "GET", "/", "If-None-Match: \"abcd\", \"ab\"\r\n");
    ck_assert_int_eq(answer.status, 200);
    answer_done(&answer);
}
END_TEST

/* ---- Host ---------------------------------------------------------------------------------------
 */

static int status_with_host(const char *host, const char *target)
{
    char request[512];
    struct answer answer;
    int fd = client_connect(&server), status;

    snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\n%sConnection: close\r\n\r\n", target,
             host);
    client_send(fd, request);
    answer = client_answer(fd);
    status = answer.status;
    answer_done(&answer);
    return status;
}

START_TEST(only_our_own_names_are_answered)
{
    static const char *const good[] = {"127.0.0.1:%u",      "localhost:%u",
                                       "LOCALHOST:%u",      "[::1]:%u",
                                       "leakd.example.org", "leakd.example.org:443"};
    static const char *const bad[] = {"evil.example:%u",
                                      "127.0.0.1",
                                      "127.0.0.1:1%u",
                                      "127.0.0.1:%u.evil.example",
                                      "localhost.evil:%u",
                                      "localhost.:%u",
                                      "evil.leakd.example.org",
                                      "leakd.example.org.evil",
                                      "leakd.example.org:x",
                                      "127.0.0.1@evil:%u",
                                      "",
                                      "10.0.0.1:%u",
                                      "[::]:%u",
                                      "0.0.0.0:%u"};
    static const char *const targets[] = {"/api/v1/processes", "/",       "/livez", "/metrics",
                                          "/api/v1/events",    "/nothing"};
    char host[128], line[160];

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        for (size_t t = 0; t < sizeof(targets) / sizeof(targets[0]); t++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
            snprintf(host, sizeof(host), bad[i], server.port);
#pragma GCC diagnostic pop
            snprintf(line, sizeof(line), "Host: %s\r\n", host);
            ck_assert_msg(status_with_host(line, targets[t]) == 421, "%s %s", host, targets[t]);
        }
    }
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(host, sizeof(host), good[i], server.port);
#pragma GCC diagnostic pop
        snprintf(line, sizeof(line), "Host: %s\r\n", host);
        ck_assert_msg(status_with_host(line, "/livez") == 200, "%s", host);
    }
}
END_TEST

START_TEST(two_hosts_or_none_are_refused)
{
    char lines[160];

    snprintf(lines, sizeof(lines), "Host: 127.0.0.1:%u\r\nHost: evil.example\r\n", server.port);
    ck_assert_int_eq(status_with_host(lines, "/livez"), 400);
    ck_assert_int_ge(status_with_host("", "/livez"), 400);
}
END_TEST

START_TEST(the_unix_socket_asks_for_no_name_and_is_private)
{
    struct stat st;
    struct answer answer;
    int fd = client_connect_unix(&server);

    client_send(fd, "GET /api/v1/processes HTTP/1.1\r\nHost: leakd\r\nConnection: close\r\n\r\n");
    answer = client_answer(fd);
    ck_assert_int_eq(answer.status, 200);
    answer_done(&answer);
    ck_assert_int_eq(stat(server.conf.http.socket, &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0600);
}
END_TEST

/* ---- starting -----------------------------------------------------------------------------------
 */

static int try_second(const char *listen_on, const char *socket_path, char *error)
{
    struct conf conf = server.conf;
    struct http *http = NULL;
    unsigned port = 0;
    uv_loop_t loop;
    int rc;

    uv_loop_init(&loop);
    snprintf(conf.http.listen, sizeof(conf.http.listen), "%s", listen_on);
    snprintf(conf.http.socket, sizeof(conf.http.socket), "%s", socket_path);
    rc = http_start(&loop, &conf, &server.source, &http, &port, error, 512);
    if (rc == 0)
        http_stop(http, NULL, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
    return rc;
}

START_TEST(a_port_in_use_is_explained)
{
    char address[64], error[512] = "";

    snprintf(address, sizeof(address), "127.0.0.1:%u", server.port);
    ck_assert_int_eq(try_second(address, "", error), -EADDRINUSE);
    ck_assert_ptr_nonnull(strstr(error, "is in use: find by whom"));
    ck_assert_int_eq(try_second("", server.conf.http.socket, error), -EADDRINUSE);
    ck_assert_ptr_nonnull(strstr(error, "another daemon answers on"));
    /* The living daemon kept its socket. */
    ck_assert_int_eq(access(server.conf.http.socket, F_OK), 0);
}
END_TEST

START_TEST(a_socket_file_left_behind_is_replaced)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    char error[512] = "";
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    snprintf(name.sun_path, sizeof(name.sun_path), "%s/old.sock", server.folder);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
    close(fd);
    ck_assert_msg(try_second("127.0.0.1:0", name.sun_path, error) == 0, "%s", error);
    ck_assert_int_ne(access(name.sun_path, F_OK), 0);
}
END_TEST

START_TEST(what_is_no_socket_is_left_alone)
{
    char path[96], error[512] = "";
    FILE *file;

    snprintf(path, sizeof(path), "%s/precious", server.folder);
    file = fopen(path, "w");
    fclose(file);
    ck_assert_int_eq(try_second("", path, error), -EEXIST);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(try_second("", "/nonexistent-folder/api.sock", error), -ENOENT);
    ck_assert_ptr_nonnull(strstr(error, "cannot make the socket"));
}
END_TEST

START_TEST(only_loopback_is_listened_on)
{
    static const char *const good[] = {"127.0.0.1:0", "[::1]:7373", "localhost:80", "127.8.9.1:1"};
    static const char *const outside[] = {"0.0.0.0:7373", "[::]:7373", "192.168.1.2:80",
                                          "[fe80::1]:7373", "[::ffff:10.0.0.1]:7373"};
    static const char *const bad[] = {
        "7373",         "127.0.0.1",    "::1:7373",       "127.0.0.1:65536",
        "127.0.0.1:-1", "127.0.0.1:7a", "example.org:80", ":80",
        "[::1:80",      "[]:80",        "127.0.0.1:",     ""};
    struct sockaddr_storage name;
    socklen_t len;
    char error[512];

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        ck_assert_msg(listen_parse(good[i], &name, &len, error, sizeof(error)) == 0, "%s", good[i]);
    for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++)
        ck_assert_msg(listen_parse(outside[i], &name, &len, error, sizeof(error)) == -EPERM, "%s",
                      outside[i]);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_msg(listen_parse(bad[i], &name, &len, error, sizeof(error)) == -EINVAL, "%s",
                      bad[i]);
}
END_TEST

/* ---- clients that are not nice ------------------------------------------------------------------
 */

static size_t count_in(const char *text, const char *what)
{
    size_t count = 0;

    for (text = strstr(text, what); text; text = strstr(text + 1, what))
        count++;
    return count;
}

START_TEST(pipelined_requests_are_all_answered)
{
    enum { REQUESTS = 200 };
    char one[160];
    char *all = calloc(REQUESTS + 1, sizeof(one));
    struct answer answer;
    int fd = client_connect(&server);

    snprintf(one, sizeof(one), "GET /livez HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n\r\n", server.port);
    for (int i = 0; i < REQUESTS - 1; i++)
        strcat(all, one);
    snprintf(one, sizeof(one),
             "GET /livez HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nConnection: close\r\n\r\n", server.port);
    strcat(all, one);
    client_send(fd, all);
    answer = client_answer(fd);
    ck_assert_uint_eq(count_in(answer.all, "HTTP/1.1 200 "), REQUESTS);
    answer_done(&answer);
    free(all);
}
END_TEST

START_TEST(a_request_may_come_byte_by_byte)
{
    char request[160];
    struct answer answer;
    int fd = client_connect(&server);

    snprintf(request, sizeof(request),
             "GET /livez HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nConnection: close\r\n\r\n", server.port);
    for (size_t i = 0; request[i]; i++) {
        ck_assert_int_eq(send(fd, request + i, 1, MSG_NOSIGNAL), 1);
        if (i % 16 == 0)
            usleep(1000);
    }
    answer = client_answer(fd);
    ck_assert_int_eq(answer.status, 200);
    answer_done(&answer);
}
END_TEST

START_TEST(a_body_is_read_and_forgotten)
{
    char *body = malloc(16001);
    char headers[] = "Content-Length: 16000\r\n";
    struct answer answer;
    char request[256];
    int fd = client_connect(&server);

    memset(body, 'x', 16000);
    body[16000] = '\0';
    snprintf(request, sizeof(request),
             "GET /livez HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nConnection: close\r\n%s\r\n",
             server.port, headers);
    client_send(fd, request);
    for (size_t i = 0; i < 16000; i += 100)
        ck_assert_int_eq(send(fd, body + i, 100, MSG_NOSIGNAL), 100);
    answer = client_answer(fd);
    ck_assert_int_eq(answer.status, 200);
    answer_done(&answer);
    free(body);
}
END_TEST

START_TEST(a_body_too_large_is_refused_before_it_comes)
{
    struct answer answer = ask(&server, "POST", "/api/v1/status", "Content-Length: 100000000\r\n");

    ck_assert_int_eq(answer.status, 413);
    answer_done(&answer);
    answer = ask(&server, "GET", "/livez", "Content-Length: 18446744073709551617\r\n");
    ck_assert_int_ne(answer.status, 200);
    answer_done(&answer);
}
END_TEST

START_TEST(a_chunked_body_too_large_is_refused_when_it_has_come)
{
    static char request[32768];
    struct answer answer;
    int fd = client_connect(&server);
    int len = snprintf(request, sizeof(request),
                       "POST /livez HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nConnection: close\r\n"
                       "Transfer-Encoding: chunked\r\n\r\n4e20\r\n",
                       server.port);

    memset(request + len, 'x', 20000);
    strcpy(request + len + 20000, "\r\n0\r\n\r\n");
    client_send(fd, request);
    answer = client_answer(fd);
    ck_assert_int_eq(answer.status, 413);
    answer_done(&answer);
}
END_TEST

START_TEST(a_chunked_body_without_end_is_cut_off)
{
    char chunk[1100];
    char request[160];
    int fd = client_connect(&server);
    size_t sent = 0;

    snprintf(request, sizeof(request),
             "POST /livez HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nTransfer-Encoding: chunked\r\n\r\n",
             server.port);
    client_send(fd, request);
    strcpy(chunk, "400\r\n");
    memset(chunk + 5, 'x', 1024);
    strcpy(chunk + 1029, "\r\n");
    while (sent < (64u << 20)) {
        ssize_t n = send(fd, chunk, 1031, MSG_NOSIGNAL);

        if (n <= 0)
            break;
        sent += (size_t)n;
    }
    ck_assert_uint_lt(sent, 64u << 20);
    close(fd);
    ck_assert_int_eq(get_status(&server, "/livez"), 200);
}
END_TEST

START_TEST(headers_without_end_are_refused)
{
    char line[1024];
    struct answer answer;
    int fd = client_connect(&server);

    snprintf(line, sizeof(line), "GET /livez HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n", server.port);
    client_send(fd, line);
    memset(line, 'x', sizeof(line));
    memcpy(line, "X-A: ", 5);
    strcpy(line + sizeof(line) - 3, "\r\n");
    for (int i = 0; i < 64; i++)
        client_send(fd, line);
    answer = client_answer(fd);
    ck_assert_int_ne(answer.status, 200);
    answer_done(&answer);
    ck_assert_int_eq(get_status(&server, "/livez"), 200);
}
END_TEST

static bool is_open(int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    char byte;

    return poll(&poll_fd, 1, 300) == 0 || recv(fd, &byte, 1, MSG_PEEK) > 0;
}

START_TEST(a_request_that_drips_is_cut_off_in_the_end)
{
    enum { DRIPPING = 50 };
    int fds[DRIPPING];

    for (int i = 0; i < DRIPPING; i++) {
        fds[i] = client_connect(&server);
        client_send(fds[i], "GET /livez HT");
    }
    /* Who is answered came last: the others are accepted before the first second passes. */
    ck_assert_int_eq(get_status(&server, "/livez"), 200);
    for (int second = 0; second < 29; second++) {
        server_tick(&server);
        client_send(fds[0], "T");
    }
    ck_assert(is_open(fds[0]));
    ck_assert_int_eq(get_status(&server, "/livez"), 200);
    server_tick(&server);
    server_tick(&server);
    for (int i = 0; i < DRIPPING; i++) {
        ck_assert_msg(!is_open(fds[i]), "%d", i);
        close(fds[i]);
    }
    ck_assert_int_eq(get_status(&server, "/livez"), 200);
}
END_TEST

START_TEST(a_large_answer_reaches_a_slow_reader_whole)
{
    char request[160];
    char byte[512];
    size_t got = 0;
    int size = 4096, fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons((uint16_t)server.port)};
    struct answer whole = get(&server, "/api/v1/openapi.json");
    ssize_t n;

    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&name, sizeof(name)), 0);
    snprintf(request, sizeof(request),
             "GET /api/v1/openapi.json HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nConnection: close\r\n\r\n",
             server.port);
    client_send(fd, request);
    while ((n = recv(fd, byte, sizeof(byte), 0)) > 0) {
        got += (size_t)n;
        usleep(200);
    }
    ck_assert_uint_gt(got, whole.body_len);
    close(fd);
    answer_done(&whole);
}
END_TEST

START_TEST(noise_does_no_harm)
{
    unsigned seed = 1;
    char noise[400];

    for (int round = 0; round < 200; round++) {
        int fd = client_connect(&server);

        for (size_t i = 0; i < sizeof(noise) - 1; i++)
            noise[i] = (char)(rand_r(&seed) % 255 + 1);
        if (round % 2)
            memcpy(noise, "GET /", 5);
        noise[sizeof(noise) - 1] = '\0';
        client_send(fd, noise);
        if (round % 3)
            client_send(fd, "\r\n\r\n");
        close(fd);
    }
    ck_assert_int_eq(get_status(&server, "/livez"), 200);
}
END_TEST

START_TEST(headers_list_what_a_client_takes)
{
    ck_assert(header_accepts("gzip", "gzip"));
    ck_assert(header_accepts("br , gzip ; q=0.1", "gzip"));
    ck_assert(!header_accepts("gzip;q=0", "gzip"));
    ck_assert(!header_accepts("gzip;q=0.000", "gzip"));
    ck_assert(header_accepts("*;q=0.1", "gzip"));
    ck_assert(!header_accepts("*;q=0", "gzip"));
    ck_assert(!header_accepts("", "gzip"));
    ck_assert(!header_accepts(",,;q=", "gzip"));
    ck_assert(!header_names("*/*", "application/openmetrics-text"));
    ck_assert(header_names("application/openmetrics-text;version=1.0.0;q=0.5,text/plain",
                           "application/openmetrics-text"));
}
END_TEST

SUITE_MAIN_FIXTURE("http_server", set_up, tear_down, a_page_of_the_dashboard_is_the_index,
                   gzip_is_sent_to_who_takes_it, a_file_that_the_client_has_is_304,
                   only_our_own_names_are_answered, two_hosts_or_none_are_refused,
                   the_unix_socket_asks_for_no_name_and_is_private, a_port_in_use_is_explained,
                   a_socket_file_left_behind_is_replaced, what_is_no_socket_is_left_alone,
                   only_loopback_is_listened_on, pipelined_requests_are_all_answered,
                   a_request_may_come_byte_by_byte, a_body_is_read_and_forgotten,
                   a_body_too_large_is_refused_before_it_comes,
                   a_chunked_body_too_large_is_refused_when_it_has_come,
                   a_chunked_body_without_end_is_cut_off, headers_without_end_are_refused,
                   a_request_that_drips_is_cut_off_in_the_end,
                   a_large_answer_reaches_a_slow_reader_whole, noise_does_no_harm,
                   headers_list_what_a_client_takes)
