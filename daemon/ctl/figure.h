/* SPDX-License-Identifier: MIT */
/* Figures of the API's shapes as text for a cell; null and missing give "-". */
#ifndef LEAKD_CTL_FIGURE_H
#define LEAKD_CTL_FIGURE_H

#include <stdbool.h>
#include <stddef.h>

struct json_tree;

#define FIGURE_MAX 128

/* raw: plain numbers in bytes and seconds. */
void figure_bytes(const struct json_tree *object, const char *key, bool raw, char out[FIGURE_MAX]);
void figure_growth(const struct json_tree *object, bool raw, char out[FIGURE_MAX]);
void figure_forecast(const struct json_tree *object, bool raw, char out[FIGURE_MAX]);
/* UTC, "2026-11-22 09:12:00Z". */
void figure_time(const struct json_tree *object, const char *key, bool raw, char out[FIGURE_MAX]);
/* "orders/cache.py:88 store()" */
void figure_frame(const struct json_tree *site, char *out, size_t size);

#endif
