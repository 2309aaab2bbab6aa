/* SPDX-License-Identifier: MIT */
/*
 * An incident as text and back, for the disk. JSON, so that a later leakd can add fields and an
 * earlier one skips them; this is not the API's shape. Pure.
 */
#ifndef LEAKD_STORE_INCIDENT_TEXT_H
#define LEAKD_STORE_INCIDENT_TEXT_H

#include <stddef.h>

struct buf;
struct incident;

/* The most that incident_write writes: each byte of a name grows sixfold at most. A row that does
 * not fit would hold up all the others. */
#define INCIDENT_TEXT_BYTES_MAX (2u << 20)

void incident_write(const struct incident *incident, struct buf *out);
/* The caller's, by incident_free; revision 1. -EBADMSG: no incident, -ENOMEM. Fields that are
 * missing are empty; lists longer than ours are cut. */
int incident_read(const char *text, size_t len, struct incident **out);

#endif
