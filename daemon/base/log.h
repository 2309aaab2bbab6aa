/* SPDX-License-Identifier: MIT */
/*
 * The log: one line an event to stderr, `level event key=value ...`, with <N> in front when the
 * journal reads it. Only rooms that act log, once, where an error stops travelling; say what is
 * done next. Never secrets. Loop thread only.
 */
#ifndef LEAKD_BASE_LOG_H
#define LEAKD_BASE_LOG_H

enum log_level { LOG_LEVEL_ERROR = 3, LOG_LEVEL_WARNING = 4, LOG_LEVEL_INFO = 6, LOG_LEVEL_DEBUG = 7 };

/* Lines above the level are dropped; INFO at the start. */
void log_set_level(enum log_level level);

/*
 * event is a short dotted name ("peer.drop"). A %s may be a stranger's: behind key= it gets quotes
 * where it needs them, between the format's quotes it is escaped, and control characters become '?'
 * everywhere, so that it can forge neither a field nor a line. Of printf's conversions there are
 * %s %.Ns %d %u, with l, ll or z, and %%. A line is cut at 2 KiB.
 */
void log_event(enum log_level level, const char *event, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define log_error(event, ...)   log_event(LOG_LEVEL_ERROR, event, __VA_ARGS__)
#define log_warning(event, ...) log_event(LOG_LEVEL_WARNING, event, __VA_ARGS__)
#define log_info(event, ...)    log_event(LOG_LEVEL_INFO, event, __VA_ARGS__)
#define log_debug(event, ...)   log_event(LOG_LEVEL_DEBUG, event, __VA_ARGS__)

#endif
