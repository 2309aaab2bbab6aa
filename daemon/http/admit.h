/* SPDX-License-Identifier: MIT */
/*
 * Which requests are answered at all. A page of somebody else, open in the browser of somebody who
 * may reach leakd, must neither read here (Host) nor change anything (Origin, content type).
 */
#ifndef LEAKD_HTTP_ADMIT_H
#define LEAKD_HTTP_ADMIT_H

#include "daemon/http/reply.h"

/* The Host headers of a request over TCP: the last one's value, NULL without one, and how many. On
 * false the reply is the refusal. */
bool admit_host(const char *host, unsigned count, unsigned port, const char *external_url,
                struct http_reply *reply);

/* A request that changes something: from leakd's own page or from no browser, and its body, if it
 * has one, declared as JSON. On false the reply is the refusal. */
bool admit_change(const struct http_request *request, struct http_reply *reply);

#endif
