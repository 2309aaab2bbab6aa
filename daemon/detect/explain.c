/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "daemon/detect/detect.h"
#include "daemon/detect/phrase.h"

static double span_s(uint64_t from_ms, uint64_t to_ms)
{
    return to_ms > from_ms ? (double)(to_ms - from_ms) / 1000 : 0;
}

static const char *suspicion(const struct detect_result *result)
{
    if (result->explained_by_load)
        return "growing %s for %s, but the load rises too: it may be the load";
    if (result->oldest_die)
        return "growing %s for %s, but its oldest objects die: it may be work in progress";
    if (result->uncollected)
        return "growing %s for %s, but no full garbage collection has been since: it may be "
               "garbage";
    return "may be leaking: growing %s for %s, not long enough to be sure";
}

void detect_explain(const struct detect_result *result, uint64_t now_ms, char *out, size_t size)
{
    char growth[96] = "at an unknown rate";
    char span[48];

    if (result->growth.known)
        phrase_growth(&result->growth, growth, sizeof(growth));
    phrase_span(span_s(result->since_ms, now_ms), span, sizeof(span));
    switch (result->verdict) {
    case VERDICT_LEAK:
        snprintf(out, size, "growing %s for %s", growth, span);
        break;
    case VERDICT_SUSPECT:
        snprintf(out, size, suspicion(result), growth, span);
        break;
    case VERDICT_FRAGMENTATION:
        snprintf(out, size, "resident memory grows %s over flat live bytes", growth);
        break;
    case VERDICT_RESOLVED:
        phrase_span(span_s(result->changed_ms, now_ms), span, sizeof(span));
        snprintf(out, size, "stopped growing %s ago", span);
        break;
    case VERDICT_OK:
        snprintf(out, size, "no steady growth");
        break;
    case VERDICT_LEARNING:
        snprintf(out, size, "too few samples to judge yet");
        break;
    }
}
