/* SPDX-License-Identifier: MIT */
/*
 * The Prometheus text format 0.0.4 and OpenMetrics 1.0.0 from one description: a family, then its
 * samples. The formats differ in the names of counters and infos and in the end mark. A sample
 * outside a family, or a family twice, cannot be written.
 */
#ifndef LEAKD_HTTP_EXPOSITION_H
#define LEAKD_HTTP_EXPOSITION_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/base/buf.h"

enum metric_kind { METRIC_GAUGE, METRIC_COUNTER, METRIC_INFO, METRIC_HISTOGRAM };

struct exposition {
    struct buf *out;
    bool open_metrics;
    const char *family; /* without _total, _info */
    enum metric_kind kind;
    bool has_label;
};

void exposition_init(struct exposition *exposition, struct buf *out, bool open_metrics);
/* name has no _total or _info: they are added where the format wants them. */
void exposition_family(struct exposition *exposition, const char *name, enum metric_kind kind,
                       const char *help);
/* suffix: "" or that of a histogram's series. Then labels, then a value. */
void exposition_begin(struct exposition *exposition, const char *suffix);
void exposition_label(struct exposition *exposition, const char *name, const char *value);
void exposition_label_u64(struct exposition *exposition, const char *name, uint64_t value);
void exposition_u64(struct exposition *exposition, uint64_t value);
void exposition_double(struct exposition *exposition, double value);
/* The value as it will be read back: what is no UTF-8 becomes U+FFFD. NULL: no memory; free(). */
char *exposition_clean(const char *value);
void exposition_end(struct exposition *exposition);

#endif
