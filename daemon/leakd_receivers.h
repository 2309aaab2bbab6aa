/* SPDX-License-Identifier: MIT */
/* What the HTTP side shows of the receivers, and the two things that it may ask of them. */
#ifndef LEAKD_LEAKD_RECEIVERS_H
#define LEAKD_LEAKD_RECEIVERS_H

#include "daemon/http/http.h"

struct alert;

/* As in struct http_receivers, with the alert as arg. */
bool leakd_receiver_at(const struct alert *alert, size_t index, struct http_receiver *out);
bool leakd_letter_at(const struct alert *alert, size_t index, bool dead, size_t letter,
                     struct http_letter *out);
int leakd_test_receiver(struct alert *alert, const char *name);

#endif
