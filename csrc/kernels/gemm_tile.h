/* SPDX-License-Identifier: BSD-3-Clause
 * The product of a tile, for one wide type: sum[r][v] = sum over k of a[k][r] * b[k][v], in order of k, from 0. */

/* Of any pattern: as a float, a signalling NaN would not come through. */
INLINE VEC FN_FOR(broadcast, TYPE)(const WIDE *p)
{
    UINT x;
    memcpy(&x, p, sizeof x);
    return (VEC)((UVEC){0} + x);
}

#define GEMM_TILE(name, SUM)                                                                                          \
    OUTLINE void FN_FOR(name, TYPE)(const WIDE *a, const WIDE *b, ptrdiff_t steps, VEC sum[GEMM_ROWS][GEMM_VECS])      \
    {                                                                                                                 \
        VEC s[GEMM_ROWS][GEMM_VECS] = {{{0}}};                                                                        \
        GEMM_UNROLL_K for (ptrdiff_t k = 0; k < steps; k++, a += GEMM_ROWS, b += GEMM_VECS * LANES)                   \
        {                                                                                                             \
            const VEC b0 = W(load)(b), b1 = W(load)(b + LANES);                                                       \
            GEMM_UNROLL_ROWS for (int r = 0; r < GEMM_ROWS; r++)                                                      \
            {                                                                                                         \
                const VEC ar = FN_FOR(broadcast, TYPE)(a + r);                                                        \
                SUM(s[r][0], ar, b0);                                                                                 \
                SUM(s[r][1], ar, b1);                                                                                 \
            }                                                                                                         \
        }                                                                                                             \
        GEMM_UNROLL_ROWS for (int r = 0; r < GEMM_ROWS; r++) sum[r][0] = s[r][0], sum[r][1] = s[r][1];                 \
    }

#define SUM_MITCHELL(s, x, y) s += (VEC)((UVEC)(x) + (UVEC)(y))
GEMM_TILE(tile_mitchell, SUM_MITCHELL)
#undef SUM_MITCHELL
#undef GEMM_TILE
