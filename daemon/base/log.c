/* SPDX-License-Identifier: MIT */
/*
 * Values come from programs that are watched and may say anything. So the formatting is done here,
 * conversion by conversion: what a %s brings can end neither its field nor its line.
 */
#include "daemon/base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES 2048
/* For the newline, and for the quote that a value cut short still gets. */
#define TEXT_MAX_BYTES (LINE_MAX_BYTES - 2)

struct line {
    char text[LINE_MAX_BYTES];
    size_t len;
    bool is_full;  /* what comes now is left out */
    bool is_quote; /* a value is open */
};

static enum log_level highest = LOG_LEVEL_INFO;

void log_set_level(enum log_level level)
{
    highest = level;
}

static const char *level_name(enum log_level level)
{
    switch (level) {
    case LOG_LEVEL_ERROR:
        return "error";
    case LOG_LEVEL_WARNING:
        return "warning";
    case LOG_LEVEL_INFO:
        return "info";
    default:
        return "debug";
    }
}

/* ---- characters ------------------------------------------------------------------------------ */

/* All of it or nothing, so that no escape is cut in two. */
static void put(struct line *line, const char *text, size_t len)
{
    line->is_full = line->is_full || line->len + len > TEXT_MAX_BYTES;
    if (line->is_full)
        return;
    memcpy(line->text + line->len, text, len);
    line->len += len;
}

static void put_quote(struct line *line, bool is_quote)
{
    put(line, "\"", 1);
    if (!line->is_full)
        line->is_quote = is_quote;
}

/* How many bytes at the text move a terminal's cursor or end a line: C0, DEL, the C1 set in UTF-8,
 * U+2028 and U+2029, and what turns the direction of writing round. */
static size_t control_len(const char *text, size_t len)
{
    const unsigned char *at = (const unsigned char *)text;

    if (at[0] < 0x20 || at[0] == 0x7f)
        return 1;
    if (len >= 2 && at[0] == 0xc2 && at[1] >= 0x80 && at[1] <= 0x9f)
        return 2;
    if (len < 3 || at[0] != 0xe2)
        return 0;
    if (at[1] == 0x80 && at[2] >= 0xa8 && at[2] <= 0xae)
        return 3;
    return at[1] == 0x81 && at[2] >= 0xa6 && at[2] <= 0xa9 ? 3 : 0;
}

/* A value from outside must stay in its line: control characters become '?'. */
static void put_value(struct line *line, const char *text, size_t len, bool is_quoted)
{
    for (size_t i = 0; i < len; i++) {
        size_t control = control_len(text + i, len - i);

        if (control > 0) {
            put(line, "?", 1);
            i += control - 1;
            continue;
        }
        if (is_quoted && (text[i] == '"' || text[i] == '\\'))
            put(line, text[i] == '"' ? "\\\"" : "\\\\", 2);
        else
            put(line, text + i, 1);
    }
}

/* ---- values ---------------------------------------------------------------------------------- */

static bool needs_quotes(const char *text, size_t len)
{
    if (len == 0)
        return true;
    for (size_t i = 0; i < len; i++) {
        if (strchr(" \"\\=", text[i]) || control_len(text + i, len - i) > 0)
            return true;
    }
    return false;
}

/* before is the character in front of the value: a quote says that the format has it between
 * quotes, an '=' that it is a field, and what else there is are our own words. */
static void put_string(struct line *line, char before, const char *text, size_t max)
{
    size_t len;
    bool quotes;

    text = text ? text : "(null)";
    len = strnlen(text, max);
    quotes = before == '=' && needs_quotes(text, len);
    if (quotes)
        put_quote(line, true);
    put_value(line, text, len, quotes || before == '"');
    if (quotes)
        put_quote(line, false);
}

static void put_number(struct line *line, bool is_negative, unsigned long long value)
{
    char text[24];
    int len = snprintf(text, sizeof(text), "%s%llu", is_negative ? "-" : "", value);

    put(line, text, (size_t)len);
}

static void put_signed(struct line *line, long long value)
{
    put_number(line, value < 0,
               value < 0 ? 0 - (unsigned long long)value : (unsigned long long)value);
}

/* ---- formats --------------------------------------------------------------------------------- */

/* Between '%' and its letter: ".N", 'l', "ll" or 'z'. */
struct conversion {
    size_t precision;
    unsigned longs;
    bool is_size;
    char letter;
};

static const char *read_conversion(const char *at, struct conversion *out)
{
    *out = (struct conversion){.precision = SIZE_MAX};
    if (*at == '.') {
        char *rest;

        out->precision = strtoul(at + 1, &rest, 10);
        at = rest;
    }
    for (; *at == 'l'; at++)
        out->longs++;
    if (*at == 'z') {
        out->is_size = true;
        at++;
    }
    out->letter = *at;
    return *at ? at + 1 : at;
}

static unsigned long long take_unsigned(const struct conversion *conversion, va_list *args)
{
    if (conversion->is_size)
        return va_arg(*args, size_t);
    if (conversion->longs == 1)
        return va_arg(*args, unsigned long);
    return conversion->longs > 1 ? va_arg(*args, unsigned long long) : va_arg(*args, unsigned);
}

static long long take_signed(const struct conversion *conversion, va_list *args)
{
    if (conversion->longs == 1)
        return va_arg(*args, long);
    return conversion->longs > 1 ? va_arg(*args, long long) : va_arg(*args, int);
}

/* False: it is none of those that log.h lists, and what its argument is cannot be known. */
static bool put_conversion(struct line *line, const struct conversion *conversion, char before,
                           va_list *args)
{
    switch (conversion->letter) {
    case 's':
        put_string(line, before, va_arg(*args, const char *), conversion->precision);
        return true;
    case 'd':
        put_signed(line, take_signed(conversion, args));
        return true;
    case 'u':
        put_number(line, false, take_unsigned(conversion, args));
        return true;
    case '%':
        put(line, "%", 1);
        return true;
    default:
        return false;
    }
}

static void put_format(struct line *line, const char *format, va_list *args)
{
    char before = ' ';

    while (*format) {
        struct conversion conversion;

        if (*format != '%') {
            before = *format++;
            if (before == '"')
                put_quote(line, !line->is_quote);
            else
                put(line, &before, 1);
            continue;
        }
        format = read_conversion(format + 1, &conversion);
        if (!put_conversion(line, &conversion, before, args)) {
            put(line, "(...)", 5);
            return;
        }
        before = ' ';
    }
}

void log_event(enum log_level level, const char *event, const char *format, ...)
{
    struct line line = {.len = 0};
    int saved_errno = errno;
    va_list args;

    if (level > highest)
        return;
    if (getenv("JOURNAL_STREAM"))
        line.len = (size_t)snprintf(line.text, sizeof(line.text), "<%d>%s ", (int)level, event);
    else
        line.len =
            (size_t)snprintf(line.text, sizeof(line.text), "%s %s ", level_name(level), event);
    va_start(args, format);
    put_format(&line, format, &args);
    va_end(args);
    if (line.is_quote)
        line.text[line.len++] = '"';
    line.text[line.len++] = '\n';
    if (write(STDERR_FILENO, line.text, line.len) < 0) {
        /* Nowhere left to say it. */
    }
    errno = saved_errno;
}
