/* SPDX-License-Identifier: BSD-3-Clause
 * Mitchell's product and quotient, and Babic's product, of integers: on magnitudes of 64 bits, and with signs. */
#ifndef MITCHELL_INTEGERS_H
#define MITCHELL_INTEGERS_H

#include <stdint.h>

typedef unsigned __int128 u128;

static inline int msb(uint64_t x)
{
    int k = -1;
    for (; x; x >>= 1)
        k++;
    return k;
}

/* 2^(k+l) (1 + x + y), or 2^(k+l+1) (x + y) where x + y >= 1: always an integer. */
static inline uint64_t product(uint64_t a, uint64_t b)
{
    if (a == 0 || b == 0)
        return 0;
    const int k = msb(a), l = msb(b);
    const u128 one = (u128)1 << (k + l);
    const u128 sum = ((u128)a << l) - one + ((u128)b << k) - one; /* 2^(k+l) (x + y) */
    return (uint64_t)(sum < one ? one + sum : 2 * sum);
}

/* 2^(k-l) (1 + x - y), or 2^(k-l-1) (2 + x - y) where x < y: truncated. */
static inline uint64_t quotient(uint64_t a, uint64_t b)
{
    if (a == 0 || b == 0)
        return 0;
    const int k = msb(a), l = msb(b);
    const u128 one = (u128)1 << 63;
    const u128 x = ((u128)a << (63 - k)) - one, y = ((u128)b << (63 - l)) - one;
    const u128 significand = x >= y ? one + x - y : 2 * one + x - y;
    const int shift = 63 - (k - l) + (x < y); /* 0 .. 127 */
    return (uint64_t)(significand >> shift);
}

/* 2^(k+l) (1 + x + y) without a carry, and as often as corrections say the same of what is left; modulo 2^64. */
static inline uint64_t iterated(uint64_t a, uint64_t b, uint64_t corrections)
{
    u128 sum = 0;
    for (uint64_t done = 0; a && b && done <= corrections; done++) {
        const u128 p = (u128)1 << msb(a), q = (u128)1 << msb(b);
        sum += p * q + (a - p) * q + (b - q) * p;
        a -= (uint64_t)p, b -= (uint64_t)q;
    }
    return (uint64_t)sum;
}

#endif
