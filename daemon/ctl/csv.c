/* SPDX-License-Identifier: MIT */
#include "daemon/ctl/csv.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void csv_init(struct csv *csv, csv_on_sample on_sample, void *arg)
{
    memset(csv, 0, sizeof(*csv));
    csv->on_sample = on_sample;
    csv->arg = arg;
}

__attribute__((format(printf, 2, 3))) static bool fail(struct csv *csv, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(csv->error, sizeof(csv->error), format, args);
    va_end(args);
    return false;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* What the short way cannot do exactly. The text ends with a byte that is part of no number. */
static const char *number_slowly(const char *p, double *out)
{
    char *end;

    if (!is_digit(*p) && *p != '.' &&
        !((*p == '-' || *p == '+') && (is_digit(p[1]) || p[1] == '.')))
        return NULL; /* strtod would take spaces, "inf", "nan" */
    if (p[0] == '0' && (p[1] | 0x20) == 'x')
        return NULL;
    *out = strtod(p, &end);
    return end == p || !isfinite(*out) ? NULL : end;
}

/* Digits with a point, exact when the digits fit 2^53 and the power of ten is exact too: then one
 * division rounds once, as strtod does. NULL when there is no number. */
static const char *number(const char *p, double *out)
{
    static const double powers[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9};
    const char *start = p;
    uint64_t digits = 0;
    const char *point = NULL;

    for (; is_digit(*p) || (*p == '.' && !point); p++) {
        if (*p == '.')
            point = p;
        else
            digits = digits * 10 + (uint64_t)(*p - '0');
    }
    if (p == start || p - start > 15 || (point && p - point > 10) || p - start == (point != NULL) ||
        *p == 'e' || *p == 'E')
        return number_slowly(start, out);
    *out = point ? (double)digits / powers[p - point - 1] : (double)digits;
    return p;
}

static bool is_end(char c)
{
    return c == ',' || c == '\n' || c == '\r';
}

static const char *skip_column(const char *p)
{
    while (!is_end(*p))
        p++;
    return p;
}

static bool fail_number(struct csv *csv, const char *start)
{
    size_t len = (size_t)(skip_column(start) - start);

    return fail(csv, "\"%.*s\" is no number", (int)(len < 40 ? len : 40), start);
}

/* Behind the column; NULL: it is not what it should be. */
static const char *read_number(const char *p, enum csv_meaning meaning, struct csv_row *row)
{
    if (is_end(*p) && meaning != CSV_TIME && meaning != CSV_BYTES) {
        row->value[meaning] = NAN;
        return p;
    }
    return number(p, &row->value[meaning]);
}

static const char *read_text(const char *p, enum csv_meaning meaning, struct csv_row *row)
{
    const char *end = skip_column(p);

    if (meaning == CSV_SERIES) {
        row->series = p;
        row->series_len = (size_t)(end - p);
    }
    return end;
}

static bool check_series(struct csv *csv, const struct csv_row *row)
{
    if (row->series_len == 0)
        return fail(csv, "the series has no name");
    if (row->series_len > CSV_SERIES_MAX)
        return fail(csv, "the name of the series is longer than %d bytes", CSV_SERIES_MAX);
    if (memchr(row->series, '\0', row->series_len))
        return fail(csv, "the name of the series holds a zero byte");
    if (row->series[0] == '"')
        return fail(csv, "the name of the series is quoted; write it without quotes and commas");
    return true;
}

static bool check_row(struct csv *csv, const struct csv_row *row)
{
    if (row->value[CSV_TIME] < 0 || row->value[CSV_TIME] > CSV_TIME_MAX_S)
        return fail(csv, "time %.17g is out of range", row->value[CSV_TIME]);
    if (row->value[CSV_LOAD] < 0)
        return fail(csv, "load %.17g is below 0", row->value[CSV_LOAD]);
    if (row->value[CSV_OLDEST] < 0)
        return fail(csv, "age %.17g is below 0", row->value[CSV_OLDEST]);
    return !row->series || check_series(csv, row);
}

/* The line ends with '\n', which no loop here passes. */
static bool read_sample(struct csv *csv, const char *p)
{
    struct csv_row row = {.value = {[CSV_LOAD] = NAN, [CSV_OLDEST] = NAN}};

    for (unsigned column = 0;; column++) {
        enum csv_meaning meaning = csv->meaning[column];
        const char *start = p;

        p = meaning < CSV_VALUES ? read_number(p, meaning, &row) : read_text(p, meaning, &row);
        if (!p || !is_end(*p))
            return fail_number(csv, start);
        if (column == csv->last_column)
            break;
        if (*p++ != ',')
            return fail(csv, "%u columns, the header has %u", column + 1, csv->columns);
    }
    if (!check_row(csv, &row))
        return false;
    csv->stopped = !csv->on_sample(csv->arg, &row);
    return true;
}

static bool header_column(struct csv *csv, const char *name, size_t len)
{
    static const char *const names[CSV_IGNORED] = {[CSV_TIME] = "t_seconds",
                                                   [CSV_BYTES] = "bytes",
                                                   [CSV_LOAD] = "load",
                                                   [CSV_OLDEST] = "oldest_s",
                                                   [CSV_SERIES] = "series"};
    unsigned column = csv->columns++;
    uint8_t meaning = 0;

    if (csv->columns > CSV_COLUMNS_MAX)
        return fail(csv, "more than %d columns", CSV_COLUMNS_MAX);
    while (meaning < CSV_IGNORED &&
           (len != strlen(names[meaning]) || memcmp(name, names[meaning], len) != 0))
        meaning++;
    csv->meaning[column] = meaning;
    if (meaning == CSV_IGNORED) {
        csv->ignored++;
        return true;
    }
    if (csv->has[meaning])
        return fail(csv, "two columns %s", names[meaning]);
    csv->has[meaning] = true;
    csv->last_column = column;
    return true;
}

static bool read_header(struct csv *csv, const char *p)
{
    for (;; p++) {
        const char *end = skip_column(p);

        if (!header_column(csv, p, (size_t)(end - p)))
            return false;
        p = end;
        if (*p != ',')
            break;
    }
    if (csv->has[CSV_TIME] && csv->has[CSV_BYTES])
        return true;
    csv->columns = 0;
    return fail(csv, "the header must name t_seconds and bytes");
}

/* line ends with '\n' at line[len]. */
static bool read_line(struct csv *csv, const char *line, size_t len)
{
    csv->line++;
    if (len > CSV_LINE_MAX)
        return fail(csv, "the line is longer than %d bytes", CSV_LINE_MAX);
    if (csv->columns == 0)
        return read_header(csv, line);
    return *line == '\n' || *line == '\r' || read_sample(csv, line);
}

static bool hold(struct csv *csv, const char *data, size_t len)
{
    if (len > CSV_LINE_MAX - csv->held) {
        csv->line++;
        return fail(csv, "the line is longer than %d bytes", CSV_LINE_MAX);
    }
    memcpy(csv->hold + csv->held, data, len);
    csv->held += len;
    return true;
}

static bool read_held(struct csv *csv)
{
    size_t len = csv->held;

    csv->hold[len] = '\n';
    csv->held = 0;
    return read_line(csv, csv->hold, len);
}

bool csv_feed(struct csv *csv, const char *data, size_t len)
{
    const char *end = data + len;

    while (data < end && !csv->stopped) {
        const char *newline = memchr(data, '\n', (size_t)(end - data));

        if (!newline)
            return hold(csv, data, (size_t)(end - data));
        if (csv->held > 0) {
            if (!hold(csv, data, (size_t)(newline - data)) || !read_held(csv))
                return false;
        } else if (!read_line(csv, data, (size_t)(newline - data))) {
            return false;
        }
        data = newline + 1;
    }
    return true;
}

bool csv_finish(struct csv *csv)
{
    if (csv->held > 0 && !csv->stopped && !read_held(csv))
        return false;
    if (csv->columns > 0)
        return true;
    csv->line = 1;
    return fail(csv, "empty: the header t_seconds,bytes is missing");
}
