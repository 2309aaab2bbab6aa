/* SPDX-License-Identifier: MIT */
typedef int detect_is_empty;
