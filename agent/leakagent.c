/* SPDX-License-Identifier: MIT */
/* The shared object is made of the rooms; CMake wants one source of its own. */
typedef int leakagent_has_no_source_of_its_own;
