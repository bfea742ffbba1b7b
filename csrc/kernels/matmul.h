/* SPDX-License-Identifier: BSD-3-Clause
 * mitchell_matmul: C = A B with Mitchell's products, summed in the element type. Within a block of GEMM_K steps of k the
 * sum starts at the block's first product; the sums of the blocks are added in order.
 *
 * A tile costs one integer and one float addition a product, and is right for zeros all the same, by what is packed:
 *
 *   - The exponents of a panel (strip) are lowered by their smallest, and raised so that the smallest possible product
 *     has exponent LOW. All sums are then multiples of q = 2^(LOW - BIAS - MANTISSA), and none under- or overflows.
 *   - A zero is packed as a number so small that its products, and all the sums of them, stay below q / 2^(MANTISSA + 2).
 *     Such garbage is lost in the rounding of any sum that is not zero, and leaves an exact sum of zero below q / 2.
 *   - After the block, sums below q / 2 become 0 and the others are scaled back by a power of two, exactly.
 *
 * This needs the exponents of a panel and a strip to span at most SPAN together, and products that neither under- nor
 * overflow. Where that, or an infinity or NaN, stands against it, the tile is unpacked and worked through by the
 * checked product of mitchell_float.h.
 */
#include "gemm.h"

typedef struct {
    int regular;            /* packed as above; else as it was, with subnormals set to 0 */
    int least, largest;     /* biased exponents, of what is not 0 */
} FN(packed);

/* Scratch of a thread: what is known of its panels, a panel by rows, panels. Shared: what is known of strips, strips. */
enum { PANELS_PACKED = GEMM_ROW_BLOCK / GEMM_ROWS * 16, STRIPS_PACKED = GEMM_STRIPS * 16 };
_Static_assert(sizeof(FN(packed)) <= 16 && PANELS_PACKED % 64 == 0, "keep panels aligned");

static fastops_needs FN(mitchell_matmul_needs)(fastops_type type, const void *args, int threads)
{
    const fastops_matmul *s = args;
    const ptrdiff_t size = type == fastops_f64 ? 8 : 4;
    const FN(gemm_shape) g = FN(gemm_shape_of)(s->m, s->n, s->k, size, threads);
    const ptrdiff_t strips = FN(smaller)(g.strips, GEMM_STRIPS);
    return (fastops_needs){
        .thread_bytes = PANELS_PACKED + (GEMM_ROWS + g.rows) * GEMM_K * size,
        .shared_bytes = STRIPS_PACKED + strips * GEMM_STRIP_BYTES,
        .phases = 2 * g.column_blocks * g.k_blocks,
        .items = {strips, g.row_blocks},
    };
}

#define TEMPLATE "../kernels/matmul_tile.h"
#include "../simd/each_wide.h"
#undef TEMPLATE
