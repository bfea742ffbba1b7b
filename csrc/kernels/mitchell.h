/* SPDX-License-Identifier: BSD-3-Clause
 * Mitchell's multiplication and division (J. N. Mitchell, 1962): log2(2^n (1 + x)) is taken as n + x, which for a
 * binary float is its bit pattern, less the bias. So a product is a sum of patterns, a quotient a difference. */
#include "../simd/vec.h"

/* Elements worked on at once. 8 registers of 32 bytes: enough that a block's set-up vanishes, small enough that one odd
 * value (an infinity, say) sends few elements through the slow loop. */
#define BLOCK_LENGTH(type) ((ptrdiff_t)(256 / sizeof(type)))

INLINE uint32_t FN(pattern)(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

INLINE float FN(from_pattern)(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* A reduction over a block. clang would rather unroll it than use vectors. */
#if defined(__clang__)
#define REDUCTION _Pragma("clang loop vectorize(enable) unroll(disable)")
#else
#define REDUCTION
#endif

/* REALM's corrections in units of 1/64, by the 4 upper fraction bits of both factors. */
static const uint8_t FN(realm_units)[16 * 16] = {
#include "mitchell_realm.inc"
};

#define MITCHELL_FORMAT "../kernels/mitchell_float.h"
#define MITCHELL_INTEGER "../kernels/mitchell_integer.h"

/* type, bits, mantissa bits, exponent bias, whether the top exponent holds infinities and NaNs only */
#define FORMAT f32
#define BITS 32
#define MANTISSA 23
#define BIAS 127
#define HAS_INF 1
#include MITCHELL_FORMAT

#define FORMAT f64
#define BITS 64
#define MANTISSA 52
#define BIAS 1023
#define HAS_INF 1
#include MITCHELL_FORMAT

#define FORMAT f16
#define BITS 16
#define MANTISSA 10
#define BIAS 15
#define HAS_INF 1
#include MITCHELL_FORMAT

#define FORMAT bf16
#define BITS 16
#define MANTISSA 7
#define BIAS 127
#define HAS_INF 1
#include MITCHELL_FORMAT

#define FORMAT e5m2
#define BITS 8
#define MANTISSA 2
#define BIAS 15
#define HAS_INF 1
#include MITCHELL_FORMAT

#define FORMAT e4m3 /* float8_e4m3fn: one NaN pattern a sign, everything else is finite */
#define BITS 8
#define MANTISSA 3
#define BIAS 7
#define HAS_INF 0
#include MITCHELL_FORMAT

/* ---- integers: the same on (msb, fraction), with the fraction left-aligned in 64 bits --------------------------- */

/* 2^k (1 + fraction / 2^64), truncated, modulo 2^64. */
INLINE uint64_t FN(antilog)(int k, uint64_t fraction)
{
    if (k < 0)
        return 0;
    if (k == 0)
        return 1;
    if (k < 64)
        return UINT64_C(1) << k | fraction >> (64 - k);
    return k < 128 ? fraction << (k - 64) : 0;
}

INLINE int FN(msb)(uint64_t x) { return 63 - __builtin_clzll(x); }

/* a = 2^k (1 + fraction / 2^64); two shifts, for a shift by 64 is undefined */
INLINE uint64_t FN(fraction)(uint64_t a, int k) { return a << (63 - k) << 1; }

INLINE uint64_t FN(multiply_magnitudes)(uint64_t a, uint64_t b)
{
    if (a == 0 || b == 0)
        return 0;
    const int k = FN(msb)(a), l = FN(msb)(b);
    const uint64_t x = FN(fraction)(a, k), sum = x + FN(fraction)(b, l);
    return FN(antilog)(k + l + (sum < x), sum);
}

INLINE uint64_t FN(divide_magnitudes)(uint64_t a, uint64_t b, unsigned *events)
{
    if (b == 0) {
        *events |= FASTOPS_DIVIDE_BY_ZERO;
        return 0;
    }
    if (a == 0)
        return 0;
    const int k = FN(msb)(a), l = FN(msb)(b);
    const uint64_t x = FN(fraction)(a, k), y = FN(fraction)(b, l);
    return FN(antilog)(k - l - (x < y), x - y);
}

/* Z. Babic, A. Avramovic, P. Bulic (2011): of a = 2^k + r and b = 2^l + s the product a 2^l + b 2^k - 2^(k + l), which
 * lacks r s; each correction adds the same estimate of what lacks. Modulo 2^64. */
INLINE uint64_t FN(multiply_ilm_magnitudes)(uint64_t a, uint64_t b, uint64_t corrections)
{
    uint64_t product = 0;
    while (a && b) {
        const int k = FN(msb)(a), l = FN(msb)(b);
        const uint64_t r = a ^ UINT64_C(1) << k;
        product += (r << l) + (b << k);
        if (corrections-- == 0)
            break;
        a = r;
        b ^= UINT64_C(1) << l;
    }
    return product;
}

#define INTEGER i8
#define VIA_FLOAT 1
#define IS_SIGNED 1
#define IN_TYPE int8_t
#define OUT_TYPE int16_t
#include MITCHELL_INTEGER

#define INTEGER u8
#define VIA_FLOAT 1
#define IS_SIGNED 0
#define IN_TYPE uint8_t
#define OUT_TYPE uint16_t
#include MITCHELL_INTEGER

#define INTEGER i16
#define VIA_FLOAT 1
#define IS_SIGNED 1
#define IN_TYPE int16_t
#define OUT_TYPE int32_t
#include MITCHELL_INTEGER

#define INTEGER u16
#define VIA_FLOAT 1
#define IS_SIGNED 0
#define IN_TYPE uint16_t
#define OUT_TYPE uint32_t
#include MITCHELL_INTEGER

#define INTEGER i32
#define VIA_FLOAT 0
#define IS_SIGNED 1
#define IN_TYPE int32_t
#define OUT_TYPE int64_t
#include MITCHELL_INTEGER

#define INTEGER u32
#define VIA_FLOAT 0
#define IS_SIGNED 0
#define IN_TYPE uint32_t
#define OUT_TYPE uint64_t
#include MITCHELL_INTEGER

#define INTEGER i64
#define VIA_FLOAT 0
#define IS_SIGNED 1
#define IN_TYPE int64_t
#define OUT_TYPE int64_t
#include MITCHELL_INTEGER

#define INTEGER u64
#define VIA_FLOAT 0
#define IS_SIGNED 0
#define IN_TYPE uint64_t
#define OUT_TYPE uint64_t
#include MITCHELL_INTEGER
