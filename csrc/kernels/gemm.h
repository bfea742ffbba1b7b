/* SPDX-License-Identifier: BSD-3-Clause
 * Packed products of matrices: the blocking, the walk over it, and the product of one tile.
 *
 *   panel   GEMM_ROWS rows of A over a block of k, packed so that the elements of one k lie together
 *   strip   a tile's columns of B over a block of k, packed alike
 *   tile    panel x strip, held in registers while k runs
 *
 * A kernel runs two phases for each block of B: strips are packed (items: strips), then row blocks are worked through
 * (items: row blocks), each packing its own panels. All sizes follow from the shape and the number of threads, and the
 * sums of a tile over a block of k never depend on them.
 */
#ifndef FASTOPS_GEMM_H
#define FASTOPS_GEMM_H

#include "../simd/math.h"

/* Unrolled by pragma: by 2, for 4 are 5 % slower on Zen 4, 1 is 3 % slower on Zen 3 */
#define GEMM_UNROLL_K _Pragma("GCC unroll 2")
#define GEMM_UNROLL_ROWS _Pragma("GCC unroll 8")

/* 6 rows x 2 registers: 12 sums, 2 of B, 1 of A and 1 product fill the 16 registers of x86-64. */
enum { GEMM_ROWS = 6, GEMM_VECS = 2 };

/* GEMM_K is part of the definition of mitchell.matmul (the order of its sums). 512: a strip is 32 KB, the L1 cache;
 * shorter blocks read and write C more often (384: -2 %). */
enum { GEMM_K = 512 };

/* B block: at most 4 MB, in the L3 cache. Row block: at most 384 KB of panels, in the L2 cache. */
enum { GEMM_STRIPS = 128, GEMM_PANEL_BYTES = 384 << 10 };

typedef struct {
    ptrdiff_t m, n, k;
    ptrdiff_t block_k, k_blocks;                        /* longest block of k */
    ptrdiff_t columns, strips, together, column_blocks; /* of a strip; strips in all of B, and in a block of B */
    ptrdiff_t span, spans;                              /* rows that go through all of k before the next ones do */
    ptrdiff_t rows, row_blocks; /* rows of a row block, a multiple of GEMM_ROWS; row blocks of a span */
} FN(gemm_shape);

INLINE ptrdiff_t FN(ceil_div)(ptrdiff_t a, ptrdiff_t b) { return (a + b - 1) / b; }
INLINE ptrdiff_t FN(smaller)(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }

/* size: bytes of a packed element. Strips in a block of B, rows in a span, and steps of k in a block: at most those. */
INLINE FN(gemm_shape) FN(gemm_shape_of)(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, ptrdiff_t size, ptrdiff_t together,
                                        ptrdiff_t span, ptrdiff_t block_k, int threads)
{
    FN(gemm_shape) g = {.m = m, .n = n, .k = k,
                        .block_k = FN(smaller)(k, block_k), .k_blocks = FN(ceil_div)(k, block_k),
                        .columns = GEMM_VECS * VEC_BYTES / size, .span = FN(smaller)(m, span)};
    g.strips = FN(ceil_div)(n, g.columns);
    g.together = FN(smaller)(g.strips, together);
    g.column_blocks = FN(ceil_div)(g.strips, together);
    g.spans = FN(ceil_div)(m, g.span);
    /* an equal number of row blocks for each thread: with one block more, one thread works while the others wait */
    const ptrdiff_t most = GEMM_PANEL_BYTES / (GEMM_K * size);
    const ptrdiff_t blocks = threads * FN(ceil_div)(g.span, threads * most);
    g.rows = FN(ceil_div)(FN(ceil_div)(g.span, blocks), GEMM_ROWS) * GEMM_ROWS;
    g.row_blocks = FN(ceil_div)(g.span, g.rows);
    return g;
}

#define TEMPLATE "../kernels/gemm_tile.h"
#include "../simd/each_wide.h"
#undef TEMPLATE

#endif
