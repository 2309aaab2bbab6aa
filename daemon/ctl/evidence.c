/* SPDX-License-Identifier: MIT */
#include "daemon/ctl/evidence.h"

#include <stdio.h>

#include "daemon/base/buf.h"
#include "daemon/base/json.h"
#include "daemon/ctl/figure.h"
#include "daemon/ctl/table.h"

#define FRAME_MAX 512

static void put_table(const struct client *client, struct table *table, const char *title,
                      struct buf *out)
{
    if (table->cells > 0) {
        if (title)
            buf_printf(out, "\n%s\n", title);
        if (!table_print(table, client->plain, client_colour(client), out))
            out->failed = true;
    }
    table_done(table);
}

void evidence_put_sites(const struct client *client, const struct json_tree *sites,
                        const char *title, struct buf *out)
{
    static const char *const heads[] = {"WHERE", "VERDICT", ">LIVE", ">COUNT", "GROWTH", NULL};
    struct table table;
    char text[FIGURE_MAX], frame[FRAME_MAX];

    table_init(&table, heads);
    for (size_t i = 0; i < json_len(sites); i++) {
        const struct json_tree *site = json_at(sites, i);

        figure_frame(site, frame, sizeof(frame));
        table_put(&table, frame);
        table_put(&table, json_get_str(site, "verdict", NULL));
        figure_bytes(site, "live_bytes", client->bytes, text);
        table_put(&table, text);
        snprintf(text, sizeof(text), "%.0f", json_get_double(site, "live_count", 0));
        table_put(&table, text);
        figure_growth(site, client->bytes, text);
        table_put(&table, text);
    }
    put_table(client, &table, title, out);
}

void evidence_put_types(const struct client *client, const struct json_tree *types,
                        const char *title, struct buf *out)
{
    static const char *const heads[] = {"TYPE", ">LIVE", ">COUNT", "GROWTH", NULL};
    struct table table;
    char text[FIGURE_MAX];

    table_init(&table, heads);
    for (size_t i = 0; i < json_len(types); i++) {
        const struct json_tree *type = json_at(types, i);

        table_put(&table, json_get_str(type, "name", NULL));
        figure_bytes(type, "live_bytes", client->bytes, text);
        table_put(&table, text);
        snprintf(text, sizeof(text), "%.0f", json_get_double(type, "live_count", 0));
        table_put(&table, text);
        figure_growth(type, client->bytes, text);
        table_put(&table, text);
    }
    put_table(client, &table, title, out);
}

void evidence_put_tests(const struct client *client, const struct json_tree *tests,
                        const char *title, struct buf *out)
{
    static const char *const heads[] = {"PASSED", "TEST", NULL};
    struct table table;

    table_init(&table, heads);
    for (size_t i = 0; i < json_len(tests); i++) {
        const struct json_tree *test = json_at(tests, i);

        table_put(&table, json_get_bool(test, "passed", false) ? "yes" : "no");
        table_put(&table, json_get_str(test, "text", NULL));
    }
    put_table(client, &table, title, out);
}
