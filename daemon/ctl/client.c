/* SPDX-License-Identifier: MIT */
#include "daemon/ctl/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/base/buf.h"
#include "daemon/base/conf.h"
#include "daemon/base/json.h"
#include "daemon/ctl/command.h"
#include "daemon/ctl/ctl.h"
#include "daemon/ctl/table.h"
#include "daemon/ctl/text.h"
#include "daemon/fetch/fetch.h"

#define TIMEOUT_MS   10000
#define URL_MAX      1024
#define OUT_MAX      (32u << 20)
#define OWN_ROWS_MAX 8 /* options of a command */
/* Behind a socket the host is only a word in the Host field; the daemon accepts this one. */
#define SOCKET_URL "http://localhost"

int client_read_options(struct client *client, const struct option_row *own, int argc, char **argv,
                        int *count)
{
    struct option_row rows[OWN_ROWS_MAX + 7] = {
        {"url", &client->url, NULL},     {"socket", &client->socket, NULL},
        {"json", NULL, &client->json},   {"plain", NULL, &client->plain},
        {"bytes", NULL, &client->bytes}, {"no-color", NULL, &client->no_colour}};

    for (size_t i = 0; i < OWN_ROWS_MAX && own && own[i].name; i++)
        rows[6 + i] = own[i];
    return option_read(client->command, rows, false, argc, argv, count);
}

static bool is_set(const char *variable)
{
    const char *value = getenv(variable);

    return value && *value;
}

bool client_colour(const struct client *client)
{
    const char *terminal = getenv("TERM");

    if (client->no_colour || client->plain || is_set("NO_COLOR"))
        return false;
    if (is_set("CLICOLOR_FORCE"))
        return true;
    return isatty(STDOUT_FILENO) && terminal && strcmp(terminal, "dumb") != 0;
}

/* Text of the other side may hold anything. where may be empty. */
static void say(const struct client *client, const char *where, const char *what)
{
    struct buf line;

    buf_init(&line, 4096);
    text_put_safe(&line, what);
    fprintf(stderr, "leakctl %s: %s%s%s\n", client->command->name, where, *where ? ": " : "",
            line.data ? line.data : "");
    buf_done(&line);
}

static int code_of_error(int error)
{
    return error == -EACCES || error == -EPERM ? CTL_DENIED : CTL_UNREACHABLE;
}

static int code_of_status(long status)
{
    if (status == 401 || status == 403)
        return CTL_DENIED;
    if (status == 404 || status == 410)
        return CTL_NOT_FOUND;
    return status >= 400 && status < 500 ? CTL_USAGE : CTL_UNREACHABLE;
}

/* problem+json says it in words. */
static int refuse(const struct client *client, const char *where,
                  const struct fetch_response *response)
{
    char error[128];
    struct json_tree *tree = json_parse(response->body, response->body_len, error, sizeof(error));
    const char *title = json_get_str(tree, "title", "refused");
    char status[160];

    snprintf(status, sizeof(status), "HTTP %ld %.120s", response->status, title);
    say(client, where, json_get_str(tree, "detail", status));
    json_tree_free(tree);
    return code_of_status(response->status);
}

static int take_document(const struct client *client, const char *where,
                         const struct fetch_response *response, struct answer *out)
{
    if (response->status < 200 || response->status > 299)
        return refuse(client, where, response);
    out->text = malloc(response->body_len + 1);
    if (!out->text) {
        say(client, where, strerror(ENOMEM));
        return CTL_UNREACHABLE;
    }
    memcpy(out->text, response->body, response->body_len);
    out->len = response->body_len;
    out->text[out->len] = '\0';
    return CTL_OK;
}

static int take(const struct client *client, const char *where,
                const struct fetch_response *response, struct answer *out)
{
    char error[128];

    int code = take_document(client, where, response, out);

    if (code != CTL_OK)
        return code;
    out->tree = json_parse(response->body, response->body_len, error, sizeof(error));
    if (!out->tree) {
        answer_done(out);
        say(client, where, error);
        return CTL_UNREACHABLE;
    }
    while (out->len > 0 && out->text[out->len - 1] == '\n')
        out->len--;
    out->text[out->len] = '\0';
    snprintf(out->next, sizeof(out->next), "%s", response->next);
    return CTL_OK;
}

void answer_done(struct answer *answer)
{
    free(answer->text);
    json_tree_free(answer->tree);
    *answer = (struct answer){0};
}

typedef int take_fn(const struct client *client, const char *where,
                    const struct fetch_response *response, struct answer *out);

static int ask(const struct client *client, const char *path, struct fetch_request *request,
               take_fn *take_answer, struct answer *out)
{
    struct conf_sockets sockets;
    struct fetch_response response = {0};
    char url[URL_MAX];
    const char *where = client->url;
    int rc;

    *out = (struct answer){0};
    request->timeout_ms = TIMEOUT_MS;
    if (!client->url) {
        conf_default_sockets(&sockets);
        where = client->socket ? client->socket : sockets.api;
        request->unix_socket = where;
    }
    if (snprintf(url, sizeof(url), "%s%s", client->url ? client->url : SOCKET_URL, path) >=
        (int)sizeof(url)) {
        say(client, where, "the address is too long");
        return CTL_USAGE;
    }
    request->url = url;
    rc = fetch_now(request, &response);
    if (rc == 0)
        rc = response.error;
    if (rc < 0) {
        if (response.message[0])
            say(client, "", response.message);
        else
            say(client, where, strerror(-rc));
        rc = code_of_error(rc);
    } else {
        rc = take_answer(client, where, &response, out);
    }
    fetch_response_done(&response);
    return rc;
}

int client_get(const struct client *client, const char *path, struct answer *out)
{
    static const char *const headers[] = {"Accept: application/json", NULL};
    struct fetch_request request = {.method = "GET", .headers = headers};

    return ask(client, path, &request, take, out);
}

int client_get_document(const struct client *client, const char *path, struct answer *out)
{
    static const char *const headers[] = {"Accept: */*", NULL};
    struct fetch_request request = {.method = "GET", .headers = headers};

    return ask(client, path, &request, take_document, out);
}

int client_post(const struct client *client, const char *path, const struct buf *body,
                struct answer *out)
{
    static const char *const headers[] = {"Accept: application/json",
                                          "Content-Type: application/json", NULL};
    struct fetch_request request = {
        .method = "POST", .headers = headers, .body = body->data, .body_len = body->len};

    *out = (struct answer){0};
    if (body->failed) {
        say(client, "request", strerror(ENOMEM));
        return CTL_UNREACHABLE;
    }
    return ask(client, path, &request, take, out);
}

/* ---- lists ---------------------------------------------------------------------------------- */

int client_get_list(const struct client *client, const char *path, const char *name,
                    struct list *out)
{
    int code;

    *out = (struct list){.name = name};
    do {
        struct answer *page = &out->pages[out->page_count];

        code = client_get(client, path, page);
        if (code != CTL_OK)
            return code;
        out->page_count++;
        path = page->next;
    } while (strncmp(path, "/api/v1/", 8) == 0 && out->page_count < CLIENT_PAGES_MAX);
    return CTL_OK;
}

void list_done(struct list *list)
{
    for (unsigned i = 0; i < list->page_count; i++)
        answer_done(&list->pages[i]);
    list->page_count = 0;
}

static const struct json_tree *rows_of(const struct list *list, unsigned page)
{
    return json_get(list->pages[page].tree, list->name);
}

size_t list_len(const struct list *list)
{
    size_t count = 0;

    for (unsigned i = 0; i < list->page_count; i++)
        count += json_len(rows_of(list, i));
    return count;
}

const struct json_tree *list_at(const struct list *list, size_t index)
{
    for (unsigned i = 0; i < list->page_count; i++) {
        size_t count = json_len(rows_of(list, i));

        if (index < count)
            return json_at(rows_of(list, i), index);
        index -= count;
    }
    return NULL;
}

/* A page is {"name":[rows]} and nothing else: its rows are what stands between the outer brackets,
 * taken as they came. */
void list_put_json(const struct list *list, struct buf *out)
{
    bool has_row = false;

    buf_printf(out, "{\"%s\":[", list->name);
    for (unsigned i = 0; i < list->page_count; i++) {
        const char *first = strchr(list->pages[i].text, '[');
        const char *last = strrchr(list->pages[i].text, ']');

        if (json_len(rows_of(list, i)) == 0 || !first || !last)
            continue;
        if (has_row)
            buf_putc(out, ',');
        buf_put(out, first + 1, (size_t)(last - first - 1));
        has_row = true;
    }
    buf_puts(out, "]}");
}

int client_print(const struct client *client, const struct buf *out)
{
    if (out->failed) {
        say(client, "answer", strerror(ENOMEM));
        return CTL_UNREACHABLE;
    }
    if (out->len > 0)
        fwrite(out->data, 1, out->len, stdout);
    if (fflush(stdout) == 0)
        return CTL_OK;
    say(client, "standard output", strerror(errno));
    return CTL_USAGE;
}

int client_print_table(const struct client *client, struct table *table, const char *none)
{
    struct buf out;
    int code;

    buf_init(&out, OUT_MAX);
    if (!table_print(table, client->plain, client_colour(client), &out))
        out.failed = true;
    code = client_print(client, &out);
    if (table->cells == 0)
        fprintf(stderr, "leakctl %s: %s\n", client->command->name, none);
    table_done(table);
    buf_done(&out);
    return code;
}
