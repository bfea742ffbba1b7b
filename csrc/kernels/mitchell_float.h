/* SPDX-License-Identifier: BSD-3-Clause
 * mitchell_multiply, mitchell_multiply_lmul and mitchell_divide for one float FORMAT, on bit patterns, and by way of
 * mitchell_functions.h everything else, but for the formats of 8 bits. Included by mitchell.h.
 *
 * Contract: NaN propagates (quiet, payload kept, the first operand's before the second's); inf x 0, 0/0 and inf/inf are
 * NaN; the sign is the signs' exclusive or; subnormal operands count as 0 and results below the smallest normal are 0;
 * overflow is infinity (NaN in a format without infinities).
 *
 * Blocks take the cheapest of three loops that is right for all their elements:
 *   middle   all magnitudes so NEAR to 1 that no result can leave the normal range: one sum of whole patterns, in which
 *            the sign bits add to their exclusive or
 *   finite   no infinity and no NaN: zeros, underflow and overflow by selection
 *   any
 * The search begins with the loop of the block before, for zeros and infinities seldom come alone: 10^4 elements, half
 * of them 0, then take 1.5 times as long as np.multiply, not 2.1. Every RETRY-th block it begins anew.
 */

#define NAME(name) FN_FOR(name, FORMAT)
#define UINT JOIN(JOIN(uint, BITS), _t)
#define CONST(x) ((UINT)(x))
#define FLAG(condition) CONST(0 - (condition)) /* all ones, or 0 */
#define SIGNED(x) ((JOIN(JOIN(int, BITS), _t))(x))

#define SIGN CONST(CONST(1) << (BITS - 1))
#define MAGNITUDE CONST(SIGN - 1)
#define ONE CONST(CONST(BIAS) << MANTISSA)
#define TINY CONST(CONST(1) << MANTISSA)                        /* the smallest normal number */
#define QUIET CONST(CONST(1) << (MANTISSA - 1))
#define TOP (HAS_INF ? CONST(MAGNITUDE - (TINY - 1)) : MAGNITUDE) /* infinity, or NaN in a format that has none */
#define INVALID CONST(TOP | QUIET)
#define NEAR CONST(CONST(1) << (BITS - 4))

/* What L-Mul adds to a product's logarithm: 2^-l(M), with l(M) = M up to 3, 3 for 4, 4 above. */
#define LMUL CONST(CONST(1) << (MANTISSA - (MANTISSA <= 3 ? MANTISSA : MANTISSA == 4 ? 3 : 4)))
_Static_assert(ONE - 2 * NEAR >= TINY && ONE + 2 * NEAR + LMUL < TOP, "results of the middle are finite normals");

/* bias: ONE, less what is added to the logarithm of the product. */
INLINE UINT NAME(product_finite)(UINT a, UINT b, UINT bias)
{
    const UINT m = a & MAGNITUDE, n = b & MAGNITUDE;
#if BITS == 64 /* where vectors compare signed numbers only */
    const UINT d = m - bias;
    UINT r = d + n;
    r = SIGNED(d) < SIGNED(TINY - n) ? 0 : r;
    r = SIGNED(d) >= SIGNED(TOP - n) ? TOP : r;
    r = SIGNED(m) < SIGNED(TINY) ? 0 : r;
    r = SIGNED(n) < SIGNED(TINY) ? 0 : r;
#else
    const UINT least = m < n ? m : n, overflow = CONST(bias + TOP);
    UINT r = CONST(m + n); /* no wrap: 2 * (TOP - 1) < 2^BITS */
    r = r < overflow ? r : overflow;
    r = CONST(r - bias); /* from -bias to TOP, with a sign */
    r &= FLAG(SIGNED(r) >= SIGNED(TINY)) & FLAG(SIGNED(least) >= SIGNED(TINY));
#endif
    return CONST(r | ((a ^ b) & SIGN));
}

/* The magnitude of a quotient, out of range 0 or TOP, unless it is zero or infinite anyway; masks. */
INLINE UINT NAME(quotient)(UINT a, UINT b, UINT zero, UINT infinite)
{
    const UINT most = TOP - ONE;
    UINT d = CONST((a & MAGNITUDE) - (b & MAGNITUDE)); /* with a sign */
    d = SIGNED(d) < SIGNED(most) ? d : most;
    const UINT normal = CONST(d + ONE) & FLAG(SIGNED(CONST(d + ONE)) >= SIGNED(TINY)), both = zero & infinite;
    const UINT r = CONST((((normal & ~infinite) | (TOP & infinite)) & ~zero) | ((a ^ b) & SIGN));
    return CONST((r & ~both) | (INVALID & both));
}

INLINE UINT NAME(divide_finite)(UINT a, UINT b)
{
    const UINT m = a & MAGNITUDE, n = b & MAGNITUDE;
    return NAME(quotient)(a, b, FLAG(SIGNED(m) < SIGNED(TINY)), FLAG(SIGNED(n) < SIGNED(TINY)));
}

INLINE UINT NAME(if_nan)(UINT a, UINT r)
{
    return SIGNED(a & MAGNITUDE) > SIGNED(HAS_INF ? TOP : TOP - 1) ? CONST(a | QUIET) : r;
}

/* The result where an operand is NaN, else r. */
INLINE UINT NAME(or_nan)(UINT a, UINT b, UINT r) { return NAME(if_nan)(a, NAME(if_nan)(b, r)); }

INLINE UINT NAME(product_any)(UINT a, UINT b, UINT bias)
{
    UINT r = NAME(product_finite)(a, b, bias);
    if (HAS_INF) {
        const UINT m = a & MAGNITUDE, n = b & MAGNITUDE, least = m < n ? m : n, most = m < n ? n : m;
        const UINT infinity = CONST(TOP | ((a ^ b) & SIGN));
        const UINT special = SIGNED(least) < SIGNED(TINY) ? INVALID : infinity;
        r = SIGNED(most) >= SIGNED(TOP) ? special : r;
    }
    return NAME(or_nan)(a, b, r);
}

INLINE UINT NAME(divide_any)(UINT a, UINT b)
{
    const UINT m = a & MAGNITUDE, n = b & MAGNITUDE;
    const UINT zero = FLAG(SIGNED(m) < SIGNED(TINY)) | FLAG(HAS_INF & (n == TOP));
    const UINT infinite = FLAG(SIGNED(n) < SIGNED(TINY)) | FLAG(HAS_INF & (m == TOP));
    return NAME(or_nan)(a, b, NAME(quotient)(a, b, zero, infinite));
}

INLINE UINT NAME(multiply_finite)(UINT a, UINT b) { return NAME(product_finite)(a, b, ONE); }
INLINE UINT NAME(multiply_any)(UINT a, UINT b) { return NAME(product_any)(a, b, ONE); }
INLINE UINT NAME(multiply_lmul_finite)(UINT a, UINT b) { return NAME(product_finite)(a, b, CONST(ONE - LMUL)); }
INLINE UINT NAME(multiply_lmul_any)(UINT a, UINT b) { return NAME(product_any)(a, b, CONST(ONE - LMUL)); }

/* ---- blocks ------------------------------------------------------------------------------------------------------ */

/* Whether all magnitudes are from ONE - NEAR to ONE + NEAR: for float32, from 2^-32 to 2^32. A window of a power of two is
 * 4 instructions where any other is 6; signs, in the highest bit, do no harm. */
INLINE int NAME(all_middle)(const UINT *a, const UINT *b)
{
    UINT outside = 0;
    REDUCTION for (int i = 0; i < BLOCK_LENGTH(UINT); i++)
        outside |= (a[i] - (ONE - NEAR)) | (b[i] - (ONE - NEAR));
    return (outside & (SIGN - 2 * NEAR)) == 0;
}

INLINE int NAME(all_finite)(const UINT *a, const UINT *b)
{
#if BITS == 64
    UINT any = 0;
    REDUCTION for (int i = 0; i < BLOCK_LENGTH(UINT); i++)
        any |= ((a[i] & MAGNITUDE) + (SIGN - TOP)) | ((b[i] & MAGNITUDE) + (SIGN - TOP));
    return any < SIGN;
#else
    UINT most = 0;
    REDUCTION for (int i = 0; i < BLOCK_LENGTH(UINT); i++) {
        const UINT m = a[i] & MAGNITUDE, n = b[i] & MAGNITUDE, more = m > n ? m : n;
        most = more > most ? more : most;
    }
    return most < TOP;
#endif
}

/* *level: the loop of the block before in the lowest 2 bits, above them how many blocks since the search began anew. */
#define MITCHELL_BLOCK(op, middle)                                                                                    \
    INLINE unsigned NAME(op##_block)(const UINT *a, const UINT *b, UINT *out, int *level)                             \
    {                                                                                                                 \
        enum { MIDDLE, FINITE, ANY, RETRY = 8 };                                                                      \
        const int age = (*level >> 2) + 1, before = age >= RETRY ? MIDDLE : *level & 3;                               \
        int now = ANY;                                                                                                \
        if (before == MIDDLE && NAME(all_middle)(a, b)) {                                                             \
            now = MIDDLE;                                                                                             \
            INDEPENDENT for (int i = 0; i < BLOCK_LENGTH(UINT); i++) out[i] = CONST(middle);                          \
        } else if (before <= FINITE && NAME(all_finite)(a, b)) {                                                      \
            now = FINITE;                                                                                             \
            INDEPENDENT for (int i = 0; i < BLOCK_LENGTH(UINT); i++) out[i] = NAME(op##_finite)(a[i], b[i]);          \
        } else {                                                                                                      \
            INDEPENDENT for (int i = 0; i < BLOCK_LENGTH(UINT); i++) out[i] = NAME(op##_any)(a[i], b[i]);             \
        }                                                                                                             \
        *level = now | (age < RETRY ? age << 2 : 0);                                                                  \
        return 0;                                                                                                     \
    }

MITCHELL_BLOCK(multiply, a[i] + b[i] - ONE)
MITCHELL_BLOCK(multiply_lmul, a[i] + b[i] - (ONE - LMUL))
MITCHELL_BLOCK(divide, a[i] - b[i] + ONE)
#undef MITCHELL_BLOCK

#define LOOP NAME(mitchell_multiply)
#define INPUTS 2
#define IN UINT
#define OUT UINT
#define ELEMENT(x, events) ((void)(events), NAME(multiply_any)((x)[0], (x)[1]))
#define BLOCK(in, out, level) NAME(multiply_block)((in)[0], (in)[1], out, level)
#define HARMLESS ONE
#include "elementwise.h"

#define LOOP NAME(mitchell_multiply_lmul)
#define INPUTS 2
#define IN UINT
#define OUT UINT
#define ELEMENT(x, events) ((void)(events), NAME(multiply_lmul_any)((x)[0], (x)[1]))
#define BLOCK(in, out, level) NAME(multiply_lmul_block)((in)[0], (in)[1], out, level)
#define HARMLESS ONE
#include "elementwise.h"

#define LOOP NAME(mitchell_divide)
#define INPUTS 2
#define IN UINT
#define OUT UINT
#define ELEMENT(x, events) ((void)(events), NAME(divide_any)((x)[0], (x)[1]))
#define BLOCK(in, out, level) NAME(divide_block)((in)[0], (in)[1], out, level)
#define HARMLESS ONE
#include "elementwise.h"

#if BITS > 8
#include "mitchell_functions.h"
#endif

#undef NAME
#undef UINT
#undef CONST
#undef SIGNED
#undef FLAG
#undef SIGN
#undef MAGNITUDE
#undef ONE
#undef TINY
#undef QUIET
#undef TOP
#undef INVALID
#undef NEAR
#undef LMUL
#undef FORMAT
#undef BITS
#undef MANTISSA
#undef BIAS
#undef HAS_INF
