/* SPDX-License-Identifier: MIT */
/*
 * The dashboard's files from a folder instead of from the binary, read anew for every request: for
 * work on the page. Blocks the loop for as long as the disk does, so not for production.
 */
#ifndef LEAKD_HTTP_ASSET_FOLDER_H
#define LEAKD_HTTP_ASSET_FOLDER_H

#include "daemon/http/reply.h"

/* path starts with "/"; never leaves root. A problem in reply when it cannot be read. */
void asset_folder_reply(const char *root, const char *path, struct http_reply *reply);

#endif
