/* SPDX-License-Identifier: MIT */
/* The server when the process has no descriptors left. */
#include "http_server.h"
#include "tests/unit/suite.h"

#include <sys/resource.h>
#include <time.h>

static struct server server;

static void set_up(void)
{
    server_prepare(&server);
    server_start(&server);
}

static void tear_down(void)
{
    server_stop(&server);
}

START_TEST(without_descriptors_the_server_waits_and_goes_on)
{
    struct rlimit before, low;
    int fds[64];
    int count = 0;

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    low = before;
    low.rlim_cur = 64;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
    while (count < 64) {
        struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons((uint16_t)server.port)};
        int fd = socket(AF_INET, SOCK_STREAM, 0);

        if (fd < 0)
            break;
        name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (connect(fd, (struct sockaddr *)&name, sizeof(name)) < 0)
            break;
        fds[count++] = fd;
    }
    ck_assert_int_gt(count, 10);
    while (count > 0)
        close(fds[--count]);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
    /* Until those that closed are reaped, a new one may be turned away. */
    for (int tries = 0; tries < 50 && get_status(&server, "/livez") != 200; tries++)
        usleep(100000);
    ck_assert_int_eq(get_status(&server, "/livez"), 200);
}
END_TEST

static double cpu_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

START_TEST(a_connection_that_cannot_be_accepted_does_not_spin_the_loop)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons((uint16_t)server.port)};
    struct rlimit before, low;
    int fd = socket(AF_INET, SOCK_STREAM, 0), next = dup(fd);
    struct answer answer;
    char request[160];
    double used_s;

    close(next);
    getrlimit(RLIMIT_NOFILE, &before);
    low = before;
    low.rlim_cur = (rlim_t)next;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&name, sizeof(name)), 0);
    used_s = cpu_s();
    usleep(500000);
    used_s = cpu_s() - used_s;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
    ck_assert_msg(used_s < 0.1, "%f s of CPU in half a second", used_s);
    /* It waited, and is served now. */
    snprintf(request, sizeof(request),
             "GET /livez HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nConnection: close\r\n\r\n", server.port);
    client_send(fd, request);
    answer = client_answer(fd);
    ck_assert_int_eq(answer.status, 200);
    answer_done(&answer);
}
END_TEST

SUITE_MAIN_FIXTURE("http_descriptors", set_up, tear_down,
                   without_descriptors_the_server_waits_and_goes_on,
                   a_connection_that_cannot_be_accepted_does_not_spin_the_loop)
