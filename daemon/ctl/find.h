/* SPDX-License-Identifier: MIT */
/* A process as people name it: by id, pid or name. */
#ifndef LEAKD_CTL_FIND_H
#define LEAKD_CTL_FIND_H

#include <stdbool.h>

#include "daemon/ctl/client.h"

#define FIND_ID_SIZE 81

/* By id; else by pid or name, where a living one comes before ended ones. 0 with the process, which
 * lives in the list (list_done is due in any case), and its id, fit for a path; else the exit code,
 * the reason being said on stderr. Equals are said on stderr, too. */
int find_process(const struct client *client, const char *what, struct list *processes,
                 const struct json_tree **out, char id[FIND_ID_SIZE]);
/* The same when only the id is wanted. */
int find_process_id(const struct client *client, const char *what, char id[FIND_ID_SIZE]);

/* As client_read_options, for a command that takes one process; *what is how it was named. */
int find_read_options(struct client *client, const struct option_row *more, int argc, char **argv,
                      const char **what);

#endif
