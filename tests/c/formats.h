/* SPDX-License-Identifier: BSD-3-Clause
 * Float formats by their definition, on real numbers held in a double: slow, and like nothing in csrc. */
#ifndef FORMATS_H
#define FORMATS_H

#include <math.h>
#include <stdint.h>
#include <string.h>

/* float32 and float64 as patterns, and back. */
static inline float as_float(uint64_t pattern)
{
    const uint32_t bits = (uint32_t)pattern;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline uint64_t of_float(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline double as_double(uint64_t pattern)
{
    double x;
    memcpy(&x, &pattern, sizeof x);
    return x;
}

static inline uint64_t of_double(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

typedef struct {
    int bits, mantissa, bias;
    int has_inf; /* else the last pattern of each sign is NaN, and everything before it a number */
} format;

#define FORMAT_F64 {64, 52, 1023, 1}
#define FORMAT_F32 {32, 23, 127, 1}
#define FORMAT_F16 {16, 10, 15, 1}
#define FORMAT_BF16 {16, 7, 127, 1}
#define FORMAT_E5M2 {8, 2, 15, 1}
#define FORMAT_E4M3 {8, 3, 7, 0}

static inline uint64_t sign_bit(format f) { return UINT64_C(1) << (f.bits - 1); }

/* What overflow gives: infinity, or NaN where there is none. */
static inline uint64_t top_of(format f)
{
    const uint64_t last = sign_bit(f) - 1;
    return f.has_inf ? last >> f.mantissa << f.mantissa : last;
}

static inline uint64_t quiet_bit(format f) { return UINT64_C(1) << (f.mantissa - 1); }

static inline int is_nan(format f, uint64_t pattern)
{
    const uint64_t magnitude = pattern & (sign_bit(f) - 1);
    return f.has_inf ? magnitude > top_of(f) : magnitude == top_of(f);
}

static inline double value_of(format f, uint64_t pattern)
{
    const uint64_t magnitude = pattern & (sign_bit(f) - 1), one = UINT64_C(1) << f.mantissa;
    const int exponent = (int)(magnitude >> f.mantissa);
    double value;
    if (is_nan(f, pattern))
        return NAN;
    if (f.has_inf && magnitude == top_of(f))
        value = INFINITY;
    else if (exponent == 0)
        value = ldexp((double)magnitude, 1 - f.bias - f.mantissa);
    else
        value = ldexp((double)(magnitude % one + one), exponent - f.bias - f.mantissa);
    return pattern & sign_bit(f) ? -value : value;
}

/* The pattern of the number nearest to x, of two the even one; x is not NaN. */
static inline uint64_t pattern_of(format f, double x)
{
    const uint64_t sign = signbit(x) ? sign_bit(f) : 0;
    int exponent;
    frexp(x, &exponent);
    exponent -= 1;
    if (x == 0)
        return sign;
    if (isinf(x) || exponent > f.bias + 1)
        return sign | top_of(f);
    if (exponent < 1 - f.bias)
        exponent = 1 - f.bias;
    const double units = rint(ldexp(fabs(x), f.mantissa - exponent)); /* of the last place */
    const uint64_t magnitude = ((uint64_t)(exponent + f.bias - 1) << f.mantissa) + (uint64_t)units;
    return sign | (magnitude < top_of(f) ? magnitude : top_of(f));
}

/* One rounding of a float32 to a narrower format, NaNs too: quiet, the payload's upper bits kept. */
static inline uint64_t narrow(format f, float x)
{
    const format wide = FORMAT_F32;
    const uint64_t pattern = of_float(x);
    if (!is_nan(wide, pattern))
        return pattern_of(f, (double)x);
    const uint64_t payload = pattern % (UINT64_C(1) << wide.mantissa) >> (wide.mantissa - f.mantissa);
    return (pattern >> 31 ? sign_bit(f) : 0) | top_of(f) | quiet_bit(f) | payload;
}

#endif
