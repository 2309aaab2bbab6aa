/* SPDX-License-Identifier: MIT */
/* JSON of any bytes: read without a fault; written as a string, any bytes are JSON again. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/buf.h"
#include "daemon/base/json.h"

static void check_read(const char *text, size_t size)
{
    char error[128] = "";
    struct json_tree *tree = json_parse(text, size, error, sizeof(error));

    if (!tree && !error[0])
        abort();
    for (size_t i = 0; i < json_len(tree) && i < 16; i++) {
        json_text(json_at(tree, i), "");
        json_number(json_at(tree, i), 0);
    }
    json_get_str(tree, "a", "");
    json_tree_free(tree);
}

static void check_write(const char *text, size_t size)
{
    char error[128] = "";
    struct json_tree *tree;
    struct json json;
    struct buf out;

    buf_init(&out, 1 << 20);
    json_init(&json, &out);
    json_object(&json, NULL);
    json_strn(&json, "a", text, size);
    json_object_end(&json);
    if (!out.failed) {
        tree = json_parse(out.data, out.len, error, sizeof(error));
        /* Strings of cJSON end at a NUL, so that a text with one may be refused. */
        if (!tree && !memchr(text, 0, size))
            abort();
        if (memchr(out.data, '<', out.len) || memchr(out.data, '&', out.len))
            abort();
        json_tree_free(tree);
    }
    buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_read((const char *)data, size);
    check_write((const char *)data, size);
    return 0;
}
