/* SPDX-License-Identifier: MIT */
typedef int preload_is_empty;
