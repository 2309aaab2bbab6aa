/* SPDX-License-Identifier: MIT */
#include "daemon/store/journal_schema.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>

#include "daemon/store/journal_db.h"

static int run_steps(struct db *db, const char *const *steps, size_t from, size_t count)
{
    char version[48];
    int rc = 0;

    for (size_t i = from; i < count && rc == 0; i++)
        rc = db_run(db, steps[i]);
    snprintf(version, sizeof(version), "PRAGMA user_version=%zu", count);
    return rc == 0 ? db_run(db, version) : rc;
}

int schema_migrate(struct db *db, const char *const *steps, size_t count)
{
    int64_t version;
    int rc = db_ask_int(db, "PRAGMA user_version", &version);

    if (rc < 0)
        return rc;
    if (version < 0 || (uint64_t)version > count)
        return -ENOTSUP;
    if ((uint64_t)version == count)
        return 0;
    rc = db_begin(db);
    if (rc == 0)
        rc = run_steps(db, steps, (size_t)version, count);
    if (rc == 0)
        return db_commit(db);
    db_undo(db);
    return rc;
}
