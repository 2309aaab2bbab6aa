/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "daemon/alert/alert.h"

#define SECOND_MS UINT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS   (60 * MINUTE_MS)

const char *notice_event_name(enum notice_event event)
{
    static const char *const names[] = {
#define X(name, text) [NOTICE_##name] = text,
        NOTICE_EVENTS(X)
#undef X
    };

    return names[event];
}

bool notice_event_find(const char *name, enum notice_event *out)
{
    static const enum notice_event events[] = {
#define X(name, text) NOTICE_##name,
        NOTICE_EVENTS(X)
#undef X
    };

    for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
        if (strcmp(name, notice_event_name(events[i])) == 0) {
            *out = events[i];
            return true;
        }
    }
    return false;
}

bool notice_is_end(enum notice_event event)
{
    return event == NOTICE_RESOLVED || event == NOTICE_STORAGE_RECOVERED;
}

/* leakd's own troubles have the names of leakd, so that a receiver's patterns can mean them. */
static bool is_meant(const struct conf_receiver *receiver, const struct notice *notice)
{
    bool is_own = !notice->process_name && !notice->unit;

    return conf_matches(receiver->units, is_own ? "leakd.service" : notice->unit) &&
           conf_matches(receiver->names, is_own ? "leakd" : notice->process_name);
}

bool alert_wants(const struct conf_receiver *receiver, const struct notice *notice)
{
    if (notice->event == NOTICE_TEST)
        return true;
    if (notice_is_end(notice->event) && !receiver->send_resolved)
        return false;
    return notice->severity >= receiver->min_severity && is_meant(receiver, notice);
}

bool alert_may_tell(const char *state, enum notice_event event)
{
    bool is_known = strcmp(state, "acknowledged") == 0 || strcmp(state, "silenced") == 0;

    return !is_known || event == NOTICE_RESOLVED || event == NOTICE_ACKNOWLEDGED;
}

enum alert_outcome alert_judge(int error, long http_status)
{
    if (error == 0 && http_status >= 200 && http_status <= 299)
        return ALERT_DELIVERED;
    if (error == 0 && http_status == 410)
        return ALERT_STOP_RECEIVER;
    return ALERT_RETRY;
}

/* Quick at first, because most troubles are short, then every two hours: who comes back after half
 * a day is told before the day is over. When it ends is the notice's age. */
uint64_t alert_retry_delay_ms(unsigned attempt, double random, uint64_t retry_after_ms)
{
    static const uint64_t delays_ms[] = {5 * SECOND_MS, 5 * MINUTE_MS, 30 * MINUTE_MS, 2 * HOUR_MS};
    size_t last = sizeof(delays_ms) / sizeof(delays_ms[0]) - 1;
    size_t step = attempt < 2 ? 0 : attempt - 2;
    uint64_t delay_ms = delays_ms[step < last ? step : last];

    /* A fifth more at most, so that many notices to one receiver do not come back in one moment. */
    delay_ms += (uint64_t)((double)delay_ms * 0.2 * random);
    if (retry_after_ms > ALERT_AGE_MAX_MS)
        retry_after_ms = ALERT_AGE_MAX_MS;
    return retry_after_ms > delay_ms ? retry_after_ms : delay_ms;
}
