/* SPDX-License-Identifier: MIT */
/* leakctl as a client of the API, and what its reading subcommands have in common. */
#ifndef LEAKD_CTL_CLIENT_H
#define LEAKD_CTL_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/ctl/option.h"

struct command;
struct json_tree;

struct client {
    const struct command *command; /* named in messages */
    const char *url;               /* --url: of the API; NULL: by the socket */
    const char *socket;            /* --socket; NULL: yours, else the service's */
    bool json;
    bool plain;
    bool bytes; /* raw numbers */
    bool no_colour;
};

#define CLIENT_ROWS 7
/* The options above, as rows for option_read. */
void client_rows(struct client *client, struct option_row rows[CLIENT_ROWS]);
bool client_colour(const struct client *client);

struct answer {
    char *text; /* the JSON as it came */
    size_t len;
    struct json_tree *tree;
};

/* GET path ("/api/v1/..."). 0, or the exit code, the reason being said on stderr. */
int client_get(const struct client *client, const char *path, struct answer *out);
void answer_done(struct answer *answer);

struct buf;
/* Writes to stdout; the exit code. */
int client_print(const struct client *client, const struct buf *out);

#endif
