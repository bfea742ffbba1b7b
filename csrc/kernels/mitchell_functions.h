/* SPDX-License-Identifier: BSD-3-Clause
 * Mitchell's roots, logarithm, powers and corrected products for one float FORMAT that has infinities and more than 8
 * bits. Included by mitchell_float.h. Every element takes the same way, by selection: 0.3 to 0.6 ns in float32.
 *
 * WIDE: what is computed in, and holds three patterns of 1 as well as two of the largest number. */

#if BITS == 64
#define LANE_BITS 64
#else
#define LANE_BITS 32
#endif
#define WIDE JOIN(JOIN(uint, LANE_BITS), _t)
#define SIGNED_WIDE(x) ((SIGNED_TYPE)(x))
#define WIDE_ONE ((WIDE)ONE)
#define SIGNED_TYPE JOIN(JOIN(int, LANE_BITS), _t)
#define FRACTION ((WIDE)TINY - 1)

/* Conditions are masks, for where one is a branch, gcc makes no vectors of a loop that computes floats or shifts. */
#define MASK(condition) ((WIDE)0 - (WIDE)(condition))
#define LESS(a, b) MASK(SIGNED_WIDE(a) < SIGNED_WIDE(b)) /* of numbers with a sign: one instruction */

INLINE WIDE NAME(pick)(WIDE mask, WIDE yes, WIDE no) { return (yes & mask) | (no & ~mask); }

INLINE WIDE NAME(is_zero)(WIDE a) { return LESS(a & MAGNITUDE, TINY); }
INLINE WIDE NAME(is_inf)(WIDE a) { return MASK((a & MAGNITUDE) == TOP); }
INLINE WIDE NAME(is_negative)(WIDE a) { return MASK((a & SIGN) != 0); }
INLINE WIDE NAME(nan_or)(WIDE a, WIDE r) { return NAME(pick)(LESS(TOP, a & MAGNITUDE), a | QUIET, r); }

/* The pattern sum - ONE, out of range 0 or TOP. */
INLINE WIDE NAME(ranged)(WIDE sum)
{
    const WIDE r = (sum - ONE) & ~MASK(sum < WIDE_ONE + TINY);
    return NAME(pick)(MASK(sum >= WIDE_ONE + TOP), TOP, r);
}

/* The result of a sum of logarithms that starts from a and b, where it is 0 or infinite, and else by the sum. */
INLINE WIDE NAME(result)(WIDE a, WIDE b, WIDE sum, WIDE zero, WIDE infinite)
{
    const WIDE r = NAME(pick)(infinite, TOP, NAME(ranged)(sum) & ~zero) | ((a ^ b) & SIGN);
    return NAME(nan_or)(a, NAME(nan_or)(b, NAME(pick)(zero & infinite, INVALID, r)));
}

/* ---- roots ------------------------------------------------------------------------------------------------------- */

INLINE UINT NAME(square)(UINT a) { return NAME(multiply_any)(a, a); }
INLINE UINT NAME(reciprocal)(UINT a) { return NAME(divide_any)(ONE, a); }

/* The special values of a root: at zeros, at infinity, and below 0. */
INLINE UINT NAME(root)(WIDE a, WIDE r, WIDE at_zero, WIDE at_infinity)
{
    r = NAME(pick)(NAME(is_inf)(a), at_infinity, r);
    r = NAME(pick)(NAME(is_negative)(a), INVALID, r);
    r = NAME(pick)(NAME(is_zero)(a), at_zero, r);
    return CONST(NAME(nan_or)(a, r));
}

INLINE UINT NAME(sqrt)(UINT a)
{
    return NAME(root)(a, ((WIDE)(a & MAGNITUDE) + ONE) >> 1, a & SIGN, TOP);
}

INLINE UINT NAME(rsqrt)(UINT a)
{
    return NAME(root)(a, (3 * WIDE_ONE - (a & MAGNITUDE)) >> 1, TOP | (a & SIGN), 0);
}

/* ---- logarithm and its inverse ----------------------------------------------------------------------------------- */

/* The pattern of l / 2^M, with a sign; one rounding, of two ties the even one. */
INLINE WIDE NAME(unfixed)(WIDE l)
{
#if BITS == 64 /* no conversion of 64 bits before AVX-512: the upper and the lower half as 2^84 + x and 2^52 + x, exactly */
    const uint64_t upper = (l >> 32) ^ UINT64_C(0x4530000080000000), lower = (uint32_t)l | UINT64_C(0x4330000000000000);
    double x, y;
    memcpy(&x, &upper, sizeof x);
    memcpy(&y, &lower, sizeof y);
    x = ((x - (0x1p84 + 0x1p63 + 0x1p52)) + y) * 0x1p-52;
    memcpy(&l, &x, sizeof x);
    return l;
#else
    const uint32_t bits = FN(pattern)((float)SIGNED_WIDE(l) * (1 / (float)TINY));
#if BITS == 32
    return bits;
#else /* never subnormal; 0 stays 0 */
    const uint32_t magnitude = bits & 0x7fffffff, drop = 23 - MANTISSA, rebias = (uint32_t)(127 - BIAS) << 23;
    const uint32_t odd = magnitude >> drop & 1;
    const uint32_t r = (magnitude - rebias + ((1u << (drop - 1)) - 1) + odd) >> drop;
    return (r | (bits >> 16 & SIGN)) & MASK(magnitude != 0);
#endif
#endif
}

INLINE UINT NAME(log2)(UINT a)
{
    return NAME(root)(a, NAME(unfixed)((WIDE)(a & MAGNITUDE) - ONE), TOP | SIGN, TOP);
}

/* |c| 2^M rounded to an integer, of two ties the even one. Saturates. */
INLINE WIDE NAME(fixed)(WIDE c)
{
    enum { FITS = LANE_BITS - MANTISSA - 1, VANISHES = MANTISSA + 2 };
    const WIDE significand = (c & FRACTION) | TINY, exponent = (c & MAGNITUDE) >> MANTISSA;
    const WIDE shift = exponent - BIAS, right = (WIDE)BIAS - exponent, is_right = LESS(exponent, BIAS);
    const WIDE down = NAME(pick)(LESS(right, VANISHES), right, VANISHES) & is_right;
    const WIDE up = NAME(pick)(LESS(shift, FITS), shift, FITS) & ~is_right;
    const WIDE twice = significand << 1, halves = twice >> down, kept = halves >> 1;
    const WIDE inexact = MASK(halves << down != twice) | kept; /* or odd: in the lowest bit */
    return ((kept + (halves & inexact & 1)) << up) | LESS(FITS, shift);
}

/* sum + c 2^M, saturated at both ends. */
INLINE WIDE NAME(shifted)(WIDE sum, WIDE c)
{
    const WIDE k = NAME(fixed)(c), up = sum + k, down = sum - k;
    return NAME(pick)(NAME(is_negative)(c), down & ~MASK(sum < k), up | MASK(up < sum));
}

INLINE UINT NAME(exp2)(UINT a) { return CONST(NAME(nan_or)(a, NAME(ranged)(NAME(shifted)(2 * WIDE_ONE, a)))); }

/* ---- products and quotients with something added to the logarithm ------------------------------------------------ */

INLINE UINT NAME(offset)(WIDE a, WIDE b, WIDE c, WIDE sum, WIDE zero, WIDE infinite)
{
    zero |= MASK(c == (TOP | SIGN)); /* as factors, 2^-inf is 0 and 2^inf is infinite */
    infinite |= MASK(c == TOP);
    const WIDE r = NAME(result)(a, b, NAME(shifted)(sum, c), zero, infinite);
    const WIDE keeps = LESS(TOP, a & MAGNITUDE) | LESS(TOP, b & MAGNITUDE);
    return CONST(NAME(pick)(keeps, r, NAME(nan_or)(c, r)));
}

INLINE UINT NAME(multiply_offset)(UINT a, UINT b, UINT c)
{
    const WIDE sum = (WIDE)(a & MAGNITUDE) + (b & MAGNITUDE);
    return NAME(offset)(a, b, c, sum, NAME(is_zero)(a) | NAME(is_zero)(b), NAME(is_inf)(a) | NAME(is_inf)(b));
}

INLINE UINT NAME(divide_offset)(UINT a, UINT b, UINT c)
{
    /* at least 1: ONE is half of TOP - TINY */
    const WIDE sum = (WIDE)(a & MAGNITUDE) + (2 * WIDE_ONE - (b & MAGNITUDE));
    return NAME(offset)(a, b, c, sum, NAME(is_zero)(a) | NAME(is_inf)(b), NAME(is_inf)(a) | NAME(is_zero)(b));
}

/* K for |c| < 1, with a sign. */
INLINE WIDE NAME(fixed_below_one)(WIDE c)
{
    enum { VANISHES = MANTISSA + 2 };
    const WIDE right = (WIDE)BIAS - ((c & MAGNITUDE) >> MANTISSA), down = NAME(pick)(LESS(right, VANISHES), right, VANISHES);
    const WIDE twice = ((c & FRACTION) | TINY) << 1, halves = twice >> down, kept = halves >> 1;
    const WIDE k = kept + (halves & (MASK(halves << down != twice) | kept) & 1), negative = NAME(is_negative)(c);
    return (k ^ negative) - negative;
}

INLINE int NAME(all_below_one)(const UINT *c)
{
    UINT most = 0;
    REDUCTION for (int i = 0; i < BLOCK_LENGTH(UINT); i++)
        most |= (c[i] & MAGNITUDE) + (SIGN - ONE);
    return most < SIGN;
}

_Static_assert(ONE - 2 * NEAR - TINY >= TINY && ONE + 2 * NEAR + TINY < TOP, "c below 1 leaves the middle in range");

/* A loop for blocks of which no result can leave the normal range, and one for all others. */
#define MITCHELL_TWO_WAYS(is_middle, middle, any)                                                                     \
    if (is_middle) {                                                                                                  \
        INDEPENDENT for (int i = 0; i < BLOCK_LENGTH(UINT); i++) out[i] = CONST(middle);                              \
    } else {                                                                                                          \
        INDEPENDENT for (int i = 0; i < BLOCK_LENGTH(UINT); i++) out[i] = (any);                                      \
    }                                                                                                                 \
    return 0

INLINE unsigned NAME(multiply_offset_block)(const UINT *a, const UINT *b, const UINT *c, UINT *out)
{
    MITCHELL_TWO_WAYS(NAME(all_middle)(a, b) && NAME(all_below_one)(c), a[i] + b[i] - ONE + NAME(fixed_below_one)(c[i]),
                      NAME(multiply_offset)(a[i], b[i], c[i]));
}

INLINE unsigned NAME(divide_offset_block)(const UINT *a, const UINT *b, const UINT *c, UINT *out)
{
    MITCHELL_TWO_WAYS(NAME(all_middle)(a, b) && NAME(all_below_one)(c), a[i] - b[i] + ONE + NAME(fixed_below_one)(c[i]),
                      NAME(divide_offset)(a[i], b[i], c[i]));
}

/* ---- products whose significand is corrected --------------------------------------------------------------------- */

/* What a correction (2^M is 1) of the significand 1 + x + y of a product, or of 2 (x + y), adds to the sum of patterns. It is
 * halved where x + y carries. What passes 2 is normalised where nothing has carried, and dropped where something has. */
INLINE WIDE NAME(change)(WIDE a, WIDE b, WIDE correction)
{
    const WIDE both = (a & FRACTION) + (b & FRACTION), fraction = both & FRACTION, carries = LESS(FRACTION, both);
    const WIDE added = NAME(pick)(carries, correction >> 1, correction), sum = fraction + added;
    const WIDE normalised = TINY + ((sum - TINY) >> 1) - fraction;
    return NAME(pick)(LESS(FRACTION, sum), normalised & ~carries, added);
}

INLINE UINT NAME(corrected_product)(UINT a, UINT b, WIDE correction)
{
    const WIDE sum = (WIDE)(a & MAGNITUDE) + (b & MAGNITUDE) + NAME(change)(a, b, correction);
    return CONST(NAME(result)(a, b, sum, NAME(is_zero)(a) | NAME(is_zero)(b), NAME(is_inf)(a) | NAME(is_inf)(b)));
}

/* H. Saadat, H. Bokhari, S. Parameswaran (2018). */
#define MBM ((WIDE)TINY * 5 / 64) /* 2^-4 + 2^-6; not rounded in any format */
INLINE UINT NAME(multiply_mbm)(UINT a, UINT b) { return NAME(corrected_product)(a, b, MBM); }

INLINE unsigned NAME(multiply_mbm_block)(const UINT *a, const UINT *b, UINT *out)
{
    MITCHELL_TWO_WAYS(NAME(all_middle)(a, b), a[i] + b[i] - ONE + NAME(change)(a[i], b[i], MBM),
                      NAME(multiply_mbm)(a[i], b[i]));
}

INLINE unsigned NAME(multiply_realm_segment)(UINT a, UINT b)
{
    const unsigned i = (unsigned)(a >> (MANTISSA - 4)) & 15, j = (unsigned)(b >> (MANTISSA - 4)) & 15;
    return 16 * i + j;
}

INLINE UINT NAME(multiply_realm)(UINT a, UINT b, WIDE units) { return NAME(corrected_product)(a, b, units << (MANTISSA - 6)); }

/* Three loops, for the table is read element by element while all else is vectors. */
INLINE unsigned NAME(multiply_realm_block)(const UINT *a, const UINT *b, UINT *out)
{
    WIDE units[BLOCK_LENGTH(UINT)];
    INDEPENDENT for (int i = 0; i < BLOCK_LENGTH(UINT); i++)
        units[i] = NAME(multiply_realm_segment)(a[i], b[i]);
    for (int i = 0; i < BLOCK_LENGTH(UINT); i++)
        units[i] = FN(realm_units)[units[i]];
    MITCHELL_TWO_WAYS(NAME(all_middle)(a, b), a[i] + b[i] - ONE + NAME(change)(a[i], b[i], units[i] << (MANTISSA - 6)),
                      NAME(multiply_realm)(a[i], b[i], units[i]));
}

#include "mitchell_power.h"

/* ---- loops ------------------------------------------------------------------------------------------------------- */

#define LOOP NAME(mitchell_square)
#define INPUTS 1
#define IN UINT
#define OUT UINT
#define ELEMENT(x, events) ((void)(events), NAME(square)((x)[0]))
#define HARMLESS ONE
#include "elementwise.h"

#define LOOP NAME(mitchell_sqrt)
#define INPUTS 1
#define IN UINT
#define OUT UINT
#define ELEMENT(x, events) ((void)(events), NAME(sqrt)((x)[0]))
#define HARMLESS ONE
#include "elementwise.h"

#define LOOP NAME(mitchell_reciprocal)
#define INPUTS 1
#define IN UINT
#define OUT UINT
#define ELEMENT(x, events) ((void)(events), NAME(reciprocal)((x)[0]))
#define HARMLESS ONE
#include "elementwise.h"

#define LOOP NAME(mitchell_rsqrt)
#define INPUTS 1
#define IN UINT
#define OUT UINT
#define ELEMENT(x, events) ((void)(events), NAME(rsqrt)((x)[0]))
#define HARMLESS ONE
#include "elementwise.h"

#define LOOP NAME(mitchell_log2)
#define INPUTS 1
#define IN UINT
#define OUT UINT
#define ELEMENT(x, events) ((void)(events), NAME(log2)((x)[0]))
#define HARMLESS ONE
#include "elementwise.h"

#define LOOP NAME(mitchell_exp2)
#define INPUTS 1
#define IN UINT
#define OUT UINT
#define ELEMENT(x, events) ((void)(events), NAME(exp2)((x)[0]))
#define HARMLESS ONE
#include "elementwise.h"

#define LOOP NAME(mitchell_power)
#define INPUTS 2
#define IN UINT
#define OUT UINT
#define ELEMENT(x, events) ((void)(events), NAME(power)((x)[0], (x)[1]))
#define HARMLESS ONE
#include "elementwise.h"

#define LOOP NAME(mitchell_multiply_mbm)
#define INPUTS 2
#define IN UINT
#define OUT UINT
#define ELEMENT(x, events) ((void)(events), NAME(multiply_mbm)((x)[0], (x)[1]))
#define BLOCK(in, out, level) ((void)(level), NAME(multiply_mbm_block)((in)[0], (in)[1], out))
#define HARMLESS ONE
#include "elementwise.h"

#define LOOP NAME(mitchell_multiply_offset)
#define INPUTS 3
#define IN UINT
#define OUT UINT
#define ELEMENT(x, events) ((void)(events), NAME(multiply_offset)((x)[0], (x)[1], (x)[2]))
#define BLOCK(in, out, level) ((void)(level), NAME(multiply_offset_block)((in)[0], (in)[1], (in)[2], out))
#define HARMLESS ONE - TINY /* 1/2: a factor of the middle, and an offset below 1 */
#include "elementwise.h"

#define LOOP NAME(mitchell_divide_offset)
#define INPUTS 3
#define IN UINT
#define OUT UINT
#define ELEMENT(x, events) ((void)(events), NAME(divide_offset)((x)[0], (x)[1], (x)[2]))
#define BLOCK(in, out, level) ((void)(level), NAME(divide_offset_block)((in)[0], (in)[1], (in)[2], out))
#define HARMLESS ONE - TINY /* 1/2: a factor of the middle, and an offset below 1 */
#include "elementwise.h"

#define LOOP NAME(mitchell_multiply_realm)
#define INPUTS 2
#define IN UINT
#define OUT UINT
#define ELEMENT(x, events)                                                                                            \
    ((void)(events), NAME(multiply_realm)((x)[0], (x)[1], FN(realm_units)[NAME(multiply_realm_segment)((x)[0], (x)[1])]))
#define BLOCK(in, out, level) ((void)(level), NAME(multiply_realm_block)((in)[0], (in)[1], out))
#define HARMLESS ONE
#include "elementwise.h"

#undef LANE_BITS
#undef WIDE
#undef SIGNED_TYPE
#undef SIGNED_WIDE
#undef WIDE_ONE
#undef FRACTION
#undef MASK
#undef LESS
#undef MBM
#undef MITCHELL_TWO_WAYS
