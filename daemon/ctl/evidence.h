/* SPDX-License-Identifier: MIT */
/* Sites, types and tests of the API as tables for people. */
#ifndef LEAKD_CTL_EVIDENCE_H
#define LEAKD_CTL_EVIDENCE_H

#include "daemon/ctl/client.h"

struct buf;

/* Under a title, which may be NULL; nothing at all when the array is empty. */
void evidence_put_sites(const struct client *client, const struct json_tree *sites,
                        const char *title, struct buf *out);
void evidence_put_types(const struct client *client, const struct json_tree *types,
                        const char *title, struct buf *out);
/* The tests behind a verdict. */
void evidence_put_tests(const struct client *client, const struct json_tree *tests,
                        const char *title, struct buf *out);

#endif
