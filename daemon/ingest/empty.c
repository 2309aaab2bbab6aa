/* SPDX-License-Identifier: MIT */
typedef int ingest_is_empty;
