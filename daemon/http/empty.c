/* SPDX-License-Identifier: MIT */
typedef int http_is_empty;
