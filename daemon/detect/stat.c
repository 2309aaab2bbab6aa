/* SPDX-License-Identifier: MIT */
#include "daemon/detect/stat.h"

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define LN2 0.69314718055994530942

/* x = m * 2^exponent with m in [0.75, 1.5), taken from the bits: frexp without a libm. */
static double split(double x, int *exponent)
{
    uint64_t bits;

    memcpy(&bits, &x, sizeof(bits));
    *exponent = (int)(bits >> 52 & 0x7ff) - 1023;
    bits = (bits & 0xfffffffffffffULL) | (uint64_t)1023 << 52;
    memcpy(&x, &bits, sizeof(x));
    if (x < 1.5)
        return x;
    ++*exponent;
    return x / 2;
}

/* ln m = 2 artanh((m - 1) / (m + 1)); the series ends below 1e-16 for |s| <= 0.2. */
double stat_log(double x)
{
    int exponent;
    double m = split(x, &exponent);
    double s = (m - 1) / (m + 1);
    double s2 = s * s;
    static const double inverse[] = {1.0 / 21, 1.0 / 19, 1.0 / 17, 1.0 / 15, 1.0 / 13, 1.0 / 11,
                                     1.0 / 9,  1.0 / 7,  1.0 / 5,  1.0 / 3,  1};
    double sum = 0;

    for (size_t i = 0; i < sizeof(inverse) / sizeof(inverse[0]); i++)
        sum = sum * s2 + inverse[i];
    return 2 * s * sum + exponent * LN2;
}

/* Wallace's approximation. */
double stat_normal_of_t(double t, double freedom)
{
    double z =
        (8 * freedom + 1) / (8 * freedom + 3) * sqrt(freedom * stat_log(1 + t * t / freedom));

    return t < 0 ? -z : z;
}

/* Linear in 1 / freedom between exact values. */
double stat_t_quantile(double freedom)
{
    static const struct {
        double inverse;
        double quantile;
    } table[] = {
        {0, 1.95996},        {1.0 / 60, 2.00030},   {1.0 / 30, 2.04227},  {1.0 / 20, 2.08596},
        {1.0 / 14, 2.14479}, {1.0 / 10, 2.22814},   {1.0 / 8, 2.30600},   {1.0 / 6, 2.44691},
        {1.0 / 5, 2.57058},  {1.0 / 4, 2.77645},    {1.0 / 3, 3.18245},   {1.0 / 2.5, 3.57465},
        {1.0 / 2, 4.30265},  {1.0 / 1.75, 4.94885}, {1.0 / 1.5, 6.01666}, {1.0 / 1.25, 8.02795},
        {1, 12.70620},
    };
    double inverse = freedom > 1 ? 1 / freedom : 1;
    size_t i = 1;

    while (table[i].inverse < inverse)
        i++;
    return table[i - 1].quantile + (table[i].quantile - table[i - 1].quantile) *
                                       (inverse - table[i - 1].inverse) /
                                       (table[i].inverse - table[i - 1].inverse);
}
