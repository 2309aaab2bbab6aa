/* SPDX-License-Identifier: MIT */
typedef int python_is_empty;
