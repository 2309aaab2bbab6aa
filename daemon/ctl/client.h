/* SPDX-License-Identifier: MIT */
/* leakctl as a client of the API, and what its reading subcommands have in common. */
#ifndef LEAKD_CTL_CLIENT_H
#define LEAKD_CTL_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/ctl/option.h"

struct buf;
struct command;
struct json_tree;
struct table;

struct client {
    const struct command *command; /* named in messages */
    const char *url;               /* --url: of the API; NULL: by the socket */
    const char *socket;            /* --socket; NULL: yours, else the service's */
    bool json;
    bool plain;
    bool bytes; /* raw numbers */
    bool no_colour;
};

/* Reads the options above and those of own (a table as option_read takes it, or NULL), and leaves
 * argv as option_read does: OPTION_GO_ON, or the exit code. */
int client_read_options(struct client *client, const struct option_row *own, int argc, char **argv,
                        int *count);
bool client_colour(const struct client *client);

struct answer {
    char *text; /* the JSON as it came */
    size_t len;
    struct json_tree *tree;
    char next[512]; /* path of the page behind this one, "" = none */
};

/* GET path ("/api/v1/..."). 0, or the exit code, the reason being said on stderr. */
int client_get(const struct client *client, const char *path, struct answer *out);
/* POST of a JSON object. As client_get. */
int client_post(const struct client *client, const char *path, const struct buf *body,
                struct answer *out);
/* The same for what is no JSON: text and len alone are filled in. */
int client_get_document(const struct client *client, const char *path, struct answer *out);
void answer_done(struct answer *answer);

/* A list of the API, page by page as the daemon cuts it. */
#define CLIENT_PAGES_MAX 64

struct list {
    const char *name; /* of the array in each page */
    unsigned page_count;
    struct answer pages[CLIENT_PAGES_MAX];
};

/* As client_get, with all pages. list_done is due in any case. */
int client_get_list(const struct client *client, const char *path, const char *name,
                    struct list *out);
void list_done(struct list *list);
size_t list_len(const struct list *list);
const struct json_tree *list_at(const struct list *list, size_t index);
/* Appends {"name":[...]}, the pages joined. */
void list_put_json(const struct list *list, struct buf *out);

/* Writes to stdout; the exit code. */
int client_print(const struct client *client, const struct buf *out);
/* Writes a table and ends it; one without rows says none, a sentence, on stderr. */
int client_print_table(const struct client *client, struct table *table, const char *none);

#endif
