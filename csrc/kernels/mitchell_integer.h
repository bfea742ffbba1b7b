/* SPDX-License-Identifier: BSD-3-Clause
 * mitchell_multiply (n x n -> 2n bits, 64 wraps) and mitchell_divide (n, n -> n, truncated) for one INTEGER type:
 * magnitudes, and the signs' exclusive or. Included by mitchell.h, with FN(multiply_magnitudes) and FN(divide_magnitudes). */

#define NAME(name) FN_FOR(name, INTEGER)

/* 1 where a < 0; uint64_t(a) is a with its sign extended, if it has one. */
INLINE unsigned NAME(negative)(IN_TYPE a) { return IS_SIGNED & (unsigned)((uint64_t)a >> 63); }

/* Also that of the most negative integer. */
INLINE uint64_t NAME(magnitude)(IN_TYPE a) { return NAME(negative)(a) ? -(uint64_t)a : (uint64_t)a; }

INLINE OUT_TYPE NAME(multiply)(IN_TYPE a, IN_TYPE b, unsigned *events)
{
    const uint64_t p = FN(multiply_magnitudes)(NAME(magnitude)(a), NAME(magnitude)(b));
    (void)events;
    return (OUT_TYPE)(NAME(negative)(a) ^ NAME(negative)(b) ? -p : p);
}

INLINE IN_TYPE NAME(divide)(IN_TYPE a, IN_TYPE b, unsigned *events)
{
    const uint64_t q = FN(divide_magnitudes)(NAME(magnitude)(a), NAME(magnitude)(b), events);
    return (IN_TYPE)(NAME(negative)(a) ^ NAME(negative)(b) ? -q : q);
}

INLINE unsigned NAME(multiply_block)(const IN_TYPE *a, const IN_TYPE *b, OUT_TYPE *out)
{
    unsigned events = 0;
    for (int i = 0; i < BLOCK_LENGTH(IN_TYPE); i++)
        out[i] = NAME(multiply)(a[i], b[i], &events);
    return events;
}

INLINE unsigned NAME(divide_block)(const IN_TYPE *a, const IN_TYPE *b, IN_TYPE *out)
{
    unsigned events = 0;
    for (int i = 0; i < BLOCK_LENGTH(IN_TYPE); i++)
        out[i] = NAME(divide)(a[i], b[i], &events);
    return events;
}

#define LOOP NAME(mitchell_multiply)
#define IN IN_TYPE
#define OUT OUT_TYPE
#define ELEMENT NAME(multiply)
#define BLOCK NAME(multiply_block)
#define HARMLESS 1
#include "binary.h"

#define LOOP NAME(mitchell_divide)
#define IN IN_TYPE
#define OUT IN_TYPE
#define ELEMENT NAME(divide)
#define BLOCK NAME(divide_block)
#define HARMLESS 1
#include "binary.h"

#undef NAME
#undef INTEGER
#undef IS_SIGNED
#undef IN_TYPE
#undef OUT_TYPE
