/* SPDX-License-Identifier: MIT */
/*
 * HTTP requests to others, by libcurl: the only door to it. Asynchronous on the libuv loop for
 * webhooks, blocking for leakctl. http and https only, redirects are not followed, TLS is verified.
 */
#ifndef LEAKD_FETCH_FETCH_H
#define LEAKD_FETCH_FETCH_H

#include <stddef.h>
#include <stdint.h>

#include <uv.h>

struct fetch_request {
    const char *method;      /* "GET", "POST" */
    const char *url;
    const char *unix_socket; /* NULL, or the path of a socket to connect to instead of the host */
    const char *const *headers; /* "name: value", NULL-terminated; NULL for none */
    const void *body;           /* copied */
    size_t body_len;
    uint64_t timeout_ms; /* for the whole */
};

struct fetch_response {
    int error;            /* 0, or a negative errno: no whole answer came */
    char message[160];    /* what went wrong, "" else */
    long status;          /* HTTP status, 0 without an answer */
    const char *body;     /* the first FETCH_BODY_MAX bytes; NUL behind */
    size_t body_len;
    uint64_t retry_after_ms; /* from Retry-After, 0 = none */
    uint64_t elapsed_ms;
};

#define FETCH_BODY_MAX (8u << 20)

typedef void (*fetch_on_done)(void *arg, const struct fetch_response *response);

struct fetcher;
int fetcher_new(uv_loop_t *loop, struct fetcher **out);
/* on_done comes exactly once, on the loop thread, never from within this call. */
int fetcher_start(struct fetcher *fetcher, const struct fetch_request *request,
                  fetch_on_done on_done, void *arg);
/* Ends all requests with -ECANCELED, then on_closed. */
void fetcher_close(struct fetcher *fetcher, void (*on_closed)(void *arg), void *arg);

/* Blocking, without a loop. response->body is freed by fetch_response_done. */
int fetch_now(const struct fetch_request *request, struct fetch_response *out);
void fetch_response_done(struct fetch_response *response);

#endif
