/* SPDX-License-Identifier: MIT */
typedef int ctl_is_empty;
