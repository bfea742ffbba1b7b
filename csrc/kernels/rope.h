/* SPDX-License-Identifier: BSD-3-Clause
 * Rotary position embeddings (J. Su et al., RoFormer, 2021): tables of cos and sin, and the rotation of rows of pairs.
 * No fma: the rotation is bound by memory, and the same bits come out on every ISA. */
#include "../simd/math.h"

/* ---- rope_table: cos, sin (rows, pairs) <- positions (rows), inverse (pairs) ------------------------------------- */

INLINE f64v FN(angles)(f64v positions, f64v inverse, int in_f32)
{
    if (!in_f32)
        return positions * inverse;
    const f32h product = __builtin_convertvector(positions, f32h) * __builtin_convertvector(inverse, f32h);
    return __builtin_convertvector(product, f64v);
}

/* The positions of one row that turn the n pairs from i on; the others are those of the first. */
INLINE f64v FN(positions_of)(const fastops_rope_table *s, const double *row, ptrdiff_t i, ptrdiff_t n)
{
    f64v own;
    if (!s->axes)
        return all_f64(row[0]);
    for (ptrdiff_t lane = 0; lane < F64_LANES; lane++) /* not by way of memory, which would stall */
        own[lane] = row[s->axes[i + (lane < n ? lane : 0)]];
    return own;
}

INLINE void FN(store_wide_f32)(void *p, f64v v) { store_f32h(p, __builtin_convertvector(v, f32h)); }
INLINE void FN(store_wide_f64)(void *p, f64v v) { store_f64(p, v); }

#define ROPE_TABLE(type, element)                                                                                     \
    static unsigned FN_FOR(rope_table, type)(const void *args, const fastops_part *part)                              \
    {                                                                                                                 \
        const fastops_rope_table *s = args;                                                                           \
        const ptrdiff_t pairs = s->pairs, tail = pairs % F64_LANES;                                                   \
        for (ptrdiff_t t = part->begin; t < part->end; t++) {                                                         \
            element *cosine = (element *)s->cos + t * pairs, *sine = (element *)s->sin + t * pairs;                   \
            for (ptrdiff_t i = 0; i < pairs; i += F64_LANES) {                                                        \
                const ptrdiff_t n = i + F64_LANES <= pairs ? F64_LANES : tail;                                        \
                double edge[F64_LANES] = {0};                                                                         \
                element c_part[F64_LANES], s_part[F64_LANES];                                                         \
                const int whole = n == F64_LANES;                                                                     \
                if (!whole)                                                                                           \
                    memcpy(edge, s->inverse + i, (size_t)n * sizeof(double));                                         \
                f64v c, v;                                                                                            \
                const f64v positions = FN(positions_of)(s, s->positions + t * s->coordinates, i, n);                  \
                sincos_f64(FN(angles)(positions, load_f64(whole ? s->inverse + i : edge), s->angle_in_f32), &v, &c);  \
                FN(store_wide_##type)(whole ? cosine + i : c_part, c * s->factor);                                    \
                FN(store_wide_##type)(whole ? sine + i : s_part, v * s->factor);                                      \
                if (!whole) {                                                                                         \
                    memcpy(cosine + i, c_part, (size_t)n * sizeof(element));                                          \
                    memcpy(sine + i, s_part, (size_t)n * sizeof(element));                                            \
                }                                                                                                     \
            }                                                                                                         \
        }                                                                                                             \
        return 0;                                                                                                     \
    }

ROPE_TABLE(f32, float)
ROPE_TABLE(f64, double)
#undef ROPE_TABLE

/* ---- rope_rotate ------------------------------------------------------------------------------------------------- */

/* The pairs of one row: x0[i], x1[i] where they lie apart; x0[2i], x0[2i + 1] where interleaved. */
typedef struct {
    const char *x0, *x1;
    char *out0, *out1;
    const char *cos0, *cos1, *sin0, *sin1;
} FN(rope_pairs);

/* Where a row starts in each of the four arrays. */
typedef struct {
    const char *x, *cos, *sin;
    char *out;
} FN(rope_place);

/* The place of a row, and its index. */
typedef struct {
    FN(rope_place) place;
    ptrdiff_t index[FASTOPS_MAX_DIMS];
} FN(rope_row);

INLINE void FN(rope_move)(FN(rope_place) *p, const fastops_rope_rotate *s, int d, ptrdiff_t steps)
{
    p->x += steps * s->x_strides[d], p->out += steps * s->out_strides[d];
    p->cos += steps * s->cos_strides[d], p->sin += steps * s->sin_strides[d];
}

static void FN(rope_seek)(FN(rope_row) *at, const fastops_rope_rotate *s, ptrdiff_t row)
{
    at->place = (FN(rope_place)){s->x, s->cos, s->sin, s->out};
    for (int d = s->ndim - 1; d >= 0; d--) {
        at->index[d] = row % s->shape[d];
        row /= s->shape[d];
        FN(rope_move)(&at->place, s, d, at->index[d]);
    }
}

/* Goes on by that many rows, at most to the end of the last axis. */
INLINE void FN(rope_advance)(FN(rope_row) *at, const fastops_rope_rotate *s, ptrdiff_t rows)
{
    for (int d = s->ndim - 1; d >= 0; d--, rows = 1) {
        FN(rope_move)(&at->place, s, d, rows);
        if ((at->index[d] += rows) < s->shape[d])
            return;
        at->index[d] = 0;
        FN(rope_move)(&at->place, s, d, -s->shape[d]);
    }
}

/* Whether a row can be worked on where it lies. */
INLINE int FN(rope_dense)(const fastops_rope_rotate *s, ptrdiff_t size, ptrdiff_t wide)
{
    return s->x_lane == size && s->out_lane == size && s->cos_lane == wide && s->sin_lane == wide &&
           !(s->interleaved && s->full_width);
}

/* Any other row is gathered into scratch: x0, x1, cos0, cos1, sin0, sin1, each of whole registers. */
enum { ROPE_PARTS = 6, ROPE_PADDING = 16 };
INLINE ptrdiff_t FN(rope_part)(ptrdiff_t pairs, ptrdiff_t wide)
{
    return (pairs + ROPE_PADDING - 1) / ROPE_PADDING * ROPE_PADDING * wide;
}

static fastops_needs FN(rope_rotate_needs)(fastops_type type, const void *args, int threads)
{
    const fastops_rope_rotate *s = args;
    const ptrdiff_t wide = type == fastops_f64 ? 8 : 4, size = type == fastops_f16 || type == fastops_bf16 ? 2 : wide;
    (void)threads;
    return (fastops_needs){.phases = 1,
                           .thread_bytes = FN(rope_dense)(s, size, wide) ? 0 : ROPE_PARTS * FN(rope_part)(s->pairs, wide)};
}

#define TEMPLATE "../kernels/rope_rotate.h"
#include "../simd/each_float.h"
#undef TEMPLATE
