/* SPDX-License-Identifier: MIT */
#include "daemon/base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

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

/* A line from outside must stay one line: control characters become '?'. */
static size_t flatten(char *line, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
            line[i] = '?';
    }
    return len;
}

void log_event(enum log_level level, const char *event, const char *format, ...)
{
    char line[2048];
    int saved_errno = errno;
    int head, tail;
    size_t len;
    va_list args;

    if (level > highest)
        return;
    if (getenv("JOURNAL_STREAM"))
        head = snprintf(line, sizeof(line), "<%d>%s ", (int)level, event);
    else
        head = snprintf(line, sizeof(line), "%s %s ", level_name(level), event);
    va_start(args, format);
    tail = vsnprintf(line + head, sizeof(line) - (size_t)head - 1, format, args);
    va_end(args);
    len = (size_t)head + (tail > 0 ? (size_t)tail : 0);
    if (len > sizeof(line) - 2)
        len = sizeof(line) - 2;
    len = flatten(line, len);
    line[len++] = '\n';
    if (write(STDERR_FILENO, line, len) < 0) {
        /* Nowhere left to say it. */
    }
    errno = saved_errno;
}
