/* SPDX-License-Identifier: MIT */
/* Random values for notices; alert_sign itself is in alert.h. */
#ifndef LEAKD_ALERT_SIGN_H
#define LEAKD_ALERT_SIGN_H

#define NOTICE_ID_SIZE 32

/* "msg_" and 27 letters and digits: 160 random bits. -EIO: no randomness. */
int sign_random_id(char out[NOTICE_ID_SIZE]);
double sign_random_unit(void); /* 0 <= x < 1 */

#endif
