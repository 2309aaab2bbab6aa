/* SPDX-License-Identifier: MIT */
typedef int symbol_is_empty;
