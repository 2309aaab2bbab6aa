/* SPDX-License-Identifier: MIT */
/* What changed, as frames. Under the link's lock only. */
#ifndef LEAKD_AGENT_LINK_ENCODE_H
#define LEAKD_AGENT_LINK_ENCODE_H

#include <stdint.h>

#include "agent/wire/wire.h"

struct encode_extra {
    uint64_t skipped_flushes; /* what the link knows of its own health */
    uint64_t flush_ns_total;
};

/* A new daemon listens: everything is to be announced and sent again. */
void encode_start_anew(void);

/* What is never left out: a few hundred bytes. */
void encode_totals(struct wire_wr *wr, uint64_t now_ms, const struct encode_extra *extra);

enum encode_left {
    ENCODE_NOTHING_LEFT,
    ENCODE_CHANGES_LEFT, /* totals that will change again */
    ENCODE_NEWS_LEFT,    /* what is said once */
};

/* What has changed, as far as it finds room; what is left. */
enum encode_left encode_changes(struct wire_wr *wr, uint64_t now_ms);

#endif
