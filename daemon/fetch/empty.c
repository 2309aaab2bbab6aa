/* SPDX-License-Identifier: MIT */
typedef int fetch_is_empty;
