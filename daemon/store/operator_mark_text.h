/* SPDX-License-Identifier: MIT */
/* An operator's mark as text for the disk, and back. Pure. */
#ifndef LEAKD_STORE_OPERATOR_MARK_TEXT_H
#define LEAKD_STORE_OPERATOR_MARK_TEXT_H

#include "daemon/store/model.h"

struct buf;

void operator_mark_write(const struct operator_mark *mark, struct buf *out);
/* -EBADMSG: no mark of ours. */
int operator_mark_read(const char *text, size_t len, struct operator_mark *out);

#endif
