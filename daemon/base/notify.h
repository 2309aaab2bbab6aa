/* SPDX-License-Identifier: MIT */
/* sd_notify by one datagram, without libsystemd. Does nothing when NOTIFY_SOCKET is not set. */
#ifndef LEAKD_BASE_NOTIFY_H
#define LEAKD_BASE_NOTIFY_H

#include <stdint.h>

/* state is "READY=1\nSTATUS=..." and so on. 0, or a negative errno. */
int notify_send(const char *state);

/* Half of WATCHDOG_USEC in milliseconds when it is meant for this process, else 0. */
uint64_t notify_watchdog_ms(void);

#endif
