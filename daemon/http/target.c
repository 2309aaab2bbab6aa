/* SPDX-License-Identifier: MIT */
#include "daemon/http/target.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* The byte behind "%XY" at s, or -1. s ends in NUL, which is no digit. */
static int escaped_byte(const char *s)
{
    int high = hex_digit(s[1]);
    int low = high < 0 ? -1 : hex_digit(s[2]);

    return low < 0 ? -1 : high << 4 | low;
}

static bool is_control(int c)
{
    return c < 0x20 || c == 0x7f;
}

/* Decodes s in place, up to its NUL. */
static int decode_path(char *s)
{
    char *out = s;

    while (*s) {
        int c = *s == '%' ? escaped_byte(s) : (unsigned char)*s;

        if (is_control(c))
            return -EINVAL;
        if (*s == '%' && c != '/') {
            *out++ = (char)c;
            s += 3;
        } else {
            *out++ = *s++;
        }
    }
    *out = '\0';
    return 0;
}

static int decode_query(char *s)
{
    char *out = s;

    while (*s) {
        int c = *s == '%' ? escaped_byte(s) : *s == '+' ? ' ' : (unsigned char)*s;

        if (is_control(c))
            return -EINVAL;
        s += *s == '%' ? 3 : 1;
        *out++ = (char)c;
    }
    *out = '\0';
    return 0;
}

static int add_param(struct target *target, char *pair, const char **why)
{
    char *equals = strchr(pair, '=');
    struct target_param *param = &target->params[target->param_count];

    if (target->param_count == TARGET_PARAMS_MAX) {
        *why = "the query has too many parameters";
        return -E2BIG;
    }
    if (equals)
        *equals = '\0';
    param->name = pair;
    param->value = equals ? equals + 1 : pair + strlen(pair);
    if (decode_query(pair) < 0 || (equals && decode_query(equals + 1) < 0)) {
        *why = "the query has a percent sign without two hex digits, or a control character";
        return -EINVAL;
    }
    if (target_param(target, param->name)) {
        *why = "the query gives the same parameter twice";
        return -EINVAL;
    }
    target->param_count++;
    return 0;
}

static int parse_query(struct target *target, char *query, const char **why)
{
    while (query) {
        char *next = strchr(query, '&');
        int rc;

        if (next)
            *next++ = '\0';
        rc = *query ? add_param(target, query, why) : 0;
        if (rc < 0)
            return rc;
        query = next;
    }
    return 0;
}

int target_parse(const char *raw, size_t len, struct target *out, const char **why)
{
    char *query;

    if (len > TARGET_BYTES_MAX) {
        *why = "the target is longer than 4096 bytes";
        return -E2BIG;
    }
    if (len == 0 || raw[0] != '/' || memchr(raw, '\0', len)) {
        *why = "the target does not begin with a slash";
        return -EINVAL;
    }
    memcpy(out->text, raw, len);
    out->text[len] = '\0';
    out->path = out->text;
    out->param_count = 0;
    query = strchr(out->text, '?');
    if (query)
        *query++ = '\0';
    if (decode_path(out->text) < 0) {
        *why = "the path has a percent sign without two hex digits, or a control character";
        return -EINVAL;
    }
    return parse_query(out, query, why);
}

const char *target_param(const struct target *target, const char *name)
{
    for (size_t i = 0; i < target->param_count; i++) {
        if (strcmp(target->params[i].name, name) == 0)
            return target->params[i].value;
    }
    return NULL;
}
