/* SPDX-License-Identifier: MIT */
typedef int store_is_empty;
