/* SPDX-License-Identifier: MIT */
#include "daemon/ctl/table.h"

#include <string.h>

#include "daemon/ctl/text.h"

#define TEXT_MAX (32u << 20)
#define GAP      2

static const char *head_text(const char *head)
{
    return head[0] == '>' ? head + 1 : head;
}

void table_init(struct table *table, const char *const *heads)
{
    memset(table, 0, sizeof(*table));
    table->heads = heads;
    buf_init(&table->text, TEXT_MAX);
    for (; heads[table->columns] && table->columns < TABLE_COLUMNS_MAX; table->columns++)
        table->width[table->columns] = strlen(head_text(heads[table->columns]));
}

void table_done(struct table *table)
{
    buf_done(&table->text);
}

void table_put(struct table *table, const char *text)
{
    size_t start = table->text.len;
    unsigned column = (unsigned)(table->cells++ % table->columns);
    size_t width;

    text_put_safe(&table->text, text);
    if (table->text.failed)
        return;
    width = text_width(table->text.data + start, table->text.len - start);
    if (width > table->width[column])
        table->width[column] = width;
    buf_putc(&table->text, '\0');
}

static const char *colour_of(const char *text)
{
    if (strcmp(text, "leak") == 0 || strcmp(text, "critical") == 0)
        return "\033[1;31m";
    if (strcmp(text, "suspect") == 0 || strcmp(text, "fragmentation") == 0 ||
        strcmp(text, "warning") == 0)
        return "\033[33m";
    return NULL;
}

static void put_spaces(struct buf *out, size_t count)
{
    while (count-- > 0)
        buf_putc(out, ' ');
}

static void print_cell(const struct table *table, unsigned column, const char *text, bool colour,
                       struct buf *out)
{
    size_t len = strlen(text);
    size_t padding = table->width[column] - text_width(text, len);
    bool right = table->heads[column][0] == '>';
    const char *paint = colour ? colour_of(text) : NULL;

    if (right)
        put_spaces(out, padding);
    if (paint)
        buf_puts(out, paint);
    buf_put(out, text, len);
    if (paint)
        buf_puts(out, "\033[0m");
    if (column + 1 == table->columns)
        return;
    put_spaces(out, (right ? 0 : padding) + GAP);
}

static void print_head(const struct table *table, struct buf *out)
{
    for (unsigned i = 0; i < table->columns; i++)
        print_cell(table, i, head_text(table->heads[i]), false, out);
    buf_putc(out, '\n');
}

bool table_print(const struct table *table, bool plain, bool colour, struct buf *out)
{
    const char *cell = table->text.data;

    if (table->text.failed)
        return false;
    if (!plain)
        print_head(table, out);
    for (size_t i = 0; i < table->cells; i++) {
        unsigned column = (unsigned)(i % table->columns);

        if (plain)
            buf_puts(out, cell);
        else
            print_cell(table, column, cell, colour, out);
        if (column + 1 == table->columns)
            buf_putc(out, '\n');
        else if (plain)
            buf_putc(out, '\t');
        cell += strlen(cell) + 1;
    }
    return !out->failed;
}
