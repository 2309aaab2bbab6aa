/* SPDX-License-Identifier: MIT */
#include <errno.h>
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

bool alert_wants(const struct conf_receiver *receiver, const struct notice *notice)
{
    if (notice->event == NOTICE_TEST)
        return true;
    if ((notice->event == NOTICE_RESOLVED || notice->event == NOTICE_STORAGE_RECOVERED) &&
        !receiver->send_resolved)
        return false;
    return notice->severity >= receiver->min_severity;
}

bool alert_may_tell(const char *state, enum notice_event event)
{
    bool is_known = strcmp(state, "acknowledged") == 0 || strcmp(state, "silenced") == 0;

    return !is_known || event == NOTICE_RESOLVED;
}

enum alert_outcome alert_judge(int error, long http_status)
{
    if (error == 0 && http_status >= 200 && http_status <= 299)
        return ALERT_DELIVERED;
    if (error == 0 && http_status == 410)
        return ALERT_STOP_RECEIVER;
    return ALERT_RETRY;
}

/* The schedule of Standard Webhooks, ended where the next attempt would come after a day. */
uint64_t alert_retry_delay_ms(unsigned attempt, double random, uint64_t retry_after_ms)
{
    static const uint64_t delays_ms[] = {5 * SECOND_MS, 5 * MINUTE_MS, 30 * MINUTE_MS,
                                         2 * HOUR_MS,   5 * HOUR_MS,   10 * HOUR_MS};
    uint64_t delay_ms;

    if (attempt < 2 || attempt - 2 >= sizeof(delays_ms) / sizeof(delays_ms[0]))
        return UINT64_MAX;
    delay_ms = delays_ms[attempt - 2];
    /* A fifth more at most, so that many notices to one receiver do not come back in one moment. */
    delay_ms += (uint64_t)((double)delay_ms * 0.2 * random);
    if (retry_after_ms > ALERT_AGE_MAX_MS)
        retry_after_ms = ALERT_AGE_MAX_MS;
    return retry_after_ms > delay_ms ? retry_after_ms : delay_ms;
}
