/* SPDX-License-Identifier: MIT */
#include "daemon/http/exposition.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void exposition_init(struct exposition *exposition, struct buf *out, bool open_metrics)
{
    *exposition = (struct exposition){.out = out, .open_metrics = open_metrics};
}

/* What a sample's name ends in. */
static const char *name_suffix(enum metric_kind kind)
{
    return kind == METRIC_COUNTER ? "_total" : kind == METRIC_INFO ? "_info" : "";
}

void exposition_family(struct exposition *exposition, const char *name, enum metric_kind kind,
                       const char *help)
{
    static const char *const types[] = {"gauge", "counter", "gauge", "histogram"};
    /* 0.0.4 knows no infos and describes a counter by the full name of its samples. */
    const char *suffix = exposition->open_metrics ? "" : name_suffix(kind);
    const char *type = exposition->open_metrics && kind == METRIC_INFO ? "info" : types[kind];

    exposition->family = name;
    exposition->kind = kind;
    buf_printf(exposition->out, "# HELP %s%s %s\n# TYPE %s%s %s\n", name, suffix, help, name,
               suffix, type);
}

void exposition_begin(struct exposition *exposition, const char *suffix)
{
    buf_puts(exposition->out, exposition->family);
    buf_puts(exposition->out, *suffix ? suffix : name_suffix(exposition->kind));
    exposition->has_label = false;
}

/* Names come from programs: bytes that are no UTF-8 would spoil the whole scrape. */
static size_t utf8_length(const unsigned char *s)
{
    size_t need = s[0] < 0x80                    ? 1
                  : s[0] >= 0xc2 && s[0] <= 0xdf ? 2
                  : s[0] >> 4 == 14              ? 3
                  : s[0] >= 0xf0 && s[0] <= 0xf4 ? 4
                                                 : 0;

    for (size_t i = 1; i < need; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    }
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
        (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
        return 0;
    return need;
}

static const char replacement[] = "\xef\xbf\xbd";

char *exposition_clean(const char *value)
{
    char *clean = malloc(strlen(value) * (sizeof(replacement) - 1) + 1);
    char *out = clean;

    while (clean && *value) {
        size_t len = utf8_length((const unsigned char *)value);

        if (len == 0)
            out = stpcpy(out, replacement);
        else
            out = mempcpy(out, value, len);
        value += len ? len : 1;
    }
    if (clean)
        *out = '\0';
    return clean;
}

/* Most values are plain throughout. */
static size_t plain_length(const unsigned char *s)
{
    size_t len = 0;

    while (s[len] >= ' ' && s[len] < 0x7f && s[len] != '"' && s[len] != '\\')
        len++;
    return len;
}

static void put_escaped(struct buf *out, const char *value)
{
    const unsigned char *s = (const unsigned char *)value;

    for (;;) {
        size_t plain = plain_length(s), len;

        buf_put(out, s, plain);
        s += plain;
        if (!*s)
            return;
        len = utf8_length(s);
        if (len == 0)
            buf_puts(out, replacement);
        else if (*s == '\n')
            buf_puts(out, "\\n");
        else if (*s == '"' || *s == '\\')
            buf_printf(out, "\\%c", *s);
        else
            buf_put(out, s, len);
        s += len ? len : 1;
    }
}

void exposition_label(struct exposition *exposition, const char *name, const char *value)
{
    buf_putc(exposition->out, exposition->has_label ? ',' : '{');
    exposition->has_label = true;
    buf_puts(exposition->out, name);
    buf_puts(exposition->out, "=\"");
    put_escaped(exposition->out, value);
    buf_putc(exposition->out, '"');
}

void exposition_label_u64(struct exposition *exposition, const char *name, uint64_t value)
{
    char text[24];

    snprintf(text, sizeof(text), "%" PRIu64, value);
    exposition_label(exposition, name, text);
}

static void end_labels(struct exposition *exposition)
{
    buf_puts(exposition->out, exposition->has_label ? "} " : " ");
}

void exposition_u64(struct exposition *exposition, uint64_t value)
{
    char text[24];
    int len = snprintf(text, sizeof(text), "%" PRIu64 "\n", value);

    end_labels(exposition);
    buf_put(exposition->out, text, (size_t)len);
}

void exposition_double(struct exposition *exposition, double value)
{
    end_labels(exposition);
    if (isnan(value))
        buf_puts(exposition->out, "NaN\n");
    else if (isinf(value))
        buf_puts(exposition->out, value > 0 ? "+Inf\n" : "-Inf\n");
    else
        buf_printf(exposition->out, "%.15g\n", value);
}

void exposition_end(struct exposition *exposition)
{
    if (exposition->open_metrics)
        buf_puts(exposition->out, "# EOF\n");
}
