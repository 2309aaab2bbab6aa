/* SPDX-License-Identifier: MIT */
/* The few functions of statistics that the test needs, from + - * / and sqrt alone: IEEE 754 fixes
 * those to the last bit, a libm's log or pow it does not. */
#ifndef LEAKD_DETECT_STAT_H
#define LEAKD_DETECT_STAT_H

/* Natural logarithm of x >= 1, to 1e-14. */
double stat_log(double x);

/* The standard normal value as improbable as t with so many degrees of freedom; keeps the sign. */
double stat_normal_of_t(double t, double freedom);

/* 97.5 % quantile of Student's t, freedom >= 1 and not only whole; within 0.5 %. */
double stat_t_quantile(double freedom);

#endif
