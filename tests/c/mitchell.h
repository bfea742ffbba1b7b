/* SPDX-License-Identifier: BSD-3-Clause
 * Mitchell's product and quotient of floats, by their definition on real numbers. */
#ifndef MITCHELL_H
#define MITCHELL_H

#include "formats.h"

/* n + x where a = 2^n (1 + x), in units of 2^-52: exact in every format. */
static inline __int128 mitchell_logarithm(double a)
{
    int n;
    const double x = 2 * frexp(a, &n) - 1;
    return (__int128)(n - 1) * (INT64_C(1) << 52) + (__int128)ldexp(x, 52);
}

static inline double mitchell_antilogarithm(__int128 s, int *n)
{
    const __int128 one = (__int128)1 << 52;
    __int128 x = s % one;
    x = x < 0 ? x + one : x;
    *n = (int)((s - x) / one);
    return ldexp(1 + ldexp((double)x, -52), *n);
}

/* The magnitude of a finite number; subnormal ones count as 0. */
static inline double mitchell_magnitude(format f, uint64_t pattern)
{
    const double magnitude = fabs(value_of(f, pattern));
    return magnitude < ldexp(1, 1 - f.bias) ? 0 : magnitude;
}

static inline uint64_t mitchell_invalid(format f) { return top_of(f) | quiet_bit(f); }

static inline uint64_t mitchell_result(format f, uint64_t sign, __int128 logarithm)
{
    int n;
    const double r = mitchell_antilogarithm(logarithm, &n);
    return sign | (n < 1 - f.bias ? 0 : pattern_of(f, r));
}

static inline uint64_t mitchell_product(format f, uint64_t a, uint64_t b)
{
    const uint64_t sign = (a ^ b) & sign_bit(f);
    const double x = mitchell_magnitude(f, a), y = mitchell_magnitude(f, b);
    if (is_nan(f, a) || is_nan(f, b))
        return (is_nan(f, a) ? a : b) | quiet_bit(f);
    if (isinf(x) || isinf(y))
        return x == 0 || y == 0 ? mitchell_invalid(f) : sign | top_of(f);
    if (x == 0 || y == 0)
        return sign;
    return mitchell_result(f, sign, mitchell_logarithm(x) + mitchell_logarithm(y));
}

static inline uint64_t mitchell_quotient(format f, uint64_t a, uint64_t b)
{
    const uint64_t sign = (a ^ b) & sign_bit(f);
    const double x = mitchell_magnitude(f, a), y = mitchell_magnitude(f, b);
    if (is_nan(f, a) || is_nan(f, b))
        return (is_nan(f, a) ? a : b) | quiet_bit(f);
    if (isinf(x) || y == 0)
        return isinf(y) || x == 0 ? mitchell_invalid(f) : sign | top_of(f);
    if (x == 0 || isinf(y))
        return sign;
    return mitchell_result(f, sign, mitchell_logarithm(x) - mitchell_logarithm(y));
}

#endif
