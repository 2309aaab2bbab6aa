/* SPDX-License-Identifier: MIT */
/* Figures in the words people use: IEC units, three digits. */
#ifndef LEAKD_DETECT_PHRASE_H
#define LEAKD_DETECT_PHRASE_H

#include <stddef.h>

#include "daemon/detect/detect.h"

/* "14.2 MiB" */
void phrase_bytes(double bytes, char *out, size_t size);
/* "14.2 MiB/h (12.9 to 15.6)"; from 1 GiB an hour on in seconds. */
void phrase_growth(const struct growth *growth, char *out, size_t size);
/* "45 s", "12 min", "5 h 20 min", "3 d 4 h" */
void phrase_span(double seconds, char *out, size_t size);

#endif
