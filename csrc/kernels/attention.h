/* SPDX-License-Identifier: BSD-3-Clause
 * Attention: exact (softmax, in tiles), and in linear time by random features (K. Choromanski et al., Rethinking
 * attention with Performers, 2021).
 *
 * Tokens run along the lanes of a register: a tile of scores or features is GEMM_ROWS keys (features) x one strip of
 * tokens, so that maxima and sums over keys (features) are plain vector operations. Everything is in base 2: the caller
 * folds log2(e) into the scale. References for exponents are whole numbers, so that taking another one scales every
 * number by a power of two and changes no bit of a result.
 */
#include "gemm.h"

/* Tokens that are worked on at once. Keys: 96 are 24 KB of values and 96 KB of 256 features, in the L2 cache; multiples
 * of GEMM_ROWS and of every strip. A chunk of causal features is also that within which keys meet queries one by one:
 * shorter ones cost less there, and more traffic of the state (64: +1 %, 96: +8 %). */
enum { ATTENTION_TILE = 96, ATTENTION_CHUNK = 48 };

/* A score's reference is raised when a score exceeds it by this many powers of two. */
#define ATTENTION_SLACK 8

/* 2 to this power is 0 beside anything; the score of a key that does not count is twice as low. */
#define ATTENTION_NOTHING (-0x1p100f)

/* A causal query's features are taken under references that its own keys miss by at most this many powers of two. */
#define ATTENTION_JUMP 60

/* Elements past an array that GEMM_ROWS of them may be read from, wherever they begin. */
enum { ATTENTION_OVERREAD = 16 };

/* Key/value heads whose states are kept at once: 4 MB at 256 features x 64 values. */
enum { ATTENTION_STATES = 64 };

INLINE ptrdiff_t FN(round_up)(ptrdiff_t n, ptrdiff_t to) { return FN(ceil_div)(n, to) * to; }

static fastops_needs FN(attention_softmax_needs)(fastops_type type, const void *args, int threads)
{
    const fastops_attention *s = args;
    const ptrdiff_t size = type == fastops_f64 ? 8 : 4, strip = GEMM_VECS * VEC_BYTES / size;
    const ptrdiff_t width = FN(round_up)(s->dv, strip) + GEMM_ROWS;
    (void)threads;
    return (fastops_needs){
        .thread_bytes = size * (ATTENTION_TILE * (2 * s->d + 2 * width + 1 + strip) + ATTENTION_OVERREAD),
        .phases = 1,
        .items = {s->batches * s->heads * FN(ceil_div)(s->n, ATTENTION_TILE)},
    };
}

#define TEMPLATE "../kernels/attention_tile.h"
#include "../simd/each_wide.h"
#undef TEMPLATE

#define TEMPLATE "../kernels/attention_softmax.h"
#include "../simd/each_wide.h"
#undef TEMPLATE

#define TEMPLATE "../kernels/attention_features.h"
#include "../simd/each_wide.h"
#undef TEMPLATE

static fastops_needs FN(attention_features_needs)(fastops_type type, const void *args, int threads)
{
    (void)threads;
    return type == fastops_f64 ? FN_FOR(attention_features_needs, f64)(args) : FN_FOR(attention_features_needs, f32)(args);
}
