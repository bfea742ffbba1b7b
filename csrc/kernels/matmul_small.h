/* SPDX-License-Identifier: BSD-3-Clause
 * mitchell_matmul of a wide type where the L1 cache holds B and nothing is 0: B is used where it stands, which saves a
 * quarter of the time at 64^3. Included by matmul_tile.h. */

/* B: 32 KB. Rows whole strips, one after the other or in an array; one row block; all of k. */
INLINE int NAME(is_small)(const fastops_matmul *s, const FN(matmul_plan) *p, int threads)
{
    return threads == 1 && p->shape.row_blocks == 1 && p->shape.k_blocks == 1 && s->n % WIDTH == 0 &&
           s->n * s->k * (ptrdiff_t)sizeof(WIDE) <= 32 << 10 && s->b_column == (ptrdiff_t)sizeof(WIDE) &&
           s->c_column == (ptrdiff_t)sizeof(WIDE) && s->b_row % (ptrdiff_t)sizeof(WIDE) == 0 && !s->mbm;
}

OUTLINE void NAME(tile_in_place)(const WIDE *a, ptrdiff_t pitch, const WIDE *b, ptrdiff_t b_step, ptrdiff_t steps,
                                 VEC sum[GEMM_ROWS][GEMM_VECS])
{
    NAME(clear)(sum);
    NAME(tile_mitchell)(a, pitch, 1, b, b_step, steps, sum);
}

/* Whether it could be done so: no zeros, no infinities, no product that leaves the normal range. */
static int NAME(small)(const fastops_matmul *s, const FN(matmul_plan) *p, const NAME(rule) *rule, UINT *panels)
{
    const ptrdiff_t padded = FN(ceil_div)(s->m, GEMM_ROWS) * GEMM_ROWS;
    for (ptrdiff_t r = 0; r < padded; r++) {
        UINT *row = panels + r * p->pitch;
        const ptrdiff_t given = r < s->m ? s->k : 0;
        copy_elements((char *)row, sizeof(WIDE), s->a + r * s->a_row, s->a_column, given, sizeof(WIDE));
        memset(row + given, 0, (size_t)(p->pitch - given) * sizeof(WIDE));
    }
    NAME(range) a = NAME(scan)(panels, padded * p->pitch), b = {~(UINT)0, 0, 0};
    a.zeros -= (UINT)(padded * p->pitch - s->m * s->k);
    if (s->b_row == s->n * (ptrdiff_t)sizeof(WIDE))
        b = NAME(scan)((const UINT *)s->b, s->n * s->k);
    else
        for (ptrdiff_t k = 0; k < s->k; k++) {
            const NAME(range) row = NAME(scan)((const UINT *)(s->b + k * s->b_row), s->n);
            b.most = row.most > b.most ? row.most : b.most;
            b.least = row.least < b.least ? row.least : b.least;
            b.zeros += row.zeros;
        }
    const __int128 added = rule->constant - EXPONENT(BIAS);
    const __int128 least = a.least + added + b.least, most = a.most + added + b.most;
    if (a.zeros || b.zeros || a.most >= TOP || b.most >= TOP || least < TINY || most >= TOP)
        return 0;
    NAME(shift)(panels, padded * p->pitch, (UINT)added);
    for (ptrdiff_t r = 0; r < s->m; r += GEMM_ROWS)
        for (ptrdiff_t column = 0; column < s->n; column += WIDTH) {
            VEC sum[GEMM_ROWS][GEMM_VECS];
            NAME(tile_in_place)((const WIDE *)panels + r * p->pitch, p->pitch, (const WIDE *)s->b + column,
                                s->b_row / (ptrdiff_t)sizeof(WIDE), s->k, sum);
            for (ptrdiff_t i = 0; i < FN(smaller)(GEMM_ROWS, s->m - r); i++)
                for (int v = 0; v < GEMM_VECS; v++)
                    W(store)(s->c + (r + i) * s->c_row + (column + v * LANES) * (ptrdiff_t)sizeof(WIDE), sum[i][v]);
        }
    return 1;
}
