/* SPDX-License-Identifier: MIT */
/* The request target, every reader of parameters, the Host check and the lists in headers. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/http/listen.h"
#include "daemon/http/param.h"
#include "daemon/http/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was accepted keeps its promises. */
static void check_target(const struct target *target)
{
    const char *end = target->text + sizeof(target->text);

    if (target->path[0] != '/' || target->path + strlen(target->path) >= end)
        abort();
    for (size_t i = 0; i < target->param_count; i++) {
        const char *name = target->params[i].name, *value = target->params[i].value;

        if (name < target->text || value < name || value + strlen(value) >= end)
            abort();
        if (strpbrk(name, "\r\n") || strpbrk(value, "\r\n"))
            abort();
    }
}

static void read_params(const struct target *target)
{
    struct http_request request = {.method = "GET", .target = target, .if_none_match = ""};
    struct http_reply reply;
    struct cursor cursor;
    uint64_t value = 0;
    unsigned index = 0;

    reply_init(&reply);
    param_only(&request, &reply, "limit cursor from to step sort");
    if (param_u64(&request, &reply, "limit", 1, 1000, 5, &value) && (value < 1 || value > 1000))
        abort();
    if (param_choice(&request, &reply, "sort", "growth live rate", 0, &index) && index > 2)
        abort();
    if (param_time_ms(&request, &reply, "from", 0, &value) && value > UINT64_C(253500000000000))
        abort();
    param_time_ms(&request, &reply, "to", 0, &value);
    param_span_ms(&request, &reply, "step", 1, &value);
    if (param_cursor(&request, &reply, &cursor) && cursor.is_set)
        reply_set_next(&reply, "/x", 1, cursor.time_ms, cursor.id);
    reply_done(&reply);
}

static void read_headers(const char *text)
{
    struct http_request request = {.if_none_match = text};
    struct sockaddr_storage name;
    struct http_reply reply;
    char error[256];
    socklen_t len;

    header_accepts(text, "gzip");
    header_names(text, "application/openmetrics-text");
    listen_host_is_ours(text, 7373, "https://leakd.example.org/");
    listen_host_is_ours("leakd.example.org", 7373, text);
    listen_parse(text, &name, &len, error, sizeof(error));
    reply_init(&reply);
    reply_set_weak_etag(&reply, "x", 1);
    reply_check_match(&reply, &request);
    reply_done(&reply);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct target target;
    const char *why = NULL;
    char *text = malloc(size + 1);

    if (!text)
        return 0;
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    if (target_parse(text, size, &target, &why) == 0) {
        check_target(&target);
        read_params(&target);
    } else if (!why) {
        abort();
    }
    read_headers(text);
    free(text);
    return 0;
}
