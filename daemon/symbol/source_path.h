/* SPDX-License-Identifier: MIT */
/* Paths of source files as compilers write them, made into one spelling each. Text only. */
#ifndef LEAKD_SYMBOL_SOURCE_PATH_H
#define LEAKD_SYMBOL_SOURCE_PATH_H

/* path, below folder when it is relative and does not begin with it, without "." and ".." parts as
 * far as that can be told. folder may be NULL. To be freed; NULL: no memory. */
char *source_path_join(const char *folder, const char *path);

#endif
