/* SPDX-License-Identifier: BSD-3-Clause
 * Mitchell's power for one float FORMAT: the antilogarithm of y log2(x), where log2(x) = l / 2^M is an integer of as
 * many bits as the format, so that y l has at most 54 bits for float32 and 115 for float64. It is formed exactly and
 * rounded once. Included by mitchell_functions.h. */

/* |y l| for y = significand 2^shift, rounded to an integer, of two ties the even one; what is no exponent any more
 * saturates at SIGN, as does every y of 2^(BITS - 1) or more: then l is 0, or the result too large or too small. */
#define TOO_LARGE (BITS - 1 - MANTISSA)

#if BITS == 64
/* In halves of 64 bits, each from products of 32: vectors have no others. 4 ns an element, 17 with __int128. */
INLINE WIDE NAME(power_logarithm)(WIDE l, WIDE significand, SIGNED_TYPE shift)
{
    const WIDE left = NAME(pick)(LESS(shift, TOO_LARGE), shift, TOO_LARGE) & LESS(0, shift);
    const WIDE right = NAME(pick)(LESS(-128, shift), 0 - shift, 127) & LESS(shift, 0);
    const WIDE low = (uint64_t)(uint32_t)l * (uint32_t)significand;
    const WIDE middle = (l >> 32) * (uint32_t)significand + (uint32_t)l * (significand >> 32) + (low >> 32);
    const WIDE upper = (l >> 32) * (significand >> 32) + (middle >> 32), lower = middle << 32 | (uint32_t)low;
    const WIDE twice_upper = upper << 1 | lower >> 63, twice_lower = lower << 1;

    const WIDE far = LESS(63, right), r = right & 63;
    const WIDE x = NAME(pick)(far, twice_upper, twice_lower), above = twice_upper & ~far;
    const WIDE halves = x >> r | above << 1 << (63 - r), kept = halves >> 1;
    const WIDE inexact = MASK(x >> r << r != x) | (far & MASK(twice_lower != 0)) | kept; /* or odd: in the lowest bit */
    const WIDE rounded = kept + (halves & inexact & 1);
    const WIDE large = MASK(above >> r != 0) | MASK(rounded >> (63 - left) != 0);
    return NAME(pick)(large, SIGN, rounded << left);
}
#else
#if BITS == 32
#define PRODUCT uint64_t
#define PRODUCT_BITS 64
#else
#define PRODUCT uint32_t
#define PRODUCT_BITS 32
#endif
INLINE WIDE NAME(power_logarithm)(WIDE l, WIDE significand, SIGNED_TYPE shift)
{
    const SIGNED_TYPE left = NAME(pick)(LESS(shift, TOO_LARGE), shift, TOO_LARGE) & LESS(0, shift);
    const SIGNED_TYPE right = NAME(pick)(LESS(-PRODUCT_BITS, shift), 0 - shift, PRODUCT_BITS - 1) & LESS(shift, 0);
    const PRODUCT twice = ((PRODUCT)significand * (PRODUCT)l) << 1, halves = twice >> right, kept = halves >> 1;
    const PRODUCT inexact = ((PRODUCT)0 - (halves << right != twice)) | kept; /* or odd: in the lowest bit */
    const PRODUCT r = (kept + (halves & inexact & 1)) << left, large = (PRODUCT)0 - (r >= SIGN);
    return (WIDE)((r & ~large) | (SIGN & large));
}
#undef PRODUCT
#undef PRODUCT_BITS
#endif
#undef TOO_LARGE

INLINE UINT NAME(power)(UINT a, UINT b)
{
    const WIDE m = a & MAGNITUDE, n = b & MAGNITUDE;
    const SIGNED_TYPE shift = SIGNED_WIDE(n >> MANTISSA) - (BIAS + MANTISSA); /* y = significand 2^shift */
    const WIDE significand = (n & FRACTION) | TINY;
    const WIDE below_one = LESS(m, ONE), to_zero = below_one ^ NAME(is_negative)(b);
    const WIDE l = NAME(pick)(below_one, WIDE_ONE - m, m - WIDE_ONE);
    const WIDE t = NAME(power_logarithm)(l, significand, shift);
    const WIDE extreme = NAME(is_zero)(a) | NAME(is_inf)(a); /* however small y is */
    const WIDE down = (WIDE_ONE - t) & ~(MASK(t > WIDE_ONE - TINY) | extreme);
    const WIDE up = NAME(pick)(MASK(t >= (WIDE)TOP - ONE) | extreme, TOP, WIDE_ONE + t);
    WIDE r = NAME(pick)(to_zero, down, up);

    /* y is an integer where no bit is below 2^0, odd where that at 2^0 is 1; from 2^(M + 1) on it is even */
    const WIDE below = NAME(pick)(LESS(-MANTISSA - 1, shift), 0 - shift, MANTISSA + 1) & LESS(shift, 0);
    const WIDE whole = significand >> below, integer = MASK(whole << below == significand);
    const WIDE odd = integer & ~LESS(0, shift) & MASK((whole & 1) != 0), negative = NAME(is_negative)(a);
    r |= negative & odd & SIGN;
    r = NAME(pick)(negative & ~integer & ~extreme, INVALID, r);
    r = NAME(nan_or)(a, NAME(nan_or)(b, r));
    return CONST(NAME(pick)(MASK(a == ONE) | NAME(is_zero)(b), ONE, r));
}
