/* SPDX-License-Identifier: MIT */
/*
 * Mangled names of C++ and Rust made readable, by the __cxa_demangle of the C++ library that is
 * installed, if one is. Without one, and for names that would unfold to something huge, there
 * is no answer.
 */
#ifndef LEAKD_SYMBOL_DEMANGLE_H
#define LEAKD_SYMBOL_DEMANGLE_H

/* To be freed; NULL: not mangled, or not readable. The hash at the end of Rust's legacy names is
 * left out: it changes with every build. */
char *demangle(const char *name);

#endif
