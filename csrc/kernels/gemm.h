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
enum { GEMM_K = 512, GEMM_STRIP_BYTES = GEMM_VECS * VEC_BYTES * GEMM_K };

/* B block: at most 4 MB, in the L3 cache. Row block: at most 192 rows, 384 KB of float32 panels, in the L2 cache. */
enum { GEMM_STRIPS = 128, GEMM_ROW_BLOCK = 192 };

typedef struct {
    ptrdiff_t m, n, k;
    ptrdiff_t columns;               /* of a strip */
    ptrdiff_t strips, column_blocks; /* strips in all of B; blocks of GEMM_STRIPS of them */
    ptrdiff_t k_blocks;
    ptrdiff_t rows, row_blocks; /* rows of a row block, a multiple of GEMM_ROWS */
} FN(gemm_shape);

INLINE ptrdiff_t FN(ceil_div)(ptrdiff_t a, ptrdiff_t b) { return (a + b - 1) / b; }
INLINE ptrdiff_t FN(smaller)(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }

INLINE FN(gemm_shape) FN(gemm_shape_of)(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, ptrdiff_t element_size, int threads)
{
    const ptrdiff_t columns = GEMM_VECS * VEC_BYTES / element_size, strips = FN(ceil_div)(n, columns);
    /* an equal number of row blocks for each thread: with one block more, one thread works while the others wait */
    const ptrdiff_t blocks = threads * FN(ceil_div)(m, (ptrdiff_t)threads * GEMM_ROW_BLOCK);
    const ptrdiff_t rows = FN(ceil_div)(FN(ceil_div)(m, blocks), GEMM_ROWS) * GEMM_ROWS;
    return (FN(gemm_shape)){.m = m, .n = n, .k = k, .columns = columns, .strips = strips,
                            .column_blocks = FN(ceil_div)(strips, GEMM_STRIPS),
                            .k_blocks = FN(ceil_div)(k, GEMM_K),
                            .rows = rows, .row_blocks = FN(ceil_div)(m, rows)};
}

#define TEMPLATE "../kernels/gemm_tile.h"
#include "../simd/each_wide.h"
#undef TEMPLATE

#endif
