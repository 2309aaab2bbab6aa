/* SPDX-License-Identifier: MIT */
/*
 * Database files with their WALs, renamed and removed as one. A file that cannot be used is put
 * aside, never deleted at once: somebody may want to look.
 */
#ifndef LEAKD_STORE_JOURNAL_QUARANTINE_H
#define LEAKD_STORE_JOURNAL_QUARANTINE_H

#include <stddef.h>
#include <stdint.h>

/* Renames path and its WAL to path.WORD-20261122T104500Z; the new name goes to out. The newest
 * `keep` of them stay, older ones are deleted. */
int quarantine(const char *path, const char *word, size_t keep, uint64_t now_wall_ms, char *out,
               size_t size);
/* 0 also when there is none. */
int remove_file(const char *path);
/* Puts fresh, closed and without anything in its WAL, in the place of path, for good when it comes
 * back. On failure one of the two is there, whole. */
int replace_file(const char *path, const char *fresh);

#endif
