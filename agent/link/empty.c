/* SPDX-License-Identifier: MIT */
typedef int link_is_empty;
