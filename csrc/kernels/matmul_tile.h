/* SPDX-License-Identifier: BSD-3-Clause
 * Packed panels and strips of one wide type, and the product of a tile; the template of matmul.h.
 * A panel holds its rows one after the other, a strip its rows of GEMM_VECS registers. */

#define NAME(name) FN_FOR(name, TYPE)
#define SIGN ((UINT)1 << (8 * sizeof(UINT) - 1))
#define TINY ((UINT)1 << MANTISSA)
#define TOP (SIGN - TINY)
#define INVALID (TOP | TINY >> 1)
#define EXPONENT(e) ((UINT)(e) << MANTISSA)
#define WIDTH (GEMM_VECS * LANES)

/* Biased exponents; 2 BIAS + 1 is infinity's. A sum of GEMM_K numbers adds 9. The largest products with zeros are that
 * of two zeros, which wraps around to 2 BIAS + 4 - LOW, and that of a zero with the largest number of the widest span. */
#define LOW (BIAS + BIAS / 3)
#define SPAN (2 * BIAS - LOW - 1 - 9)
_Static_assert(2 * BIAS + 4 - LOW + 9 < LOW - 2 * MANTISSA - 2 && 2 + SPAN + 9 < LOW - 2 * MANTISSA - 2,
               "garbage must vanish in the rounding of every sum that is not 0");

#define ZERO_A ((UINT)0 - EXPONENT(LOW - 1)) /* times a packed b: exponents from 1 on */
#define ZERO_B EXPONENT(1)

INLINE UVEC NAME(all)(UINT x) { return (UVEC){0} + x; }
INLINE UVEC NAME(where)(UVEC mask, UVEC a, UVEC b) { return b ^ ((a ^ b) & mask); }

#include "matmul_product.h"

/* ---- packing --------------------------------------------------------------------------------------------------- */

typedef struct {
    UINT least, most; /* patterns of magnitudes, of what is not 0 */
    UINT zeros;
} NAME(range);

/* Not inlined, as the two after it: gcc 12 leaves some of the copies scalar. */
OUTLINE NAME(range) NAME(scan)(const UINT *x, ptrdiff_t count)
{
    UINT most = 0, least = ~(UINT)0, zeros = 0;
    for (ptrdiff_t i = 0; i < count; i++) {
        const UINT m = x[i] & (SIGN - 1), past_zero = m - TINY; /* a zero wraps to the end */
        most = m > most ? m : most;
        least = past_zero < least ? past_zero : least;
        zeros += m < TINY;
    }
    return (NAME(range)){least + TINY, most, zeros};
}

/* How a panel (raise = 0) or strip (raise = LOW) of that range is packed, with a constant added to the patterns. */
INLINE FN(packed) NAME(packing_of)(NAME(range) range, __int128 constant, int raise)
{
    const int zeros = range.most < TINY;
    const __int128 least = zeros ? EXPONENT(BIAS) : range.least + constant;
    const __int128 most = zeros ? EXPONENT(BIAS) : range.most + constant;
    FN(packed) p = {0};
    if (range.most >= TOP || least < TINY || most >= TOP)
        return p;
    p.least = (int)(least >> MANTISSA), p.largest = (int)(most >> MANTISSA);
    p.regular = p.largest - p.least <= SPAN;
    p.shift = p.regular ? (UINT)constant + EXPONENT(raise - p.least) : 0;
    return p;
}

OUTLINE void NAME(shift)(UINT *x, ptrdiff_t count, UINT shift)
{
    for (ptrdiff_t i = 0; i < count; i++)
        x[i] += shift;
}

OUTLINE void NAME(encode)(UINT *x, ptrdiff_t count, UINT shift, UINT zero)
{
    for (ptrdiff_t i = 0; i < count; i++)
        x[i] = (x[i] & (SIGN - 1)) < TINY ? zero + (x[i] & SIGN) : x[i] + shift;
}

/* Packed values as they were. */
INLINE UVEC NAME(decode)(UVEC x, FN(packed) p, UINT zero)
{
    if (!p.regular)
        return x;
    const UVEC is_zero = (UVEC)(((x ^ zero) & (SIGN - 1)) == 0);
    return x - NAME(where)(is_zero, NAME(all)(zero), NAME(all)((UINT)p.shift));
}

/* ---- tiles ----------------------------------------------------------------------------------------------------- */

typedef struct {
    UINT step, value;
} NAME(nonzero);

/* The nonzeros of a panel's rows, one row after the other. */
typedef struct {
    ptrdiff_t end[GEMM_ROWS];
    NAME(nonzero) entries[];
} NAME(list);

static void NAME(list_nonzeros)(const UINT *panel, ptrdiff_t pitch, ptrdiff_t steps, NAME(list) *list)
{
    ptrdiff_t count = 0;
    for (ptrdiff_t r = 0; r < GEMM_ROWS; r++, panel += pitch) {
        for (ptrdiff_t k = 0; k < steps; k++) {
            list->entries[count] = (NAME(nonzero)){(UINT)k, panel[k]};
            count += ((panel[k] ^ ZERO_A) & (SIGN - 1)) != 0;
        }
        list->end[r] = count;
    }
}

#define SUM_MITCHELL(s, x, y) s += (VEC)((UVEC)(x) + (UVEC)(y))

/* By loops, which leave no trace where what follows keeps sums in registers; memset does. */
INLINE void NAME(clear)(VEC sum[GEMM_ROWS][GEMM_VECS])
{
    GEMM_UNROLL_ROWS for (int r = 0; r < GEMM_ROWS; r++)
        GEMM_UNROLL_ROWS for (int v = 0; v < GEMM_VECS; v++) sum[r][v] = (VEC){0};
}

OUTLINE void NAME(tile_packed)(const WIDE *a, ptrdiff_t pitch, const WIDE *b, ptrdiff_t steps,
                               VEC sum[GEMM_ROWS][GEMM_VECS])
{
    NAME(clear)(sum);
    NAME(tile_mitchell)(a, pitch, 1, b, WIDTH, steps, sum);
}

/* One row of nonzeros, GROUP strips wide: fewer sums than that would wait for one another. */
enum { NAME(group) = 4 };

OUTLINE void NAME(row_sparse)(const NAME(nonzero) *x, const NAME(nonzero) *end, const UINT *b, ptrdiff_t strip,
                              VEC sum[NAME(group)][GEMM_VECS])
{
    VEC s[NAME(group)][GEMM_VECS] = {{{0}}};
    for (; x < end; x++) {
        const UVEC a = NAME(all)(x->value);
        const UINT *row = b + x->step * WIDTH;
        GEMM_UNROLL_ROWS for (int i = 0; i < NAME(group); i++)
            GEMM_UNROLL_ROWS for (int v = 0; v < GEMM_VECS; v++)
                SUM_MITCHELL(s[i][v], a, (UVEC)W(load)(row + i * strip + v * LANES));
    }
    memcpy(sum, s, sizeof s);
}

/* A panel's list of nonzeros times GROUP strips. */
static void NAME(panel_sparse)(const NAME(list) *list, const UINT *strips, ptrdiff_t strip_size,
                               VEC sum[NAME(group)][GEMM_ROWS][GEMM_VECS])
{
    for (int r = 0; r < GEMM_ROWS; r++) {
        VEC row[NAME(group)][GEMM_VECS];
        const ptrdiff_t begin = r ? list->end[r - 1] : 0;
        NAME(row_sparse)(list->entries + begin, list->entries + list->end[r], strips, strip_size, row);
        for (int j = 0; j < NAME(group); j++)
            for (int v = 0; v < GEMM_VECS; v++)
                sum[j][r][v] = row[j][v];
    }
}

#undef SUM_MITCHELL

/* Rows whose sums are held in registers where a product takes many operations. */
enum { NAME(few) = 3 };
_Static_assert(GEMM_ROWS % 3 == 0, "whole passes");

/* sum = sum over k of TERM, of x from A and y from B, for the rows and registers of a tile. PREPARED(y) is y. */
#define SLOW_TILE(PREPARED, TERM)                                                                                     \
    for (int r0 = 0; r0 < GEMM_ROWS; r0 += NAME(few))                                                                 \
        for (int v = 0; v < GEMM_VECS; v++) {                                                                         \
            VEC s[NAME(few)] = {{0}};                                                                                 \
            for (ptrdiff_t k = 0; k < steps; k++) {                                                                   \
                const UVEC y = PREPARED((UVEC)W(load)(b + k * WIDTH + v * LANES));                                    \
                GEMM_UNROLL_ROWS for (int r = 0; r < NAME(few); r++)                                                  \
                {                                                                                                     \
                    const UVEC x = NAME(all)(a[(r0 + r) * pitch + k]);                                                \
                    const VEC term = (VEC)TERM;                                                                       \
                    s[r] = k ? s[r] + term : term; /* a first -0 stays */                                             \
                }                                                                                                     \
            }                                                                                                         \
            for (int r = 0; r < NAME(few); r++)                                                                       \
                sum[r0 + r][v] = s[r];                                                                                \
        }

OUTLINE void NAME(tile_corrected)(const UINT *a, ptrdiff_t pitch, const UINT *b, ptrdiff_t steps,
                                  const NAME(rule) *rule, VEC sum[GEMM_ROWS][GEMM_VECS])
{
#define AS_IT_IS(y) y
    SLOW_TILE(AS_IT_IS, NAME(corrected)(x, y, x + y, rule))
#undef AS_IT_IS
}

/* Any tile, product by product. */
OUTLINE void NAME(tile_checked)(const UINT *a, ptrdiff_t pitch, const UINT *b, ptrdiff_t steps, FN(packed) pa,
                                FN(packed) pb, const NAME(rule) *rule, VEC sum[GEMM_ROWS][GEMM_VECS])
{
#define DECODED(y) NAME(decode)(y, pb, ZERO_B)
    SLOW_TILE(DECODED, NAME(checked)(NAME(decode)(x, pa, ZERO_A), y, rule))
#undef DECODED
}

#undef SLOW_TILE

INLINE int NAME(fits)(FN(packed) a, FN(packed) b)
{
    return a.regular && b.regular && a.largest - a.least + b.largest - b.least <= SPAN &&
           a.least + b.least - BIAS >= 1 && a.largest + b.largest - BIAS + 1 + 9 <= 2 * BIAS;
}

/* Whether a panel is worked through by its list: it has one, and fits all strips of a whole group. */
INLINE int NAME(is_sparse)(FN(packed) a, const FN(packed) *b, ptrdiff_t count, const NAME(rule) *rule)
{
    int sparse = a.sparse && count == NAME(group) && !rule->correction;
    for (int j = 0; sparse && j < NAME(group); j++)
        sparse = NAME(fits)(a, b[j]);
    return sparse;
}

/* Whether every product of one row and column is -0: then so is their sum; an exact cancellation is +0. */
static int NAME(all_negative_zero)(const UINT *a, const UINT *b, ptrdiff_t steps)
{
    for (ptrdiff_t k = 0; k < steps; k++, b += WIDTH) {
        const int a_zero = ((a[k] ^ ZERO_A) & (SIGN - 1)) == 0, b_zero = ((*b ^ ZERO_B) & (SIGN - 1)) == 0;
        const UINT negative = (a[k] ^ (a_zero ? ZERO_A : 0) ^ *b) & SIGN;
        if (!(a_zero | b_zero) || !negative)
            return 0;
    }
    return 1;
}

/* Sums of packed products as what they stand for; rows and columns are those that count. */
INLINE void NAME(unpack)(const UINT *a, ptrdiff_t pitch, const UINT *b, ptrdiff_t steps, FN(packed) pa, FN(packed) pb,
                         ptrdiff_t rows, ptrdiff_t columns, VEC sum[GEMM_ROWS][GEMM_VECS])
{
    /* a power of two in two factors: one may be out of range */
    const int exponent = pa.least + pb.least - BIAS - LOW, half = exponent / 2;
    const VEC first = (VEC)NAME(all)(EXPONENT(BIAS + half)), second = (VEC)NAME(all)(EXPONENT(BIAS + exponent - half));
    const UVEC below = NAME(all)(EXPONENT(LOW - MANTISSA - 1)); /* q / 2 */
    UVEC zeros = {0};
    for (int r = 0; r < GEMM_ROWS; r++)
        for (int v = 0; v < GEMM_VECS; v++) {
            const UVEC zero = (UVEC)(((UVEC)sum[r][v] & (SIGN - 1)) < below);
            zeros |= zero;
            sum[r][v] = (VEC)((UVEC)(sum[r][v] * first * second) & ~zero);
        }
    UINT any = 0;
    for (int i = 0; i < LANES; i++)
        any |= zeros[i];
    if (any)
        for (ptrdiff_t r = 0; r < rows; r++)
            for (ptrdiff_t c = 0; c < columns; c++)
                if (sum[r][c / LANES][c % LANES] == 0 && NAME(all_negative_zero)(a + r * pitch, b + c, steps))
                    sum[r][c / LANES][c % LANES] = -(WIDE)0;
}

/* NaNs come out as the one quiet NaN: which one an addition passes on is the machine's choice. */
INLINE VEC NAME(one_nan)(VEC x) { return (VEC)NAME(where)((UVEC)(x != x), NAME(all)(INVALID), (UVEC)x); }

#include "matmul_small.h"

/* ---- element types --------------------------------------------------------------------------------------------- */

/* Subnormal numbers of f16, which are normal as float32, count as 0 too. */
INLINE UVEC NAME(flushed)(UVEC x, int least) { return x & ((UVEC)((x & (SIGN - 1)) >= EXPONENT(least)) | SIGN); }

#define READ_AS(type, element)                                                                                        \
    INLINE UVEC NAME(read_##type)(const char *p)                                                                      \
    {                                                                                                                 \
        element x[LANES];                                                                                             \
        WIDE wide[LANES];                                                                                             \
        UVEC patterns;                                                                                                \
        memcpy(x, p, sizeof x);                                                                                       \
        for (int i = 0; i < LANES; i++)                                                                               \
            wide[i] = (WIDE)x[i];                                                                                     \
        memcpy(&patterns, wide, sizeof patterns);                                                                     \
        return patterns;                                                                                              \
    }

/* Exact integers, modulo 2^n. */
#define WRITE_AS(type, element, integer)                                                                              \
    INLINE void NAME(write_##type)(char *p, VEC x, int add)                                                           \
    {                                                                                                                 \
        element to[LANES];                                                                                            \
        memcpy(to, p, sizeof to);                                                                                     \
        for (int i = 0; i < LANES; i++)                                                                               \
            to[i] = (add ? to[i] : 0) + (element)(integer)x[i];                                                       \
        memcpy(p, to, sizeof to);                                                                                     \
    }

#define SMALL 1
#define READ(p) ((UVEC)W(load)(p))
#define WRITE(p, x, add) W(store)(p, NAME(one_nan)((add) ? W(load)(p) + (x) : (x)))
#define NUMBER TYPE
#define ELEMENT WIDE
#define SUM WIDE
#include "matmul_type.h"

#undef SMALL
#define SMALL 0
#if MANTISSA == 23
READ_AS(i8, int8_t)
READ_AS(u8, uint8_t)
WRITE_AS(i32, uint32_t, int32_t)

#define NUMBER f16
#define ELEMENT uint16_t
#define SUM uint16_t
#define READ(p) NAME(flushed)((UVEC)load_f16(p), BIAS - 14)
#define WRITE(p, x, add) store_f16(p, NAME(one_nan)(x))
#include "matmul_type.h"

#define NUMBER bf16
#define ELEMENT uint16_t
#define SUM uint16_t
#define READ(p) ((UVEC)load_bf16(p))
#define WRITE(p, x, add) store_bf16(p, NAME(one_nan)(x))
#include "matmul_type.h"

#define NUMBER i8
#define ELEMENT int8_t
#define SUM int32_t
#define READ NAME(read_i8)
#define WRITE NAME(write_i32)
#include "matmul_type.h"

#define NUMBER u8
#define ELEMENT uint8_t
#define SUM int32_t
#define READ NAME(read_u8)
#define WRITE NAME(write_i32)
#include "matmul_type.h"
#else
READ_AS(i16, int16_t)
WRITE_AS(i64, uint64_t, int64_t)

#define NUMBER i16
#define ELEMENT int16_t
#define SUM int64_t
#define READ NAME(read_i16)
#define WRITE NAME(write_i64)
#include "matmul_type.h"
#endif

#undef SMALL
#undef READ_AS
#undef WRITE_AS
#undef NAME
#undef SIGN
#undef TINY
#undef TOP
#undef INVALID
#undef EXPONENT
#undef WIDTH
#undef LOW
#undef SPAN
#undef ZERO_A
#undef ZERO_B
