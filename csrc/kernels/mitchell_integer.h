/* SPDX-License-Identifier: BSD-3-Clause
 * Products, squares and Babic's products (n x n -> 2n bits, 64 wraps) and quotients (n, n -> n, truncated) of one
 * INTEGER type: magnitudes, and the signs' exclusive or. Included by mitchell.h, with the functions of magnitudes. */

#define NAME(name) FN_FOR(name, INTEGER)

/* 1 where a < 0; uint64_t(a) is a with its sign extended, if it has one. */
INLINE unsigned NAME(negative)(IN_TYPE a) { return IS_SIGNED & (unsigned)((uint64_t)a >> 63); }

/* Also that of the most negative integer. */
INLINE uint64_t NAME(magnitude)(IN_TYPE a) { return NAME(negative)(a) ? -(uint64_t)a : (uint64_t)a; }

INLINE OUT_TYPE NAME(multiply)(IN_TYPE a, IN_TYPE b)
{
    const uint64_t p = FN(multiply_magnitudes)(NAME(magnitude)(a), NAME(magnitude)(b));
    return (OUT_TYPE)(NAME(negative)(a) ^ NAME(negative)(b) ? -p : p);
}

INLINE IN_TYPE NAME(divide)(IN_TYPE a, IN_TYPE b, unsigned *events)
{
    const uint64_t q = FN(divide_magnitudes)(NAME(magnitude)(a), NAME(magnitude)(b), events);
    return (IN_TYPE)(NAME(negative)(a) ^ NAME(negative)(b) ? -q : q);
}

INLINE OUT_TYPE NAME(multiply_ilm)(IN_TYPE a, IN_TYPE b, IN_TYPE corrections)
{
    const uint64_t p = FN(multiply_ilm_magnitudes)(NAME(magnitude)(a), NAME(magnitude)(b), (uint64_t)corrections);
    return (OUT_TYPE)(NAME(negative)(a) ^ NAME(negative)(b) ? -p : p);
}

#if VIA_FLOAT
/* The logarithms of up to 16 bits are those of the same numbers as float32, which holds them, their products and the
 * significands of their quotients exactly: 0.3 ns an element where (msb, fraction) takes 2.5. */
INLINE OUT_TYPE NAME(multiply_small)(IN_TYPE a, IN_TYPE b)
{
    const int32_t x = a, y = b, m = x < 0 ? -x : x, n = y < 0 ? -y : y;
    const uint32_t one = 0x3f800000, zero = (uint32_t)((m - 1) | (n - 1)) >> 31;
    const uint32_t sum = FN(pattern)((float)m) + FN(pattern)((float)n) - one;
    const float p = FN(from_pattern)(sum & (zero - 1));
    /* p < 2^32, and conversions are to 31 bits */
    const int32_t high = sizeof(IN_TYPE) == 2 ? (int32_t)(p * 0x1p-16f) : 0;
    const uint32_t r = ((uint32_t)high << 16) + (uint32_t)(int32_t)(p - (float)high * 0x1p16f);
    return (OUT_TYPE)((x ^ y) < 0 ? 0 - r : r);
}

INLINE IN_TYPE NAME(divide_small)(IN_TYPE a, IN_TYPE b)
{
    const int32_t x = a, y = b, m = x < 0 ? -x : x, n = y < 0 ? -y : y;
    const uint32_t one = 0x3f800000, zero = (uint32_t)((m - 1) | (n - 1)) >> 31;
    const uint32_t difference = FN(pattern)((float)m) - FN(pattern)((float)n) + one;
    const uint32_t r = (uint32_t)(int32_t)FN(from_pattern)(difference & (zero - 1));
    return (IN_TYPE)((x ^ y) < 0 ? 0 - r : r);
}

INLINE unsigned NAME(multiply_block)(const IN_TYPE *a, const IN_TYPE *b, OUT_TYPE *out)
{
    INDEPENDENT for (int i = 0; i < BLOCK_LENGTH(IN_TYPE); i++)
        out[i] = NAME(multiply_small)(a[i], b[i]);
    return 0;
}

INLINE unsigned NAME(divide_block)(const IN_TYPE *a, const IN_TYPE *b, IN_TYPE *out)
{
    IN_TYPE by_zero = 0;
    for (int i = 0; i < BLOCK_LENGTH(IN_TYPE); i++)
        by_zero |= b[i] == 0;
    INDEPENDENT for (int i = 0; i < BLOCK_LENGTH(IN_TYPE); i++)
        out[i] = NAME(divide_small)(a[i], b[i]);
    return by_zero ? FASTOPS_DIVIDE_BY_ZERO : 0;
}

#define MULTIPLY_BLOCK(in, out, level) ((void)(level), NAME(multiply_block)((in)[0], (in)[1], out))
#define SQUARE_BLOCK(in, out, level) ((void)(level), NAME(multiply_block)((in)[0], (in)[0], out))
#define DIVIDE_BLOCK(in, out, level) ((void)(level), NAME(divide_block)((in)[0], (in)[1], out))
#endif

#define LOOP NAME(mitchell_multiply)
#define INPUTS 2
#define IN IN_TYPE
#define OUT OUT_TYPE
#define ELEMENT(x, events) ((void)(events), NAME(multiply)((x)[0], (x)[1]))
#if VIA_FLOAT
#define BLOCK MULTIPLY_BLOCK
#endif
#define HARMLESS 1
#include "elementwise.h"

#define LOOP NAME(mitchell_square)
#define INPUTS 1
#define IN IN_TYPE
#define OUT OUT_TYPE
#define ELEMENT(x, events) ((void)(events), NAME(multiply)((x)[0], (x)[0]))
#if VIA_FLOAT
#define BLOCK SQUARE_BLOCK
#endif
#define HARMLESS 1
#include "elementwise.h"

#define LOOP NAME(mitchell_multiply_ilm)
#define INPUTS 3
#define IN IN_TYPE
#define OUT OUT_TYPE
#define ELEMENT(x, events) ((void)(events), NAME(multiply_ilm)((x)[0], (x)[1], (x)[2]))
#define LOOPS
#define HARMLESS 1
#include "elementwise.h"

#define LOOP NAME(mitchell_divide)
#define INPUTS 2
#define IN IN_TYPE
#define OUT IN_TYPE
#define ELEMENT(x, events) NAME(divide)((x)[0], (x)[1], events)
#if VIA_FLOAT
#define BLOCK DIVIDE_BLOCK
#endif
#define HARMLESS 1
#include "elementwise.h"

#undef NAME
#undef MULTIPLY_BLOCK
#undef SQUARE_BLOCK
#undef DIVIDE_BLOCK
#undef INTEGER
#undef IS_SIGNED
#undef VIA_FLOAT
#undef IN_TYPE
#undef OUT_TYPE
