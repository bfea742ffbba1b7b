/* SPDX-License-Identifier: BSD-3-Clause
 * Mitchell's other functions of floats, by their definition: logarithms are integers in units of 2^-52, significands in
 * units of 2^-M. */
#ifndef MITCHELL_FUNCTIONS_H
#define MITCHELL_FUNCTIONS_H

#include "mitchell.h"

static const unsigned char realm_units[16 * 16] = {
#include "kernels/mitchell_realm.inc"
};

/* 2^-M in units of 2^-52. */
static inline int64_t mitchell_unit(format f) { return INT64_C(1) << (52 - f.mantissa); }

static inline __int128 floor_half(__int128 x, __int128 unit)
{
    const __int128 q = x / (2 * unit);
    return (q - (x % (2 * unit) < 0)) * unit;
}

/* The root, of logarithm `half`, of a number; at_zero and at_inf are its limits. */
static inline uint64_t mitchell_root(format f, uint64_t a, uint64_t at_zero, uint64_t at_inf, int inverse)
{
    const double x = mitchell_magnitude(f, a);
    if (is_nan(f, a))
        return a | quiet_bit(f);
    if (x == 0)
        return at_zero | (a & sign_bit(f));
    if (a & sign_bit(f))
        return mitchell_invalid(f);
    if (isinf(x))
        return at_inf;
    const __int128 l = mitchell_logarithm(x);
    return mitchell_result(f, 0, floor_half(inverse ? -l : l, mitchell_unit(f)));
}

static inline uint64_t mitchell_log2(format f, uint64_t a)
{
    const double x = mitchell_magnitude(f, a);
    if (is_nan(f, a))
        return a | quiet_bit(f);
    if (x == 0)
        return sign_bit(f) | top_of(f);
    if (a & sign_bit(f))
        return mitchell_invalid(f);
    return isinf(x) ? top_of(f) : pattern_of(f, ldexp((double)(int64_t)mitchell_logarithm(x), -52));
}

/* c as a multiple of 2^-M, in units of 2^-52; beyond 2^14 like 2^14. */
static inline __int128 mitchell_fixed(format f, double c)
{
    const double near = c > 0x1p14 ? 0x1p14 : c < -0x1p14 ? -0x1p14 : c;
    return (__int128)rint(ldexp(near, f.mantissa)) * mitchell_unit(f);
}

static inline uint64_t mitchell_exp2(format f, uint64_t a)
{
    const double v = value_of(f, a);
    if (is_nan(f, a))
        return a | quiet_bit(f);
    return mitchell_result(f, 0, mitchell_fixed(f, v));
}

/* x y or x / y (divide = 1) with c added to the logarithm; not for a NaN c. */
static inline uint64_t mitchell_offset(format f, uint64_t a, uint64_t b, double c, int divide)
{
    const uint64_t sign = (a ^ b) & sign_bit(f), special = divide ? mitchell_quotient(f, a, b) : mitchell_product(f, a, b);
    const double x = mitchell_magnitude(f, a), y = mitchell_magnitude(f, b);
    if (is_nan(f, a) || is_nan(f, b) || is_nan(f, special))
        return special;
    const int zero = x == 0 || (divide ? isinf(y) : y == 0), infinite = isinf(x) || (divide ? y == 0 : isinf(y));
    if ((zero && c == INFINITY) || (infinite && c == -INFINITY))
        return mitchell_invalid(f);
    if (zero || infinite || isinf(c))
        return sign | (infinite || c == INFINITY ? top_of(f) : 0);
    const __int128 m = mitchell_logarithm(x), n = mitchell_logarithm(y);
    return mitchell_result(f, sign, (divide ? m - n : m + n) + mitchell_fixed(f, c));
}

static inline uint64_t mitchell_lmul(format f, uint64_t a, uint64_t b)
{
    const int m = f.mantissa;
    const double x = mitchell_magnitude(f, a), y = mitchell_magnitude(f, b);
    if (is_nan(f, a) || is_nan(f, b) || x == 0 || y == 0 || isinf(x) || isinf(y))
        return mitchell_product(f, a, b);
    return mitchell_offset(f, a, b, ldexp(1, m <= 3 ? -m : m == 4 ? -3 : -4), 0);
}

/* With corrections of the significand: by 5/64, or from REALM's table. */
static inline uint64_t mitchell_corrected(format f, uint64_t a, uint64_t b, int realm)
{
    const double x = mitchell_magnitude(f, a), y = mitchell_magnitude(f, b);
    if (is_nan(f, a) || is_nan(f, b) || x == 0 || y == 0 || isinf(x) || isinf(y))
        return mitchell_product(f, a, b);
    int m, n;
    const int64_t one = INT64_C(1) << f.mantissa;
    const int64_t u = (int64_t)ldexp(2 * frexp(x, &m) - 1, f.mantissa), v = (int64_t)ldexp(2 * frexp(y, &n) - 1, f.mantissa);
    const int64_t c = one / 64 * (realm ? realm_units[16 * (16 * u / one) + 16 * v / one] : 0) + (realm ? 0 : 5 * one / 64);
    int64_t exponent = m + n - 2, fraction; /* of 2^exponent (1 + fraction) */
    if (u + v >= one) {
        exponent += 1;
        fraction = u + v - one + (u + v - one + c / 2 < one ? c / 2 : 0);
    } else if (u + v + c >= one) {
        exponent += 1;
        fraction = (u + v + c - one) / 2;
    } else
        fraction = u + v + c;
    return mitchell_result(f, (a ^ b) & sign_bit(f), (__int128)exponent * (INT64_C(1) << 52) + fraction * mitchell_unit(f));
}

/* y l, l in units of 2^-52, as a multiple of 2^-M, of two ties the even one; beyond 2^14 like 2^14. */
static inline __int128 mitchell_times(format f, double y, __int128 l)
{
    int e;
    const int64_t significand = (int64_t)ldexp(frexp(fabs(y), &e), 53);
    const int negative = (y < 0) != (l < 0), shift = e - 53 - (52 - f.mantissa); /* of the product, to units of 2^-M */
    const unsigned __int128 p = (unsigned __int128)significand * (unsigned __int128)(l < 0 ? -l : l);
    unsigned __int128 r = 0;
    if (shift >= 0)
        r = p && (shift > 24 || p >> (100 - shift)) ? ~(unsigned __int128)0 : p << (shift > 24 ? 0 : shift);
    else if (shift > -128) {
        const unsigned __int128 half = (unsigned __int128)1 << (-shift - 1), rest = p & (2 * half - 1);
        r = (p >> -shift) + (rest > half || (rest == half && (p >> -shift & 1)));
    }
    const __int128 most = (__int128)1 << (f.mantissa + 14), units = r > (unsigned __int128)most ? most : (__int128)r;
    return (negative ? -units : units) * mitchell_unit(f);
}

static inline uint64_t mitchell_power(format f, uint64_t a, uint64_t b)
{
    const uint64_t one = (uint64_t)f.bias << f.mantissa;
    const double x = mitchell_magnitude(f, a), magnitude = mitchell_magnitude(f, b);
    const double y = b & sign_bit(f) ? -magnitude : magnitude;
    if (a == one || (!is_nan(f, b) && y == 0))
        return one;
    if (is_nan(f, a) || is_nan(f, b))
        return (is_nan(f, a) ? a : b) | quiet_bit(f);
    const uint64_t sign = isfinite(y) && fabs(fmod(y, 2)) == 1 ? a & sign_bit(f) : 0;
    if (x == 0 || isinf(x) || isinf(y)) {
        if (x == 1)
            return one;
        return sign | ((x > 1) == (y > 0) ? top_of(f) : 0);
    }
    if (a & sign_bit(f) && y != trunc(y))
        return mitchell_invalid(f);
    return mitchell_result(f, sign, mitchell_times(f, y, mitchell_logarithm(x)));
}

#endif
