/* SPDX-License-Identifier: MIT */
/* Which process people mean by an id, a pid or a name. */
#ifndef LEAKD_CTL_WHICH_H
#define LEAKD_CTL_WHICH_H

#include <stdbool.h>
#include <stddef.h>

struct client;
struct json_tree;
struct list;

/* By id; else by pid or name, where a living one comes before ended ones. *others counts equals. */
const struct json_tree *which_find(const struct list *processes, const char *what,
                                   unsigned *others);

/* Ids are the daemon's, but go into a path only when they are plain. */
bool which_is_plain(const char *id);

#define WHICH_ID_MAX 81

/* The id of that one, fit for a path. 0, or the exit code, the reason being said on stderr. */
int which_process(const struct client *client, const char *what, char id[WHICH_ID_MAX]);

#endif
