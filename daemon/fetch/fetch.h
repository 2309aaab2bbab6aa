/* SPDX-License-Identifier: MIT */
/*
 * HTTP requests to others, by libcurl: the only door to it. Asynchronous on the libuv loop for
 * webhooks, blocking for leakctl. http and https only, redirects are not followed, TLS is verified,
 * proxies of the environment are not used.
 */
#ifndef LEAKD_FETCH_FETCH_H
#define LEAKD_FETCH_FETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#define FETCH_NEXT_MAX 512

struct fetch_request {
    const char *method; /* "GET", "POST" */
    const char *url;
    const char *unix_socket; /* NULL, or the path of a socket to connect to instead of the host */
    const char *const *headers; /* "name: value", NULL-terminated; NULL for none */
    const void *body;           /* copied */
    size_t body_len;
    uint64_t timeout_ms; /* for the whole */
    size_t response_max; /* 0: FETCH_BODY_MAX */
    const char *ca_file;   /* who may vouch for the host; NULL: those of the system */
    /* What is really connected to is judged, whatever name led there; connections are not kept. */
    bool refuse_link_local; /* addresses where clouds keep their metadata */
    bool refuse_plain;      /* http to others than loopback and private addresses */
};

struct fetch_response {
    int error;         /* 0, or a negative errno: no whole answer came */
    char message[256]; /* what went wrong and what to do, "" else; names the host, no secrets */
    long status;       /* HTTP status, 0 without an answer */
    const char *body;  /* the first bytes, up to the limit; NUL behind; never NULL */
    size_t body_len;
    bool truncated;          /* there was more */
    uint64_t retry_after_ms; /* from Retry-After, 0 = none */
    char next[FETCH_NEXT_MAX]; /* target of the Link header whose rel is next, "" = none */
    uint64_t elapsed_ms;
};

#define FETCH_BODY_MAX (8u << 20)

typedef void (*fetch_on_done)(void *arg, const struct fetch_response *response);

struct fetcher;
int fetcher_new(uv_loop_t *loop, struct fetcher **out);
/* on_done comes exactly once, on the loop thread, never from within this call. -EINVAL: the url is
 * no http or https address. */
int fetcher_start(struct fetcher *fetcher, const struct fetch_request *request,
                  fetch_on_done on_done, void *arg);
/* Forgets the requests that were started with arg: their on_done does not come. */
void fetcher_cancel(struct fetcher *fetcher, const void *arg);
/* Ends all requests with -ECANCELED before it returns, on_closed comes later. */
void fetcher_close(struct fetcher *fetcher, void (*on_closed)(void *arg), void *arg);

/* Blocking, without a loop. Returns out->error. out is to be given to fetch_response_done. */
int fetch_now(const struct fetch_request *request, struct fetch_response *out);
void fetch_response_done(struct fetch_response *response);

/* True for 169.254/16, fe80::/10, their IPv4-mapped, 6to4 and NAT64 forms and for what else clouds
 * use for metadata: fd00:ec2::254, 100.100.100.200, 192.0.0.192. */
struct sockaddr;
bool fetch_is_link_local(const struct sockaddr *address);
/* True for loopback, private (RFC 1918, 6598, 4193) and link-local addresses and Unix sockets. */
bool fetch_is_near(const struct sockaddr *address);

#endif
