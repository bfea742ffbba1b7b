/* SPDX-License-Identifier: BSD-3-Clause
 * mitchell_matmul: C = A B with Mitchell's products. Within a block of steps of k the sum starts at the block's first
 * product; the sums of the blocks are added in order.
 *
 * A tile costs one integer and one float addition a product, and is right for zeros all the same, by what is packed:
 *
 *   - The exponents of a panel (strip) are lowered by their smallest, and raised so that the smallest possible product
 *     has exponent LOW. All sums are then multiples of q = 2^(LOW - BIAS - MANTISSA), and none under- or overflows.
 *   - A zero is packed as a number so small that its products, and all sums of them, stay below q / 2^(MANTISSA + 2).
 *     Such garbage is lost in the rounding of any sum that is not zero, and leaves an exact sum of zero below q / 2.
 *   - After the block, sums below q / 2 become 0 and the others are scaled back by a power of two, exactly.
 *
 * This needs the exponents of a panel and a strip to span at most SPAN together, and products that neither under- nor
 * overflow. Where that, or an infinity or NaN, stands against it, the tile is unpacked and worked through by products
 * that are checked one by one. A constant of the log domain is packed into A and costs nothing.
 *
 *   matmul_tile.h   packed float32 or float64: tiles
 *   matmul_type.h   what elements of one type are read as, and how their sums are written
 */
#include "gemm.h"

/* What is known of a panel or strip. */
typedef struct {
    int regular;        /* packed as above; else as it was */
    int least, largest; /* biased exponents, of what is not 0 */
    int sparse;         /* its nonzeros are listed */
    uint64_t shift;     /* what packing added to the patterns of nonzeros */
} FN(packed);

/* How the elements of a type are multiplied and summed. Integers: exactly, for a float sum of block_k products is, with
 * 256 x 65 025 < 2^24 and 512 x 2^30 < 2^53. */
typedef struct {
    int wide;         /* bytes of a packed element */
    int mantissa;     /* bits of the fraction to which a product is truncated; of no meaning for integers */
    ptrdiff_t block_k;
    int sums_apart;   /* sums of several blocks do not fit C and are kept in scratch memory */
} FN(matmul_kind);

static const FN(matmul_kind) FN(matmul_kinds)[fastops_type_count] = {
    [fastops_f32] = {4, 23, GEMM_K, 0}, [fastops_f64] = {8, 52, GEMM_K, 0}, [fastops_f16] = {4, 10, GEMM_K, 1},
    [fastops_bf16] = {4, 7, GEMM_K, 1}, [fastops_i8] = {4, 23, 256, 0},     [fastops_u8] = {4, 23, 256, 0},
    [fastops_i16] = {8, 52, GEMM_K, 0},
};

/* Nonzeros of a panel are listed where they are at most one in SPARSE. */
enum { SPARSE = 4 };

/* Sums apart: at most 1026 rows x 1024 columns, 4 MB. */
enum { SPAN_ROWS = 171 * GEMM_ROWS, SPAN_STRIPS = 64 };

typedef struct {
    FN(gemm_shape) shape;
    FN(matmul_kind) kind;
    ptrdiff_t pitch;                                      /* elements from one row of a panel to the next */
    ptrdiff_t panels_packed, panels, lists;               /* bytes of a thread's scratch memory */
    ptrdiff_t strips_packed, strips, sums;                /* and of the shared */
} FN(matmul_plan);

/* A row longer than a tile's k by a register: rows of a panel must not lie 2^n apart, in the same sets of the cache. */
INLINE FN(matmul_plan) FN(matmul_plan_of)(const fastops_matmul *s, fastops_type type, int threads)
{
    FN(matmul_plan) p = {.kind = FN(matmul_kinds)[type]};
    const ptrdiff_t wide = p.kind.wide, lanes = VEC_BYTES / wide;
    const int apart = p.kind.sums_apart && s->k > p.kind.block_k;
    p.shape = FN(gemm_shape_of)(s->m, s->n, s->k, wide, apart ? SPAN_STRIPS : GEMM_STRIPS, apart ? SPAN_ROWS : s->m,
                                p.kind.block_k, threads);
    const FN(gemm_shape) *g = &p.shape;
    p.pitch = (FN(ceil_div)(g->block_k, lanes) + 1) * lanes;
    p.panels_packed = FN(ceil_div)(g->rows / GEMM_ROWS * (ptrdiff_t)sizeof(FN(packed)), 64) * 64;
    p.panels = g->rows * p.pitch * wide;
    p.lists = g->rows * (g->block_k / SPARSE * 2 * wide + (ptrdiff_t)sizeof(ptrdiff_t));
    p.strips_packed = FN(ceil_div)(g->together * (ptrdiff_t)sizeof(FN(packed)), 64) * 64;
    p.strips = g->together * g->columns * g->block_k * wide;
    p.sums = apart ? g->span * g->together * g->columns * wide : 0;
    return p;
}

static fastops_needs FN(mitchell_matmul_needs)(fastops_type type, const void *args, int threads)
{
    const FN(matmul_plan) p = FN(matmul_plan_of)(args, type, threads);
    const FN(gemm_shape) *g = &p.shape;
    return (fastops_needs){
        .thread_bytes = p.panels_packed + p.panels + p.lists,
        .shared_bytes = p.strips_packed + p.strips + p.sums,
        .phases = 2 * g->column_blocks * g->spans * g->k_blocks,
        .items = {g->together, g->row_blocks},
    };
}

#define TEMPLATE "../kernels/matmul_tile.h"
#include "../simd/each_wide.h"
#undef TEMPLATE
