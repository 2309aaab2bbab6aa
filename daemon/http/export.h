/* SPDX-License-Identifier: MIT */
/*
 * The sites of a process in the formats of other tools. Each appends a whole document to out and
 * returns 0 or -ENOMEM (also: beyond out's ceiling). Sites without figures are left out.
 *   collapsed   "root;caller;leaf BYTES" lines of live bytes: flamegraph.pl, inferno
 *   speedscope  its file format, live bytes and bytes allocated as two sampled profiles
 *   pprof       profile.proto, gzip'd: alloc_objects, alloc_space, inuse_objects, inuse_space
 */
#ifndef LEAKD_HTTP_EXPORT_H
#define LEAKD_HTTP_EXPORT_H

#include "daemon/base/buf.h"
#include "daemon/store/query.h"

int export_collapsed(const struct store *store, const struct process *process, struct buf *out);
int export_speedscope(const struct store *store, const struct process *process, struct buf *out);
int export_pprof(const struct store *store, const struct process *process, uint64_t now_wall_ms,
                 struct buf *out);

#endif
