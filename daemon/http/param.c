/* SPDX-License-Identifier: MIT */
#include "daemon/http/param.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* 9999-12-31: a later time is a mistake, and sums of two such times do not wrap. */
#define TIME_MS_MAX UINT64_C(253402300799999)
#define SPAN_MS_MAX UINT64_C(31622400000)

/* Index of name in a list separated by blanks, -1 when it is not there. */
static int list_find(const char *list, const char *name)
{
    size_t name_len = strlen(name);

    for (int i = 0; *list; i++) {
        size_t len = strcspn(list, " ");

        if (len == name_len && strncmp(list, name, len) == 0)
            return i;
        list += len;
        list += *list == ' ';
    }
    return -1;
}

bool param_only(const struct http_request *request, struct http_reply *reply, const char *known)
{
    for (size_t i = 0; i < request->target->param_count; i++) {
        const char *name = request->target->params[i].name;

        if (list_find(known, name) < 0) {
            reply_bad_param(reply, name, "not known here; known are: %s", *known ? known : "none");
            return false;
        }
    }
    return true;
}

/* Decimal digits only: no sign, no blank, no other base. */
static bool read_u64(const char *text, char **end, uint64_t *out)
{
    unsigned long long value;

    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    value = strtoull(text, end, 10);
    if (errno)
        return false;
    *out = value;
    return true;
}

bool param_u64(const struct http_request *request, struct http_reply *reply, const char *name,
               uint64_t least, uint64_t most, uint64_t otherwise, uint64_t *out)
{
    const char *text = target_param(request->target, name);
    uint64_t value = otherwise;
    char *end = NULL;

    if (text && (!read_u64(text, &end, &value) || *end || value < least || value > most)) {
        reply_bad_param(reply, name, "must be a number from %" PRIu64 " to %" PRIu64, least, most);
        return false;
    }
    *out = value;
    return true;
}

bool param_choice(const struct http_request *request, struct http_reply *reply, const char *name,
                  const char *choices, unsigned otherwise, unsigned *out)
{
    const char *text = target_param(request->target, name);
    int found = text ? list_find(choices, text) : (int)otherwise;

    if (found < 0) {
        reply_bad_param(reply, name, "must be one of: %s", choices);
        return false;
    }
    *out = (unsigned)found;
    return true;
}

/* Days since 1970 of a date of the Gregorian calendar (proleptic), March-based years. */
static int64_t days_from_civil(int64_t year, int64_t month, int64_t day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = y / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
           719468;
}

/* Exactly n digits at *s. */
static bool take_digits(const char **s, int n, int64_t *out)
{
    int64_t value = 0;

    for (int i = 0; i < n; i++, (*s)++) {
        if (**s < '0' || **s > '9')
            return false;
        value = value * 10 + (**s - '0');
    }
    *out = value;
    return true;
}

static bool take_char(const char **s, const char *set)
{
    if (!**s || !strchr(set, **s))
        return false;
    (*s)++;
    return true;
}

static int64_t take_fraction_ms(const char **s)
{
    int64_t ms = 0, weight = 100;

    if (!take_char(s, "."))
        return 0;
    for (; **s >= '0' && **s <= '9'; (*s)++, weight /= 10)
        ms += (**s - '0') * weight;
    return ms;
}

static bool take_zone_s(const char **s, int64_t *out)
{
    int64_t hours, minutes;
    bool is_west = **s == '-';

    *out = 0;
    if (take_char(s, "zZ"))
        return true;
    /* A plus sign in a query that was not encoded arrives as a blank. */
    if (!take_char(s, "+- ") || !take_digits(s, 2, &hours) || !take_char(s, ":") ||
        !take_digits(s, 2, &minutes) || hours > 23 || minutes > 59)
        return false;
    *out = (hours * 3600 + minutes * 60) * (is_west ? -1 : 1);
    return true;
}

static bool read_rfc3339_ms(const char *s, uint64_t *out)
{
    int64_t year, month, day, hour, minute, second, zone_s, fraction_ms, ms;

    if (!take_digits(&s, 4, &year) || !take_char(&s, "-") || !take_digits(&s, 2, &month) ||
        !take_char(&s, "-") || !take_digits(&s, 2, &day) || !take_char(&s, "Tt ") ||
        !take_digits(&s, 2, &hour) || !take_char(&s, ":") || !take_digits(&s, 2, &minute) ||
        !take_char(&s, ":") || !take_digits(&s, 2, &second))
        return false;
    fraction_ms = take_fraction_ms(&s);
    if (!take_zone_s(&s, &zone_s) || *s || month < 1 || month > 12 || day < 1 || day > 31 ||
        hour > 23 || minute > 59 || second > 60 || year < 1970)
        return false;
    ms = ((days_from_civil(year, month, day) * 24 + hour) * 60 + minute) * 60 + second - zone_s;
    if (ms < 0)
        return false;
    *out = (uint64_t)(ms * 1000 + fraction_ms);
    return true;
}

bool param_time_ms(const struct http_request *request, struct http_reply *reply, const char *name,
                   uint64_t otherwise, uint64_t *out)
{
    const char *text = target_param(request->target, name);
    uint64_t value = otherwise;
    char *end = NULL;

    if (text && !(read_u64(text, &end, &value) && !*end && value <= TIME_MS_MAX) &&
        !read_rfc3339_ms(text, &value)) {
        reply_bad_param(reply, name,
                        "must be milliseconds since 1970 or a time like 2026-11-22T09:00:00Z");
        return false;
    }
    *out = value;
    return true;
}

static bool span_unit_ms(const char *unit, uint64_t *out)
{
    static const struct {
        const char *name;
        uint64_t ms;
    } units[] = {{"", 1}, {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};

    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(units[i].name, unit) == 0) {
            *out = units[i].ms;
            return true;
        }
    }
    return false;
}

bool param_read_span(const char *text, uint64_t *out)
{
    uint64_t value, unit_ms;
    char *end;

    if (!read_u64(text, &end, &value) || !span_unit_ms(end, &unit_ms) || value == 0 ||
        value > SPAN_MS_MAX / unit_ms)
        return false;
    *out = value * unit_ms;
    return true;
}

bool param_span_ms(const struct http_request *request, struct http_reply *reply, const char *name,
                   uint64_t otherwise, uint64_t *out)
{
    const char *text = target_param(request->target, name);

    *out = otherwise;
    if (!text || param_read_span(text, out))
        return true;
    reply_bad_param(reply, name, "must be milliseconds or a span like 10s, 5m, 1h");
    return false;
}

bool param_cursor(const struct http_request *request, struct http_reply *reply, struct cursor *out)
{
    const char *text = target_param(request->target, "cursor");
    struct cursor cursor = {0};
    char *dot = NULL;

    if (text) {
        cursor.is_set = true;
        if (!read_u64(text, &dot, &cursor.time_ms) || *dot != '.' || !dot[1] ||
            strlen(dot + 1) >= sizeof(cursor.id)) {
            reply_bad_param(reply, "cursor", "is not one that leakd gave; begin without it");
            return false;
        }
        strcpy(cursor.id, dot + 1);
    }
    *out = cursor;
    return true;
}

void reply_set_next(struct http_reply *reply, const char *path, uint64_t limit, uint64_t time_ms,
                    const char *id)
{
    snprintf(reply->link, sizeof(reply->link),
             "<%s?limit=%" PRIu64 "&cursor=%" PRIu64 ".%s>; rel=\"next\"", path, limit, time_ms,
             id);
}
