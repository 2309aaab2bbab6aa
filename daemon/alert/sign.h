/* SPDX-License-Identifier: MIT */
/* Random values for notices; alert_sign itself is in alert.h. */
#ifndef LEAKD_ALERT_SIGN_H
#define LEAKD_ALERT_SIGN_H

#include <stddef.h>

#define NOTICE_ID_SIZE 32

/* "msg_" and 27 letters and digits: 160 random bits. -EIO: no randomness. */
int sign_random_id(char out[NOTICE_ID_SIZE]);
double sign_random_unit(void); /* 0 <= x < 1 */
/* -ENOSPC, -ENOMEM. */
int sign_base64(const void *data, size_t len, char *out, size_t size);

#endif
