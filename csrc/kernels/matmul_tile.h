/* SPDX-License-Identifier: BSD-3-Clause
 * mitchell_matmul for one wide type; the template of matmul.h. */

#define NAME(name) FN_FOR(name, TYPE)
#define SIGN ((UINT)1 << (8 * sizeof(UINT) - 1))
#define TINY ((UINT)1 << MANTISSA)
#define TOP (SIGN - TINY)
#define EXPONENT(e) ((UINT)(e) << MANTISSA)

/* Biased exponents; 2 BIAS + 1 is infinity's. A sum of GEMM_K numbers adds 9. The largest products with zeros are that of
 * two zeros, which wraps around to 2 BIAS + 4 - LOW, and that of a zero with the largest number of the widest span. */
#define LOW (BIAS + BIAS / 3)
#define SPAN (2 * BIAS - LOW - 1 - 9)
_Static_assert(2 * BIAS + 4 - LOW + 9 < LOW - 2 * MANTISSA - 2 && 2 + SPAN + 9 < LOW - 2 * MANTISSA - 2,
               "garbage must vanish in the rounding of every sum that is not 0");

#define ZERO_A ((UINT)0 - EXPONENT(LOW - 1)) /* times a packed b: exponents from 1 on */
#define ZERO_B EXPONENT(1)

INLINE FN(packed) NAME(scan)(const UINT *x, ptrdiff_t count)
{
    UINT most = 0, least = ~(UINT)0;
    for (ptrdiff_t i = 0; i < count; i++) {
        const UINT m = x[i] & (SIGN - 1), past_zero = m - TINY; /* a zero wraps to the end */
        most = m > most ? m : most;
        least = past_zero < least ? past_zero : least;
    }
    FN(packed) p = {.largest = (int)(most >> MANTISSA), .least = (int)((least + TINY) >> MANTISSA)};
    if (most < TINY) /* all are 0 */
        p.least = p.largest = BIAS;
    p.regular = most < TOP && p.largest - p.least <= SPAN;
    return p;
}

INLINE UINT NAME(encode)(UINT x, UINT offset, UINT zero)
{
    const UINT sign = x & SIGN;
    return (x & (SIGN - 1)) < TINY ? zero + sign : x + offset;
}

INLINE void NAME(encode_all)(UINT *x, ptrdiff_t count, FN(packed) p, int raise, UINT zero)
{
    const UINT offset = EXPONENT(raise - p.least);
    if (p.regular)
        for (ptrdiff_t i = 0; i < count; i++)
            x[i] = NAME(encode)(x[i], offset, zero);
}

/* One packed value as it was. */
INLINE UINT NAME(decode)(UINT x, FN(packed) p, int raise, UINT zero)
{
    if (!p.regular)
        return (x & (SIGN - 1)) < TINY ? x & SIGN : x;
    if (((x ^ zero) & (SIGN - 1)) == 0)
        return x - zero;
    return x - EXPONENT(raise - p.least);
}

/* ---- packing --------------------------------------------------------------------------------------------------- */

/* Panel of rows [0, rows) of A, steps long, by way of `row` (GEMM_ROWS x GEMM_K). */
static FN(packed) NAME(pack_panel)(const fastops_matmul *s, const char *a, ptrdiff_t rows, ptrdiff_t steps, UINT *row,
                                   UINT *panel)
{
    for (ptrdiff_t r = 0; r < GEMM_ROWS; r++) {
        UINT *to = row + r * steps;
        if (r < rows)
            copy_elements((char *)to, sizeof(UINT), a + r * s->a_row, s->a_column, steps, sizeof(UINT));
        else
            memset(to, 0, (size_t)steps * sizeof(UINT));
    }
    const FN(packed) p = NAME(scan)(row, rows * steps);
    NAME(encode_all)(row, GEMM_ROWS * steps, p, 0, ZERO_A);
    for (ptrdiff_t k = 0; k < steps; k++)
        for (ptrdiff_t r = 0; r < GEMM_ROWS; r++)
            panel[k * GEMM_ROWS + r] = row[r * steps + k];
    return p;
}

/* Strip of columns [0, columns) of B. */
static FN(packed) NAME(pack_strip)(const fastops_matmul *s, const char *b, ptrdiff_t columns, ptrdiff_t steps,
                                   UINT *strip)
{
    enum { WIDTH = GEMM_VECS * LANES };
    for (ptrdiff_t k = 0; k < steps; k++) {
        UINT *to = strip + k * WIDTH;
        if (columns < WIDTH)
            memset(to, 0, WIDTH * sizeof(UINT));
        copy_elements((char *)to, sizeof(UINT), b + k * s->b_row, s->b_column, columns, sizeof(UINT));
    }
    const FN(packed) p = NAME(scan)(strip, steps * WIDTH);
    NAME(encode_all)(strip, steps * WIDTH, p, LOW, ZERO_B);
    return p;
}

/* ---- tiles ----------------------------------------------------------------------------------------------------- */

INLINE UVEC NAME(magnitude)(VEC x) { return (UVEC)x & (SIGN - 1); }

/* 2^exponent in two factors: one may be out of range. */
INLINE VEC NAME(scaled)(VEC x, int exponent)
{
    const int half = exponent / 2;
    const VEC first = (VEC)((UVEC){0} + EXPONENT(BIAS + half)), second = (VEC)((UVEC){0} + EXPONENT(BIAS + exponent - half));
    return x * first * second;
}

/* Whether every product of one row and column is -0: then so is their sum; an exact cancellation is +0. */
static int NAME(all_negative_zero)(const UINT *a, const UINT *b, ptrdiff_t steps)
{
    enum { WIDTH = GEMM_VECS * LANES };
    for (ptrdiff_t k = 0; k < steps; k++, a += GEMM_ROWS, b += WIDTH) {
        const int a_zero = ((*a ^ ZERO_A) & (SIGN - 1)) == 0, b_zero = ((*b ^ ZERO_B) & (SIGN - 1)) == 0;
        const UINT negative = (*a ^ (a_zero ? ZERO_A : 0) ^ *b) & SIGN;
        if (!(a_zero | b_zero) || !negative)
            return 0;
    }
    return 1;
}

/* A tile whose panel and strip are regular and fit; rows and columns are those that count. */
INLINE void NAME(tile_fast)(const UINT *a, const UINT *b, ptrdiff_t steps, FN(packed) pa, FN(packed) pb, ptrdiff_t rows,
                            ptrdiff_t columns, VEC sum[GEMM_ROWS][GEMM_VECS])
{
    const UINT q = EXPONENT(LOW - MANTISSA);
    UVEC zeros = {0};
    memset(sum, 0, GEMM_ROWS * GEMM_VECS * sizeof(VEC));
    NAME(packed_mitchell)((const WIDE *)a, (const WIDE *)b, steps, sum);
    for (int r = 0; r < GEMM_ROWS; r++)
        for (int v = 0; v < GEMM_VECS; v++) {
            const UVEC zero = (UVEC)(NAME(magnitude)(sum[r][v]) < (UVEC){0} + (q - EXPONENT(1)));
            zeros |= zero;
            sum[r][v] = (VEC)((UVEC)NAME(scaled)(sum[r][v], pa.least + pb.least - BIAS - LOW) & ~zero);
        }
    UINT any = 0;
    for (int i = 0; i < LANES; i++)
        any |= zeros[i];
    if (any)
        for (ptrdiff_t r = 0; r < rows; r++)
            for (ptrdiff_t c = 0; c < columns; c++)
                if (sum[r][c / LANES][c % LANES] == 0 && NAME(all_negative_zero)(a + r, b + c, steps))
                    sum[r][c / LANES][c % LANES] = -(WIDE)0;
}

/* Any tile, product by product. */
static void NAME(tile_checked)(const UINT *a, const UINT *b, ptrdiff_t steps, FN(packed) pa, FN(packed) pb,
                               VEC sum[GEMM_ROWS][GEMM_VECS])
{
    enum { WIDTH = GEMM_VECS * LANES };
    WIDE s[GEMM_ROWS][WIDTH];
    for (ptrdiff_t k = 0; k < steps; k++, a += GEMM_ROWS, b += WIDTH) {
        UINT bk[WIDTH];
        for (int c = 0; c < WIDTH; c++)
            bk[c] = NAME(decode)(b[c], pb, LOW, ZERO_B);
        for (int r = 0; r < GEMM_ROWS; r++) {
            const UINT ar = NAME(decode)(a[r], pa, 0, ZERO_A);
            UINT product[WIDTH];
            WIDE term[WIDTH];
            for (int c = 0; c < WIDTH; c++)
                product[c] = NAME(multiply_any)(ar, bk[c]);
            memcpy(term, product, sizeof term);
            for (int c = 0; c < WIDTH; c++)
                s[r][c] = k ? s[r][c] + term[c] : term[c];
        }
    }
    memcpy(sum, s, sizeof s);
}

/* NaNs come out as the one quiet NaN: which one an addition passes on is the machine's choice. */
INLINE VEC NAME(one_nan)(VEC x)
{
    const UVEC nan = (UVEC)(x != x);
    return (VEC)((nan & (TOP | TINY >> 1)) | (~nan & (UVEC)x));
}

INLINE int NAME(fits)(FN(packed) a, FN(packed) b)
{
    return a.regular && b.regular && a.largest - a.least + b.largest - b.least <= SPAN &&
           a.least + b.least - BIAS >= 1 && a.largest + b.largest - BIAS + 1 + 9 <= 2 * BIAS;
}

INLINE void NAME(add_tile)(const fastops_matmul *s, char *c, ptrdiff_t rows, ptrdiff_t columns, int first,
                           VEC sum[GEMM_ROWS][GEMM_VECS])
{
    if (rows == GEMM_ROWS && columns == GEMM_VECS * LANES && s->c_column == (ptrdiff_t)sizeof(WIDE)) {
        for (int r = 0; r < GEMM_ROWS; r++)
            for (int v = 0; v < GEMM_VECS; v++) {
                char *to = c + r * s->c_row + v * VEC_BYTES;
                W(store)(to, NAME(one_nan)(first ? sum[r][v] : W(load)(to) + sum[r][v]));
            }
        return;
    }
    for (ptrdiff_t r = 0; r < rows; r++) {
        WIDE row[GEMM_VECS * LANES] = {0};
        if (!first)
            copy_elements((char *)row, sizeof(WIDE), c + r * s->c_row, s->c_column, columns, sizeof(WIDE));
        for (int v = 0; v < GEMM_VECS; v++) {
            const VEC before = W(load)(row + v * LANES);
            W(store)(row + v * LANES, NAME(one_nan)(first ? sum[r][v] : before + sum[r][v]));
        }
        copy_elements(c + r * s->c_row, s->c_column, (char *)row, sizeof(WIDE), columns, sizeof(WIDE));
    }
}

/* ---- the kernel ------------------------------------------------------------------------------------------------ */

static void NAME(pack_strips)(const fastops_matmul *s, const FN(gemm_shape) *g, ptrdiff_t k, ptrdiff_t strip0,
                              const fastops_part *part)
{
    const ptrdiff_t steps = FN(smaller)(GEMM_K, g->k - k);
    FN(packed) *packed = part->shared;
    UINT *strips = (UINT *)((char *)part->shared + STRIPS_PACKED);
    for (ptrdiff_t i = part->begin; i < part->end && strip0 + i < g->strips; i++) {
        const ptrdiff_t column = (strip0 + i) * g->columns;
        packed[i] = NAME(pack_strip)(s, s->b + k * s->b_row + column * s->b_column,
                                     FN(smaller)(g->columns, g->n - column), steps,
                                     strips + i * (GEMM_STRIP_BYTES / (ptrdiff_t)sizeof(UINT)));
    }
}

static void NAME(row_block)(const fastops_matmul *s, const FN(gemm_shape) *g, ptrdiff_t k, ptrdiff_t strip0,
                            ptrdiff_t row0, const fastops_part *part)
{
    const ptrdiff_t steps = FN(smaller)(GEMM_K, g->k - k), rows = FN(smaller)(g->rows, g->m - row0);
    const FN(packed) *packed = part->shared;
    const UINT *strips = (const UINT *)((const char *)part->shared + STRIPS_PACKED);
    FN(packed) *panel_packed = part->scratch;
    UINT *row = (UINT *)((char *)part->scratch + PANELS_PACKED);
    UINT *panels = row + GEMM_ROWS * GEMM_K;
    for (ptrdiff_t r = 0; r < rows; r += GEMM_ROWS)
        panel_packed[r / GEMM_ROWS] =
            NAME(pack_panel)(s, s->a + (row0 + r) * s->a_row + k * s->a_column, FN(smaller)(GEMM_ROWS, rows - r), steps,
                             row, panels + r * GEMM_K);
    for (ptrdiff_t i = 0; i < GEMM_STRIPS && strip0 + i < g->strips; i++) {
        const ptrdiff_t column = (strip0 + i) * g->columns, columns = FN(smaller)(g->columns, g->n - column);
        const UINT *strip = strips + i * (GEMM_STRIP_BYTES / (ptrdiff_t)sizeof(UINT));
        for (ptrdiff_t r = 0; r < rows; r += GEMM_ROWS) {
            const UINT *panel = panels + r * GEMM_K;
            const FN(packed) pa = panel_packed[r / GEMM_ROWS], pb = packed[i];
            const ptrdiff_t tile_rows = FN(smaller)(GEMM_ROWS, rows - r);
            VEC sum[GEMM_ROWS][GEMM_VECS];
            if (NAME(fits)(pa, pb))
                NAME(tile_fast)(panel, strip, steps, pa, pb, tile_rows, columns, sum);
            else
                NAME(tile_checked)(panel, strip, steps, pa, pb, sum);
            NAME(add_tile)(s, s->c + (row0 + r) * s->c_row + column * s->c_column, tile_rows, columns, k == 0, sum);
        }
    }
}

static unsigned NAME(mitchell_matmul)(const void *args, const fastops_part *part)
{
    const fastops_matmul *s = args;
    const FN(gemm_shape) g = FN(gemm_shape_of)(s->m, s->n, s->k, sizeof(WIDE), part->threads);
    const ptrdiff_t block = part->phase / 2, strip0 = block / g.k_blocks * GEMM_STRIPS, k = block % g.k_blocks * GEMM_K;
    if (part->phase % 2 == 0)
        NAME(pack_strips)(s, &g, k, strip0, part);
    else
        for (ptrdiff_t i = part->begin; i < part->end; i++)
            NAME(row_block)(s, &g, k, strip0, i * g.rows, part);
    return 0;
}

#undef NAME
#undef SIGN
#undef TINY
#undef TOP
#undef EXPONENT
#undef LOW
#undef SPAN
#undef ZERO_A
#undef ZERO_B
