/* SPDX-License-Identifier: MIT */
typedef int alert_is_empty;
