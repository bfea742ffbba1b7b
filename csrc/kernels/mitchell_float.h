/* SPDX-License-Identifier: BSD-3-Clause
 * mitchell_multiply and mitchell_divide for one float FORMAT, on bit patterns. Included by mitchell.h.
 *
 * Contract: NaN propagates (quiet, payload kept, the first operand's before the second's); inf x 0, 0/0 and inf/inf are
 * NaN; the sign is the signs' exclusive or; subnormal operands count as 0 and results below the smallest normal are 0;
 * overflow is infinity (NaN in a format without infinities).
 *
 * Blocks take the cheapest of three loops that is right for all their elements:
 *   middle   all magnitudes so near to 1 that no result can leave the normal range: one sum of whole patterns, in which
 *            the sign bits add to their exclusive or
 *   finite   no infinity and no NaN: zeros, underflow and overflow by selection
 *   any
 */

#define NAME(name) FN_FOR(name, FORMAT)
#define UINT JOIN(JOIN(uint, BITS), _t)
#define CONST(x) ((UINT)(x))

#define SIGN CONST(CONST(1) << (BITS - 1))
#define MAGNITUDE CONST(SIGN - 1)
#define ONE CONST(CONST(BIAS) << MANTISSA)
#define TINY CONST(CONST(1) << MANTISSA)                        /* the smallest normal number */
#define QUIET CONST(CONST(1) << (MANTISSA - 1))
#define TOP (HAS_INF ? CONST(MAGNITUDE - (TINY - 1)) : MAGNITUDE) /* infinity, or NaN in a format that has none */
#define INVALID CONST(TOP | QUIET)
#define ROOM_ABOVE CONST((TOP - 1 - ONE) / 2)
#define ROOM_BELOW CONST((ONE - TINY) / 2)
#define ROOM (ROOM_ABOVE < ROOM_BELOW ? ROOM_ABOVE : ROOM_BELOW) /* ONE +- 2 ROOM are finite normals */

INLINE UINT NAME(multiply_finite)(UINT a, UINT b)
{
    const UINT m = a & MAGNITUDE, n = b & MAGNITUDE, sum = CONST(m + n); /* no wrap: 2 * (TOP - 1) < 2^BITS */
    UINT r = CONST(sum - ONE);
    r = sum < CONST(ONE + TINY) ? 0 : r;
    r = sum >= CONST(ONE + TOP) ? TOP : r;
    r = m < TINY ? 0 : r;
    r = n < TINY ? 0 : r;
    return CONST(r | ((a ^ b) & SIGN));
}

INLINE UINT NAME(divide_finite)(UINT a, UINT b)
{
    const UINT m = a & MAGNITUDE, n = b & MAGNITUDE, raised = CONST(m + ONE);
    UINT r = CONST(raised - n);
    r = r >= TOP ? TOP : r;
    r = raised < CONST(n + TINY) ? 0 : r;
    r = n < TINY ? TOP : r;
    r = m < TINY ? 0 : r;
    r = CONST(r | ((a ^ b) & SIGN));
    return ((m < TINY) & (n < TINY)) ? INVALID : r;
}

/* The result where an operand is NaN, else r. */
INLINE UINT NAME(or_nan)(UINT a, UINT b, UINT r)
{
    const UINT above = HAS_INF ? TOP : CONST(TOP - 1);
    r = (b & MAGNITUDE) > above ? CONST(b | QUIET) : r;
    return (a & MAGNITUDE) > above ? CONST(a | QUIET) : r;
}

INLINE UINT NAME(multiply_any)(UINT a, UINT b)
{
    const UINT m = a & MAGNITUDE, n = b & MAGNITUDE;
    UINT r = NAME(multiply_finite)(a, b);
    if (HAS_INF) {
        const UINT infinity = CONST(TOP | ((a ^ b) & SIGN));
        r = ((m == TOP) | (n == TOP)) ? infinity : r;
        r = (((m == TOP) & (n < TINY)) | ((n == TOP) & (m < TINY))) ? INVALID : r;
    }
    return NAME(or_nan)(a, b, r);
}

INLINE UINT NAME(divide_any)(UINT a, UINT b)
{
    const UINT m = a & MAGNITUDE, n = b & MAGNITUDE, sign = (a ^ b) & SIGN;
    UINT r = NAME(divide_finite)(a, b);
    if (HAS_INF) {
        r = m == TOP ? CONST(TOP | sign) : r;
        r = n == TOP ? sign : r;
        r = ((m == TOP) & (n == TOP)) ? INVALID : r;
    }
    return NAME(or_nan)(a, b, r);
}

INLINE int NAME(all_middle)(const UINT *a, const UINT *b)
{
    UINT worst = 0;
    for (int i = 0; i < BLOCK_LENGTH(UINT); i++) {
        const UINT m = CONST((a[i] & MAGNITUDE) - (ONE - ROOM)), n = CONST((b[i] & MAGNITUDE) - (ONE - ROOM));
        worst = m > worst ? m : worst;
        worst = n > worst ? n : worst;
    }
    return worst <= CONST(2 * ROOM);
}

INLINE int NAME(all_finite)(const UINT *a, const UINT *b)
{
    UINT worst = 0;
    for (int i = 0; i < BLOCK_LENGTH(UINT); i++) {
        const UINT m = a[i] & MAGNITUDE, n = b[i] & MAGNITUDE;
        worst = m > worst ? m : worst;
        worst = n > worst ? n : worst;
    }
    return worst < TOP;
}

#define MITCHELL_BLOCK(op, middle)                                                                                    \
    INLINE UINT NAME(op##_element)(UINT a, UINT b, unsigned *events)                                                  \
    {                                                                                                                 \
        (void)events;                                                                                                 \
        return NAME(op##_any)(a, b);                                                                                  \
    }                                                                                                                 \
    INLINE unsigned NAME(op##_block)(const UINT *a, const UINT *b, UINT *out)                                         \
    {                                                                                                                 \
        if (NAME(all_middle)(a, b)) {                                                                                 \
            INDEPENDENT for (int i = 0; i < BLOCK_LENGTH(UINT); i++) out[i] = CONST(middle);                          \
        } else if (NAME(all_finite)(a, b)) {                                                                          \
            INDEPENDENT for (int i = 0; i < BLOCK_LENGTH(UINT); i++) out[i] = NAME(op##_finite)(a[i], b[i]);          \
        } else {                                                                                                      \
            INDEPENDENT for (int i = 0; i < BLOCK_LENGTH(UINT); i++) out[i] = NAME(op##_any)(a[i], b[i]);             \
        }                                                                                                             \
        return 0;                                                                                                     \
    }

MITCHELL_BLOCK(multiply, a[i] + b[i] - ONE)
MITCHELL_BLOCK(divide, a[i] - b[i] + ONE)
#undef MITCHELL_BLOCK

#define LOOP NAME(mitchell_multiply)
#define IN UINT
#define OUT UINT
#define ELEMENT NAME(multiply_element)
#define BLOCK NAME(multiply_block)
#define HARMLESS ONE
#include "binary.h"

#define LOOP NAME(mitchell_divide)
#define IN UINT
#define OUT UINT
#define ELEMENT NAME(divide_element)
#define BLOCK NAME(divide_block)
#define HARMLESS ONE
#include "binary.h"

#undef NAME
#undef UINT
#undef CONST
#undef SIGN
#undef MAGNITUDE
#undef ONE
#undef TINY
#undef QUIET
#undef TOP
#undef INVALID
#undef ROOM_ABOVE
#undef ROOM_BELOW
#undef ROOM
#undef FORMAT
#undef BITS
#undef MANTISSA
#undef BIAS
#undef HAS_INF
