/* SPDX-License-Identifier: MIT */
/* Versions of a file's tables. Step i (SQL) leads from version i to i + 1; steps are only ever
 * appended. For the journal's files. */
#ifndef LEAKD_STORE_JOURNAL_SCHEMA_H
#define LEAKD_STORE_JOURNAL_SCHEMA_H

#include <stddef.h>

struct db;

/* Takes the file to version count, all steps or none. -ENOTSUP: it is of a newer leakd. */
int schema_migrate(struct db *db, const char *const *steps, size_t count);

#endif
