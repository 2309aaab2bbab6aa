/* SPDX-License-Identifier: MIT */
typedef int watch_is_empty;
