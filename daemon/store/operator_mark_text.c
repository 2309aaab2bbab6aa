/* SPDX-License-Identifier: MIT */
#include "daemon/store/operator_mark_text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/base/buf.h"
#include "daemon/base/json.h"

void operator_mark_write(const struct operator_mark *mark, struct buf *out)
{
    struct json json;

    json_init(&json, out);
    json_object(&json, NULL);
    json_str(&json, "id", mark->id);
    json_u64(&json, "at_wall_ms", mark->at_wall_ms);
    json_bool(&json, "release", mark->is_release);
    json_str(&json, "text", mark->text);
    json_str(&json, "unit", mark->unit);
    json_str(&json, "process_id", mark->process_id);
    json_str(&json, "by", mark->by);
    json_object_end(&json);
}

#define TEXT(name) snprintf(out->name, sizeof(out->name), "%s", json_get_str(tree, #name, ""))

int operator_mark_read(const char *text, size_t len, struct operator_mark *out)
{
    char error[128];
    struct json_tree *tree = json_parse(text, len, error, sizeof(error));
    double at;

    if (!tree)
        return -EBADMSG;
    memset(out, 0, sizeof(*out));
    at = json_get_double(tree, "at_wall_ms", 0);
    out->at_wall_ms = at > 0 && at < 0x1p53 ? (uint64_t)at : 0;
    out->is_release = json_get_bool(tree, "release", false);
    TEXT(id);
    TEXT(text);
    TEXT(unit);
    TEXT(process_id);
    TEXT(by);
    json_tree_free(tree);
    return out->id[0] && out->at_wall_ms > 0 ? 0 : -EBADMSG;
}
