/* SPDX-License-Identifier: MIT */
/* The headers of an answer: security headers on everything, the rest as the reply says. */
#ifndef LEAKD_HTTP_HEADERS_H
#define LEAKD_HTTP_HEADERS_H

#include "daemon/http/reply.h"

void headers_each(const struct http_reply *reply,
                  void (*add)(void *arg, const char *name, const char *value), void *arg);

#endif
