/* SPDX-License-Identifier: BSD-3-Clause
 * The product of a tile, for one wide type: sum[r][v] += sum over k of A[r, k] B[k, v], in order of k. Element (r, k) of A
 * stands at a + r * a_row + k * a_step, row k of B at b + k * b_step (in elements). */

/* Of any pattern: as a float, a signalling NaN would not come through. */
INLINE VEC FN_FOR(broadcast, TYPE)(const WIDE *p)
{
    UINT x;
    memcpy(&x, p, sizeof x);
    return (VEC)((UVEC){0} + x);
}

#define GEMM_TILE(name, SUM)                                                                                          \
    INLINE void FN_FOR(name, TYPE)(const WIDE *a, ptrdiff_t a_row, ptrdiff_t a_step, const WIDE *b, ptrdiff_t b_step,  \
                                   ptrdiff_t steps, VEC sum[GEMM_ROWS][GEMM_VECS])                                    \
    {                                                                                                                 \
        const WIDE *row[GEMM_ROWS];                                                                                   \
        VEC s[GEMM_ROWS][GEMM_VECS];                                                                                  \
        GEMM_UNROLL_ROWS for (int r = 0; r < GEMM_ROWS; r++)                                                          \
        {                                                                                                             \
            row[r] = a + r * a_row;                                                                                   \
            s[r][0] = sum[r][0], s[r][1] = sum[r][1];                                                                 \
        }                                                                                                             \
        GEMM_UNROLL_K for (ptrdiff_t k = 0, at = 0; k < steps; k++, at += a_step, b += b_step)                        \
        {                                                                                                             \
            const VEC b0 = W(load)(b), b1 = W(load)(b + LANES);                                                       \
            GEMM_UNROLL_ROWS for (int r = 0; r < GEMM_ROWS; r++)                                                      \
            {                                                                                                         \
                const VEC ar = FN_FOR(broadcast, TYPE)(row[r] + at);                                                  \
                SUM(s[r][0], ar, b0);                                                                                 \
                SUM(s[r][1], ar, b1);                                                                                 \
            }                                                                                                         \
        }                                                                                                             \
        GEMM_UNROLL_ROWS for (int r = 0; r < GEMM_ROWS; r++) sum[r][0] = s[r][0], sum[r][1] = s[r][1];                 \
    }

#define SUM_MITCHELL(s, x, y) s += (VEC)((UVEC)(x) + (UVEC)(y))
#define SUM_FMA(s, x, y) s = W(fma)(x, y, s)
GEMM_TILE(tile_mitchell, SUM_MITCHELL)
GEMM_TILE(tile_fma, SUM_FMA)
#undef SUM_MITCHELL
#undef SUM_FMA

/* A's elements of one row (strided_rows) or of one k (strided_steps) lie together; rows of B are whole strips. */
OUTLINE void FN_FOR(strided_rows_fma, TYPE)(const WIDE *a, ptrdiff_t a_row, const WIDE *b, ptrdiff_t b_step,
                                            ptrdiff_t steps, VEC sum[GEMM_ROWS][GEMM_VECS])
{
    FN_FOR(tile_fma, TYPE)(a, a_row, 1, b, b_step, steps, sum);
}

OUTLINE void FN_FOR(strided_steps_fma, TYPE)(const WIDE *a, ptrdiff_t a_step, const WIDE *b, ptrdiff_t b_step,
                                             ptrdiff_t steps, VEC sum[GEMM_ROWS][GEMM_VECS])
{
    FN_FOR(tile_fma, TYPE)(a, 1, a_step, b, b_step, steps, sum);
}
