/* SPDX-License-Identifier: MIT */
/* What clients of the API change: incidents, marks. For leakd.c. */
#ifndef LEAKD_LEAKD_CHANGES_H
#define LEAKD_LEAKD_CHANGES_H

#include "daemon/http/http.h"

struct leakd_journal;
struct store;
struct watch;

struct leakd_change_rooms {
    struct store *store;
    struct watch *watch;
    struct leakd_journal *journal;
};

/* rooms is borrowed for as long as the API answers. */
struct http_changes leakd_changes(struct leakd_change_rooms *rooms);

#endif
