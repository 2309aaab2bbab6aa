/* SPDX-License-Identifier: MIT */
/*
 * The journal's rows in two files with the same content, each row with a checksum, each file with
 * the number of its last change. What one file lost by damage, by an older WAL or by a missing one
 * comes back from the other at opening. For the journal's files.
 */
#ifndef LEAKD_STORE_JOURNAL_LEDGER_H
#define LEAKD_STORE_JOURNAL_LEDGER_H

#include "daemon/store/journal.h"

struct ledger;

struct ledger_report {
    unsigned damaged;  /* files put aside; salvaged from where the other file had less */
    unsigned restored; /* files made anew from the other one */
    uint64_t salvaged; /* rows that came out of damaged files alone */
    bool may_lack;     /* no file was whole: rows may be missing */
    char aside[256];   /* the name of the last one that was put aside */
};

/* -EBUSY: another process has it. Else what the disk says; damage is never a reason to fail. */
int ledger_open(const char *folder, uint64_t now_wall_ms, struct ledger **out,
                struct ledger_report *report);
void ledger_close(struct ledger *ledger);
/* All of the batch into both files, or an error and it must be written again. */
int ledger_write(struct ledger *ledger, const struct journal_batch *batch);
/* Up to max marks and incidents: those that are not final first, then the newest. Every notice: who
 * wrote them has kept them few, and one that is not read is not told. Oldest first. */
int ledger_read(struct ledger *ledger, size_t max, struct journal_batch *out);
/* Final rows of before that time leave, and while both files have more than bytes_max the oldest
 * ones. */
int ledger_expire(struct ledger *ledger, int64_t before, uint64_t bytes_max);
int ledger_checkpoint(struct ledger *ledger);
bool ledger_is_orphan(const struct ledger *ledger); /* somebody moved a file away */
uint64_t ledger_bytes(const struct ledger *ledger);

#endif
