/* SPDX-License-Identifier: MIT */
#include "daemon/http/reply.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "daemon/base/json.h"

static const struct {
    unsigned status;
    const char *type; /* stable: clients may compare it */
    const char *title;
} problems[] = {
    {400, "bad-request", "Bad Request"},
    {403, "forbidden", "Forbidden"},
    {404, "not-found", "Not Found"},
    {405, "method-not-allowed", "Method Not Allowed"},
    {409, "conflict", "Conflict"},
    {413, "content-too-large", "Content Too Large"},
    {414, "uri-too-long", "URI Too Long"},
    {415, "unsupported-media-type", "Unsupported Media Type"},
    {421, "misdirected-request", "Misdirected Request"},
    {500, "internal", "Internal Server Error"},
    {503, "unavailable", "Service Unavailable"},
};

void reply_init(struct http_reply *reply)
{
    *reply = (struct http_reply){.status = 200, .content_type = "application/json"};
    buf_init(&reply->body, REPLY_BYTES_MAX);
}

void reply_done(struct http_reply *reply)
{
    buf_done(&reply->body);
}

static void begin_problem(struct http_reply *reply, struct json *json, unsigned status,
                          const char *detail)
{
    const char *type = "internal", *title = "Internal Server Error";
    char uri[64];

    for (size_t i = 0; i < sizeof(problems) / sizeof(problems[0]); i++) {
        if (problems[i].status == status) {
            type = problems[i].type;
            title = problems[i].title;
        }
    }
    buf_done(&reply->body);
    *reply = (struct http_reply){.status = status,
                                 .content_type = "application/problem+json",
                                 .body = reply->body,
                                 .allow = reply->allow};
    snprintf(uri, sizeof(uri), "urn:leakd:problem:%s", type);
    json_init(json, &reply->body);
    json_object(json, NULL);
    json_str(json, "type", uri);
    json_str(json, "title", title);
    json_u64(json, "status", status);
    json_str(json, "detail", detail);
}

void reply_problem(struct http_reply *reply, unsigned status, const char *format, ...)
{
    struct json json;
    char detail[512];
    va_list args;

    va_start(args, format);
    vsnprintf(detail, sizeof(detail), format, args);
    va_end(args);
    begin_problem(reply, &json, status, detail);
    json_object_end(&json);
}

void reply_bad_param(struct http_reply *reply, const char *name, const char *format, ...)
{
    struct json json;
    char what[384], detail[512];
    va_list args;

    va_start(args, format);
    vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    snprintf(detail, sizeof(detail), "parameter %.64s: %s", name, what);
    begin_problem(reply, &json, 400, detail);
    json_array(&json, "errors");
    json_object(&json, NULL);
    json_str(&json, "parameter", name);
    json_str(&json, "detail", what);
    json_object_end(&json);
    json_array_end(&json);
    json_object_end(&json);
}

/* FNV-1a: an ETag has to change by accident-free chance, not against an enemy. */
void reply_set_weak_etag(struct http_reply *reply, const void *data, size_t len)
{
    const unsigned char *bytes = data;
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < len; i++)
        hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    snprintf(reply->etag, sizeof(reply->etag), "W/\"%016" PRIx64 "\"", hash);
}

static const char *skip_blank(const char *s)
{
    while (*s == ' ' || *s == '\t' || *s == ',')
        s++;
    return s;
}

/* Weak comparison: W/ is of no matter. */
static bool etag_listed(const char *list, const char *etag)
{
    size_t len;

    if (strncmp(etag, "W/", 2) == 0)
        etag += 2;
    len = strlen(etag);
    for (list = skip_blank(list); *list; list = skip_blank(list)) {
        const char *end = strchr(list, ',');

        if (*list == '*')
            return true;
        if (strncmp(list, "W/", 2) == 0)
            list += 2;
        if (strncmp(list, etag, len) == 0 && (!list[len] || strchr(", \t", list[len])))
            return true;
        if (!end)
            break;
        list = end;
    }
    return false;
}

void reply_check_match(struct http_reply *reply, const struct http_request *request)
{
    if (reply->status != 200 || !reply->etag[0] ||
        !etag_listed(request->if_none_match, reply->etag))
        return;
    reply->status = 304;
    reply->fixed = NULL;
    reply->fixed_len = 0;
    reply->is_gzip = false;
    buf_done(&reply->body);
}

/* The weight behind ";q=" in an item, 1 when it says nothing. */
static double item_weight(const char *item, size_t len)
{
    for (size_t i = 0; i + 2 < len; i++) {
        if (item[i] == ';') {
            i++;
            while (i + 2 < len && item[i] == ' ')
                i++;
            if ((item[i] == 'q' || item[i] == 'Q') && item[i + 1] == '=')
                return strtod(item + i + 2, NULL);
        }
    }
    return 1;
}

/* -1: not named; else its weight, which is 0 for "not this". */
static double find_weight(const char *header, const char *token)
{
    size_t token_len = strlen(token);

    for (header = skip_blank(header); *header; header = skip_blank(header)) {
        size_t len = strcspn(header, ",");
        size_t name_len = strcspn(header, ",; \t");

        if (name_len == token_len && strncasecmp(header, token, name_len) == 0)
            return item_weight(header, len);
        header += len;
    }
    return -1;
}

bool header_names(const char *header, const char *token)
{
    return find_weight(header, token) > 0;
}

bool header_accepts(const char *header, const char *token)
{
    double weight = find_weight(header, token);

    return (weight < 0 ? find_weight(header, "*") : weight) > 0;
}
