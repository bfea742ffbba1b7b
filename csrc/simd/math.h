/* SPDX-License-Identifier: BSD-3-Clause
 * Elementary functions of vectors. */
#ifndef FASTOPS_MATH_H
#define FASTOPS_MATH_H

#include "vec.h"

/* x + ROUNDER has no room for a fraction: its low bits are the integer nearest to x, ties to even. */
#define ROUNDER_f64 0x1.8p52 /* |x| < 2^51 */
#define ROUNDER_f32 0x1.8p23f /* |x| < 2^22 */

/* sin and cos of |x| < 2^31, within 2^-52 (absolute). No fma: the same bits on every ISA. pi/2 stands in three parts of
 * 22, 22 and 53 bits, so that k * part1 and k * part2 are exact for every k that occurs (31 bits). The polynomials are
 * the minimax ones of sin(r)/r and cos(r) on [-pi/4, pi/4] that every libm uses. */
INLINE void sincos_f64(f64v x, f64v *sine, f64v *cosine)
{
    const double part1 = 0x1.921fbp+0, part2 = 0x1.5110bp-22, part3 = 0x1.18469898cc517p-44;
    const f64v shifted = x * 0x1.45f306dc9c883p-1 + ROUNDER_f64, k = shifted - ROUNDER_f64;
    const f64v r = ((x - k * part1) - k * part2) - k * part3, z = r * r;

    const f64v s = r + r * z *
                           (-0x1.5555555555549p-3 +
                            z * (0x1.111111110f8a6p-7 +
                                 z * (-0x1.a01a019c161d5p-13 +
                                      z * (0x1.71de357b1fe7dp-19 +
                                           z * (-0x1.ae5e68a2b9cebp-26 + z * 0x1.5d93a5acfd57cp-33)))));
    const f64v c = (1.0 - 0.5 * z) +
                   z * z *
                       (0x1.555555555554cp-5 +
                        z * (-0x1.6c16c16c15177p-10 +
                             z * (0x1.a01a019cb1590p-16 +
                                  z * (-0x1.27e4f809c52adp-22 +
                                       z * (0x1.1ee9ebdb4b1c4p-29 + z * -0x1.8fae9be8838d4p-37)))));

    const u64v quadrant = (u64v)shifted, odd = -(quadrant & 1);
    const u64v sine_sign = (quadrant & 2) << 62, cosine_sign = ((quadrant + 1) & 2) << 62;
    *sine = (f64v)(((odd & (u64v)c) | (~odd & (u64v)s)) ^ sine_sign);
    *cosine = (f64v)(((odd & (u64v)s) | (~odd & (u64v)c)) ^ cosine_sign);
}

INLINE f32v fma_f32(f32v a, f32v b, f32v c)
{
#if defined(__AVX512F__)
    return _mm512_fmadd_ps(a, b, c);
#elif defined(__FMA__)
    return _mm256_fmadd_ps(a, b, c);
#elif defined(__aarch64__)
    return vfmaq_f32(c, a, b);
#else
    return a * b + c; /* no software fma: 20 times slower, for half an ulp */
#endif
}

INLINE f64v fma_f64(f64v a, f64v b, f64v c)
{
#if defined(__AVX512F__)
    return _mm512_fmadd_pd(a, b, c);
#elif defined(__FMA__)
    return _mm256_fmadd_pd(a, b, c);
#elif defined(__aarch64__)
    return vfmaq_f64(c, a, b);
#else
    return a * b + c;
#endif
}

/* 2^(x - exponent) for a whole exponent, within 2 ulp: 0 where it is less than half the smallest normal number, NaN where
 * x is; it must not overflow. The fraction of x alone is rounded: scaling by exponent is
 * exact, so results for two exponents differ by a power of two. The float32 polynomial is the minimax one of
 * (2^f - 1)/f on [-1/2, 1/2], rounded one coefficient after the other (relative error 0.05 * 2^-24); that of float64 is
 * Taylor's (error 0.02 * 2^-53). */
INLINE f32v exp2_f32(f32v x, f32v exponent)
{
    x = max_f32(all_f32(-0x1p101f), x); /* -inf has no fraction; in this order, a NaN comes through */
    const f32v whole = round_f32(x), f = x - whole;
    f32v p = all_f32(0x1.416b5p-13f);
    p = fma_f32(p, f, all_f32(0x1.5f082ep-10f));
    p = fma_f32(p, f, all_f32(0x1.3b2dep-7f));
    p = fma_f32(p, f, all_f32(0x1.c6af7cp-5f));
    p = fma_f32(p, f, all_f32(0x1.ebfbdcp-3f));
    p = fma_f32(p, f, all_f32(0x1.62e43p-1f));
    p = fma_f32(p, f, all_f32(1.0f));
    const f32v biased = max_f32(whole - exponent, all_f32(-127.0f)) + (ROUNDER_f32 + 127.0f);
    return p * (f32v)((u32v)biased << 23);
}

INLINE f64v exp2_f64(f64v x, f64v exponent)
{
    static const double taylor[] = {
        0x1.c3bd650fc2986p-36,
        0x1.e8cac7351bb25p-32,
        0x1.e4cf5158b8ecap-28,
        0x1.b5253d395e7c4p-24,
        0x1.62c0223a5c824p-20,
        0x1.ffcbfc588b0c7p-17,
        0x1.430912f86c787p-13,
        0x1.5d87fe78a6731p-10,
        0x1.3b2ab6fba4e77p-7,
        0x1.c6b08d704a0c0p-5,
        0x1.ebfbdff82c58fp-3,
        0x1.62e42fefa39efp-1,
        0x1.0000000000000p+0,
    };
    x = max_f64(all_f64(-0x1p101), x);
    const f64v whole = round_f64(x), f = x - whole;
    f64v p = all_f64(0x1.816193166d0f9p-40);
    for (int i = 0; i < (int)(sizeof taylor / sizeof *taylor); i++)
        p = fma_f64(p, f, all_f64(taylor[i]));
    const f64v biased = max_f64(whole - exponent, all_f64(-1023.0)) + (ROUNDER_f64 + 1023.0);
    return p * (f64v)((u64v)biased << 52);
}

#endif
