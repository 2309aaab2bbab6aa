/* SPDX-License-Identifier: MIT */
/*
 * libcurl's multi_socket on libuv. curl tells which sockets and which timeout it waits for; the
 * callbacks below only write that down in uv handles and never call curl again from within it.
 */
#include "daemon/fetch/fetch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <curl/curl.h>

#include "daemon/base/buf.h"

#define CONNECT_TIMEOUT_MS   10000
#define IDLE_CONNECTIONS_MAX 16

/* One request, owned by its fetcher's list (or by fetch_now). */
struct transfer {
    CURL *easy;
    struct curl_slist *headers;
    struct buf body;
    size_t body_max;
    bool truncated;
    bool refuse_link_local;
    bool refuse_far; /* for it is http */
    bool was_link_local;
    bool was_far;
    uint64_t timeout_ms;
    char place[112]; /* host and port, or the socket's path: for people */
    fetch_on_done on_done;
    void *arg;
    struct transfer *next;
};

struct fetcher {
    uv_loop_t *loop;
    CURLM *multi;
    uv_timer_t timer;
    struct transfer *transfers;
    unsigned handles_open; /* uv handles whose close callback is still to come */
    bool closing;
    void (*on_closed)(void *arg);
    void *closed_arg;
};

/* A socket of curl's, watched; freed by its close callback. */
struct watched {
    uv_poll_t poll;
    struct fetcher *fetcher;
    curl_socket_t fd;
};

static int init_curl(void)
{
    static bool done;

    if (!done && curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return -ENOMEM;
    done = true;
    return 0;
}

/* ---- one transfer -------------------------------------------------------------------------- */

static size_t on_body(char *data, size_t size, size_t count, void *arg)
{
    struct transfer *transfer = arg;
    size_t len = size * count;
    size_t room = transfer->body_max - transfer->body.len;

    transfer->truncated = len > room;
    buf_put(&transfer->body, data, transfer->truncated ? room : len);
    return transfer->truncated || transfer->body.failed ? 0 : len;
}

/* Sees the address that is really connected to, after all names were resolved. */
static curl_socket_t on_open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct transfer *transfer = arg;

    (void)purpose;
    if (transfer->refuse_link_local && fetch_is_link_local(&address->addr)) {
        transfer->was_link_local = true;
        return CURL_SOCKET_BAD;
    }
    if (transfer->refuse_far && !fetch_is_near(&address->addr)) {
        transfer->was_far = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static bool is_http(const char *url)
{
    return !strncasecmp(url, "http://", 7) || !strncasecmp(url, "https://", 8);
}

/* The address without user, path and query: those may be secret. -EINVAL: it is none. */
static int name_place(struct transfer *transfer, const struct fetch_request *request)
{
    CURLU *url = curl_url();
    char *host = NULL, *port = NULL;
    int rc = -EINVAL;

    if (!url)
        return -ENOMEM;
    if (is_http(request->url) && curl_url_set(url, CURLUPART_URL, request->url, 0) == CURLUE_OK &&
        curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
        curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK) {
        snprintf(transfer->place, sizeof(transfer->place), "%.100s:%s", host, port);
        rc = 0;
    }
    if (rc == 0 && request->unix_socket)
        snprintf(transfer->place, sizeof(transfer->place), "%s", request->unix_socket);
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(url);
    return rc;
}

static int add_headers(struct transfer *transfer, const char *const *headers)
{
    /* Nobody waits for "100 Continue". */
    transfer->headers = curl_slist_append(NULL, "Expect:");
    if (!transfer->headers)
        return -ENOMEM;
    for (size_t i = 0; headers && headers[i]; i++) {
        if (!curl_slist_append(transfer->headers, headers[i]))
            return -ENOMEM;
    }
    curl_easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, transfer->headers);
    return 0;
}

static void set_method(CURL *easy, const struct fetch_request *request)
{
    if (request->body_len > 0 || !strcmp(request->method, "POST")) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_len);
        curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, request->body ? request->body : "");
    }
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
}

static void set_safety(CURL *easy)
{
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    /* A name server that does not answer must not hold up the loop when the time is over. */
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
}

static void set_request(struct transfer *transfer, const struct fetch_request *request)
{
    CURL *easy = transfer->easy;
    uint64_t connect_ms =
        request->timeout_ms < CONNECT_TIMEOUT_MS ? request->timeout_ms : CONNECT_TIMEOUT_MS;

    set_safety(easy);
    set_method(easy, request);
    curl_easy_setopt(easy, CURLOPT_URL, request->url);
    if (request->unix_socket)
        curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, request->unix_socket);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
    if (request->ca_file) {
        curl_easy_setopt(easy, CURLOPT_CAINFO, request->ca_file);
        curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    }
    if (request->refuse_link_local || request->refuse_plain) {
        /* A connection kept by somebody who may more was never judged for this one. */
        curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
        curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
    }
}

static void transfer_free(struct transfer *transfer)
{
    if (!transfer)
        return;
    curl_easy_cleanup(transfer->easy);
    curl_slist_free_all(transfer->headers);
    buf_done(&transfer->body);
    free(transfer);
}

static int transfer_new(const struct fetch_request *request, struct transfer **out)
{
    struct transfer *transfer;
    int rc = init_curl();

    if (rc < 0)
        return rc;
    transfer = calloc(1, sizeof(*transfer));
    if (!transfer)
        return -ENOMEM;
    transfer->body_max = request->response_max ? request->response_max : FETCH_BODY_MAX;
    transfer->refuse_link_local = request->refuse_link_local;
    transfer->refuse_far = request->refuse_plain && !strncasecmp(request->url, "http://", 7);
    transfer->timeout_ms = request->timeout_ms;
    buf_init(&transfer->body, transfer->body_max);
    rc = name_place(transfer, request);
    if (rc < 0)
        goto free_transfer;
    rc = -ENOMEM;
    transfer->easy = curl_easy_init();
    if (!transfer->easy)
        goto free_transfer;
    set_request(transfer, request);
    rc = add_headers(transfer, request->headers);
    if (rc < 0)
        goto free_transfer;
    *out = transfer;
    return 0;

free_transfer:
    transfer_free(transfer);
    return rc;
}

/* ---- what came of it ----------------------------------------------------------------------- */

/* curl's code as ours, with a sentence whose one %s is the place. */
static const struct {
    CURLcode code;
    int error;
    const char *sentence;
} failures[] = {
    {CURLE_COULDNT_RESOLVE_HOST, -ENXIO,
     "the host of %s is not known to the name service; check the address"},
    {CURLE_COULDNT_CONNECT, -ECONNREFUSED, "cannot connect to %s; check that it runs and listens"},
    {CURLE_OPERATION_TIMEDOUT, -ETIMEDOUT, "%s did not answer in time; check that it is not stuck"},
    {CURLE_PEER_FAILED_VERIFICATION, -EKEYREJECTED,
     "the certificate of %s is not trusted (unknown authority, expired or for another name)"},
    {CURLE_SSL_CACERT_BADFILE, -EKEYREJECTED,
     "the ca_file for %s cannot be read or holds no certificate in PEM form"},
    {CURLE_SSL_CONNECT_ERROR, -EPROTO, "no TLS with %s; check that it speaks https on this port"},
    {CURLE_GOT_NOTHING, -ECONNRESET, "%s closed the connection without an answer"},
    {CURLE_RECV_ERROR, -ECONNRESET, "%s broke the connection before it answered"},
    {CURLE_SEND_ERROR, -ECONNRESET, "%s broke the connection before it answered"},
    {CURLE_PARTIAL_FILE, -ECONNRESET, "%s broke the connection in the middle of its answer"},
    {CURLE_UNSUPPORTED_PROTOCOL, -EPROTO, "%s does not speak HTTP; check the port"},
    {CURLE_WEIRD_SERVER_REPLY, -EPROTO, "%s does not speak HTTP; check the port"},
    {CURLE_OUT_OF_MEMORY, -ENOMEM, "out of memory in a request to %s"},
};

/* Puts the place where the sentence has its %s. */
static void put_sentence(char *out, size_t size, const char *sentence, const char *place)
{
    const char *gap = strstr(sentence, "%s");

    snprintf(out, size, "%.*s%s%s", (int)(gap - sentence), sentence, place, gap + 2);
}

static void describe_failure(const struct transfer *transfer, CURLcode code,
                             struct fetch_response *out)
{
    long os_error = 0;

    out->error = -EIO;
    snprintf(out->message, sizeof(out->message), "%s: %s", transfer->place,
             curl_easy_strerror(code));
    for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
        if (failures[i].code != code)
            continue;
        out->error = failures[i].error;
        put_sentence(out->message, sizeof(out->message), failures[i].sentence, transfer->place);
    }
    curl_easy_getinfo(transfer->easy, CURLINFO_OS_ERRNO, &os_error);
    if (transfer->was_link_local && code == CURLE_COULDNT_CONNECT) {
        out->error = -EPERM;
        snprintf(out->message, sizeof(out->message),
                 "%s is a link-local address, where clouds keep secrets; "
                 "allow_link_local = yes would permit it",
                 transfer->place);
    } else if (transfer->was_far && code == CURLE_COULDNT_CONNECT) {
        out->error = -EPERM;
        snprintf(out->message, sizeof(out->message),
                 "%s is an address of the internet, where http can be read by everybody on the "
                 "way; use https, or allow_http = yes",
                 transfer->place);
    } else if (code == CURLE_COULDNT_CONNECT && os_error > 0) {
        out->error = (int)-os_error;
        snprintf(out->message, sizeof(out->message),
                 "cannot connect to %s: %s; check that %s", transfer->place,
                 strerror((int)os_error),
                 os_error == EACCES ? "you may (the socket's mode and group say who)"
                                    : "it runs and listens");
    } else if (code == CURLE_OPERATION_TIMEDOUT) {
        snprintf(out->message, sizeof(out->message), "%s did not answer within %.1f s",
                 transfer->place, (double)transfer->timeout_ms / 1000);
    }
}

/* A list's next page: "<target>; rel="next"", the only kind of Link that leakd gives. */
static void read_next(CURL *easy, char out[FETCH_NEXT_MAX])
{
    struct curl_header *link;
    const char *end;

    if (curl_easy_header(easy, "Link", 0, CURLH_HEADER, -1, &link) != CURLHE_OK ||
        link->value[0] != '<' || !strstr(link->value, "rel=\"next\""))
        return;
    end = strchr(link->value, '>');
    if (end && end - link->value - 1 < FETCH_NEXT_MAX)
        snprintf(out, FETCH_NEXT_MAX, "%.*s", (int)(end - link->value - 1), link->value + 1);
}

/* body stays the transfer's. */
static void read_response(struct transfer *transfer, CURLcode code, struct fetch_response *out)
{
    curl_off_t elapsed_us = 0, retry_after_s = 0;

    *out = (struct fetch_response){.body = transfer->body.data ? transfer->body.data : "",
                                   .body_len = transfer->body.len,
                                   .truncated = transfer->truncated};
    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &out->status);
    curl_easy_getinfo(transfer->easy, CURLINFO_TOTAL_TIME_T, &elapsed_us);
    curl_easy_getinfo(transfer->easy, CURLINFO_RETRY_AFTER, &retry_after_s);
    read_next(transfer->easy, out->next);
    out->elapsed_ms = (uint64_t)elapsed_us / 1000;
    /* An hour-long or a broken wish is bounded by who waits; here only overflow is. */
    if (retry_after_s > 0 && retry_after_s < INT32_MAX)
        out->retry_after_ms = (uint64_t)retry_after_s * 1000;
    if (code != CURLE_OK && !(code == CURLE_WRITE_ERROR && transfer->truncated))
        describe_failure(transfer, code, out);
}

int fetch_now(const struct fetch_request *request, struct fetch_response *out)
{
    struct transfer *transfer;
    int rc = transfer_new(request, &transfer);

    if (rc < 0) {
        *out = (struct fetch_response){.error = rc, .body = ""};
        snprintf(out->message, sizeof(out->message), "%s",
                 rc == -EINVAL ? "this is no http or https address" : strerror(-rc));
        return rc;
    }
    read_response(transfer, curl_easy_perform(transfer->easy), out);
    if (transfer->body.len > 0)
        out->body = buf_take(&transfer->body, NULL);
    transfer_free(transfer);
    return out->error;
}

void fetch_response_done(struct fetch_response *response)
{
    /* An empty body is a literal. */
    if (response->body_len > 0)
        free((void *)(uintptr_t)response->body);
    *response = (struct fetch_response){.body = ""};
}

/* ---- the loop ------------------------------------------------------------------------------ */

static void free_when_closed(struct fetcher *fetcher)
{
    if (!fetcher->closing || fetcher->handles_open > 0)
        return;
    if (fetcher->on_closed)
        fetcher->on_closed(fetcher->closed_arg);
    free(fetcher);
}

static void unlink_transfer(struct fetcher *fetcher, struct transfer *transfer)
{
    struct transfer **at = &fetcher->transfers;

    while (*at != transfer)
        at = &(*at)->next;
    *at = transfer->next;
    curl_multi_remove_handle(fetcher->multi, transfer->easy);
}

static void end_transfer(struct fetcher *fetcher, struct transfer *transfer, CURLcode code)
{
    struct fetch_response response;

    unlink_transfer(fetcher, transfer);
    read_response(transfer, code, &response);
    transfer->on_done(transfer->arg, &response);
    transfer_free(transfer);
}

/* on_done may start new requests, cancel others and close the fetcher. */
static void end_finished(struct fetcher *fetcher)
{
    struct transfer *transfer;
    CURLMsg *message;
    int left;

    while (!fetcher->closing && (message = curl_multi_info_read(fetcher->multi, &left))) {
        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
        end_transfer(fetcher, transfer, message->data.result);
    }
}

static void on_timer(uv_timer_t *timer)
{
    struct fetcher *fetcher = timer->data;
    int running;

    curl_multi_socket_action(fetcher->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    end_finished(fetcher);
}

/* Never acts at once, not even on 0: curl calls this from within its own functions. */
static int on_curl_timer(CURLM *multi, long timeout_ms, void *arg)
{
    struct fetcher *fetcher = arg;

    (void)multi;
    if (fetcher->closing)
        return 0;
    if (timeout_ms < 0)
        return uv_timer_stop(&fetcher->timer);
    return uv_timer_start(&fetcher->timer, on_timer, timeout_ms > 0 ? (uint64_t)timeout_ms : 1, 0);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct watched *watched = poll->data;
    struct fetcher *fetcher = watched->fetcher;
    int flags = status < 0 ? CURL_CSELECT_ERR : 0;
    int running;

    flags |= events & UV_READABLE ? CURL_CSELECT_IN : 0;
    flags |= events & UV_WRITABLE ? CURL_CSELECT_OUT : 0;
    curl_multi_socket_action(fetcher->multi, watched->fd, flags, &running);
    /* watched may be closing by now, its memory lives until the close callback. */
    end_finished(fetcher);
}

static void on_watched_closed(uv_handle_t *handle)
{
    struct watched *watched = handle->data;
    struct fetcher *fetcher = watched->fetcher;

    free(watched);
    fetcher->handles_open--;
    free_when_closed(fetcher);
}

static struct watched *watch(struct fetcher *fetcher, curl_socket_t fd)
{
    struct watched *watched = calloc(1, sizeof(*watched));

    if (!watched)
        return NULL;
    watched->fetcher = fetcher;
    watched->fd = fd;
    if (uv_poll_init_socket(fetcher->loop, &watched->poll, fd) < 0) {
        free(watched);
        return NULL;
    }
    watched->poll.data = watched;
    fetcher->handles_open++;
    curl_multi_assign(fetcher->multi, fd, watched);
    return watched;
}

/* curl is about to close the socket: it must leave the loop's epoll first, which uv_close does. */
static void unwatch(struct fetcher *fetcher, struct watched *watched, curl_socket_t fd)
{
    if (!watched)
        return;
    uv_poll_stop(&watched->poll);
    uv_close((uv_handle_t *)&watched->poll, on_watched_closed);
    curl_multi_assign(fetcher->multi, fd, NULL);
}

static int on_curl_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *assigned)
{
    struct fetcher *fetcher = arg;
    struct watched *watched = assigned;
    int events = 0;

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        unwatch(fetcher, watched, fd);
        return 0;
    }
    if (!watched)
        watched = watch(fetcher, fd);
    /* An error from here would abort all transfers, and curl 7.88 does not survive that. A socket
     * that nobody watches ends its request when the time is over. */
    if (!watched)
        return 0;
    events |= what & CURL_POLL_IN ? UV_READABLE : 0;
    events |= what & CURL_POLL_OUT ? UV_WRITABLE : 0;
    uv_poll_start(&watched->poll, events, on_poll);
    return 0;
}

int fetcher_new(uv_loop_t *loop, struct fetcher **out)
{
    struct fetcher *fetcher;
    int rc = init_curl();

    if (rc < 0)
        return rc;
    fetcher = calloc(1, sizeof(*fetcher));
    if (!fetcher)
        return -ENOMEM;
    fetcher->multi = curl_multi_init();
    if (!fetcher->multi) {
        free(fetcher);
        return -ENOMEM;
    }
    fetcher->loop = loop;
    uv_timer_init(loop, &fetcher->timer); /* cannot fail */
    fetcher->timer.data = fetcher;
    fetcher->handles_open = 1;
    curl_multi_setopt(fetcher->multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket);
    curl_multi_setopt(fetcher->multi, CURLMOPT_SOCKETDATA, fetcher);
    curl_multi_setopt(fetcher->multi, CURLMOPT_TIMERFUNCTION, on_curl_timer);
    curl_multi_setopt(fetcher->multi, CURLMOPT_TIMERDATA, fetcher);
    curl_multi_setopt(fetcher->multi, CURLMOPT_MAXCONNECTS, (long)IDLE_CONNECTIONS_MAX);
    *out = fetcher;
    return 0;
}

int fetcher_start(struct fetcher *fetcher, const struct fetch_request *request,
                  fetch_on_done on_done, void *arg)
{
    struct transfer *transfer;
    int rc = fetcher->closing ? -ECANCELED : transfer_new(request, &transfer);

    if (rc < 0)
        return rc;
    transfer->on_done = on_done;
    transfer->arg = arg;
    if (curl_multi_add_handle(fetcher->multi, transfer->easy) != CURLM_OK) {
        transfer_free(transfer);
        return -ENOMEM;
    }
    transfer->next = fetcher->transfers;
    fetcher->transfers = transfer;
    return 0;
}

void fetcher_cancel(struct fetcher *fetcher, const void *arg)
{
    struct transfer *next;

    for (struct transfer *transfer = fetcher->transfers; transfer; transfer = next) {
        next = transfer->next;
        if (transfer->arg != arg)
            continue;
        unlink_transfer(fetcher, transfer);
        transfer_free(transfer);
    }
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct fetcher *fetcher = handle->data;

    fetcher->handles_open--;
    free_when_closed(fetcher);
}

void fetcher_close(struct fetcher *fetcher, void (*on_closed)(void *arg), void *arg)
{
    struct fetch_response canceled = {.error = -ECANCELED, .body = "", .message = "leakd stops"};

    fetcher->closing = true;
    fetcher->on_closed = on_closed;
    fetcher->closed_arg = arg;
    while (fetcher->transfers) {
        struct transfer *transfer = fetcher->transfers;

        unlink_transfer(fetcher, transfer);
        transfer->on_done(transfer->arg, &canceled);
        transfer_free(transfer);
    }
    curl_multi_cleanup(fetcher->multi);
    uv_close((uv_handle_t *)&fetcher->timer, on_timer_closed);
}
