/* SPDX-License-Identifier: BSD-3-Clause
 * The C API of fastops: element types, kernels, their arguments, and run(). No Python here.
 *
 * Life of a call: the caller fills the kernel's argument struct, asks fastops_plan() how many threads the work is
 * worth and fastops_scratch() how much memory they need, and calls fastops_run(), which takes the kernel
 * from the table chosen at load and splits the items over the pool.
 */
#ifndef FASTOPS_H
#define FASTOPS_H

#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#define FASTOPS_EXPORT __declspec(dllexport)
#else
#define FASTOPS_EXPORT __attribute__((visibility("default")))
#endif

/* ---- element types --------------------------------------------------------------------------------------------- */

#define FASTOPS_WIDE_FLOATS(X, ...) X(f32, __VA_ARGS__) X(f64, __VA_ARGS__)
#define FASTOPS_HALF_FLOATS(X, ...) X(f16, __VA_ARGS__) X(bf16, __VA_ARGS__)
#define FASTOPS_FP8(X, ...) X(e4m3, __VA_ARGS__) X(e5m2, __VA_ARGS__)
#define FASTOPS_INTEGERS(X, ...)                                                                                      \
    X(i8, __VA_ARGS__) X(u8, __VA_ARGS__) X(i16, __VA_ARGS__) X(u16, __VA_ARGS__)                                     \
    X(i32, __VA_ARGS__) X(u32, __VA_ARGS__) X(i64, __VA_ARGS__) X(u64, __VA_ARGS__)
#define FASTOPS_FLOATS(X, ...) FASTOPS_WIDE_FLOATS(X, __VA_ARGS__) FASTOPS_HALF_FLOATS(X, __VA_ARGS__)
#define FASTOPS_MATMUL_TYPES(X, ...)                                                                                  \
    FASTOPS_FLOATS(X, __VA_ARGS__) X(i8, __VA_ARGS__) X(u8, __VA_ARGS__) X(i16, __VA_ARGS__)
#define FASTOPS_ALL_FLOATS(X, ...) FASTOPS_FLOATS(X, __VA_ARGS__) FASTOPS_FP8(X, __VA_ARGS__)
#define FASTOPS_FLOATS_AND_INTEGERS(X, ...) FASTOPS_FLOATS(X, __VA_ARGS__) FASTOPS_INTEGERS(X, __VA_ARGS__)
#define FASTOPS_NUMBERS(X, ...) FASTOPS_ALL_FLOATS(X, __VA_ARGS__) FASTOPS_INTEGERS(X, __VA_ARGS__)

#define FASTOPS_ENUM_TYPE(type, ...) fastops_##type,
typedef enum { FASTOPS_NUMBERS(FASTOPS_ENUM_TYPE, ) fastops_type_count } fastops_type;

/* ---- kernels --------------------------------------------------------------------------------------------------- */

#define FASTOPS_KERNEL(name, types, needs, grain) fastops_kernel_##name,
typedef enum {
#include "kernels/kernels.inc"
    fastops_kernel_count
} fastops_kernel;
#undef FASTOPS_KERNEL

/* What a loop saw that its caller may have to report; the bits of all parts are or-ed. */
enum { FASTOPS_DIVIDE_BY_ZERO = 1 };

enum { FASTOPS_MAX_DIMS = 64, FASTOPS_MAX_THREADS = 256 }; /* NumPy's limit; ours */

/* Traffic from which an elementwise output is written around the caches: about the last-level cache of a server. */
enum { FASTOPS_STREAM_BYTES = 32 << 20 };

enum { FASTOPS_MAX_INPUTS = 3 };

/* Every mitchell kernel but matmul: out[i] = op(in[0][i], ...), with as many inputs as op has. Items: elements. Strides in
 * bytes, elements aligned. out may be one of the inputs (same pointer and stride). Any other overlap, and an output stride
 * of 0 (reduction), needs in_order and a single thread: then one element is finished before the next is read. */
typedef struct {
    const char *in[FASTOPS_MAX_INPUTS];
    char *out;
    ptrdiff_t in_stride[FASTOPS_MAX_INPUTS], out_stride;
    int in_order;
    int stream; /* the output is too large to be found in a cache again: write around it */
} fastops_elementwise;

/* mitchell_matmul: c (m, n) = a (m, k) b (k, n), none of them 0. Strides in bytes, elements aligned; c must not overlap a or b.
 * It counts its own items: the caller's are ignored. c is of the operands' type if that is a float, int32 for i8 and u8,
 * int64 for i16 (modulo 2^n, without offset or correction). */
typedef struct {
    const char *a, *b;
    char *c;
    double offset; /* added to the sum of two logarithms, rounded to the last place of the type; finite */
    int mbm;       /* Saadat's correction, which needs offset 0 */
    ptrdiff_t m, n, k;
    ptrdiff_t a_row, a_column, b_row, b_column, c_row, c_column;
} fastops_matmul;
typedef fastops_matmul fastops_mitchell_matmul;

/* Tokens of one head: of batch b, head h, token t, lane i at data + b * batch + h * head + t * token + i * lane. */
typedef struct {
    const char *data;
    ptrdiff_t batch, head, token, lane;
} fastops_heads;

/* attention_softmax: out[t] = sum over keys of softmax(scale q[t] . k[.] + weight[.]) v[.]; 0 where there is no key.
 * causal: keys up to t + n_kv - n. weight (of the element type, lane unused) may have no data; it is in base 2, and scale
 * holds log2(e). kv_heads divides heads. It counts its own items. out must not overlap anything. */
typedef struct {
    fastops_heads q, k, v, out, weight;
    ptrdiff_t batches, heads, kv_heads, n, n_kv, d, dv;
    double scale;
    int causal;
} fastops_attention;
typedef fastops_attention fastops_attention_softmax;

/* attention_features: the same with the kernel exp(q . k) estimated by features 2^(w[j] . x - |x|^2 / 2 log2(e) scale).
 * w: features rows of d elements, contiguous, times sqrt(scale) log2(e), and rows of zeros up to a multiple of 6, the
 * rows of a tile; scale is that of q . k, times log2(e). */
typedef struct {
    fastops_attention attention;
    const void *w;
    ptrdiff_t features;
} fastops_attention_features;

/* rope_table: cos[t, i] = factor * cos(positions[t, axes[i]] * inverse[i]) and sin alike. Items: rows t.
 * positions (rows, coordinates) and inverse are contiguous doubles; cos and sin are contiguous (rows, pairs) of the element
 * type. axes may be NULL where there is one coordinate. Needs |positions[t, axes[i]] * inverse[i]| < 2^31. */
typedef struct {
    const double *positions, *inverse;
    const ptrdiff_t *axes;
    ptrdiff_t coordinates;
    void *cos, *sin;
    ptrdiff_t pairs;
    double factor;
    int angle_in_f32; /* positions, inverse and their product are rounded to float32, as most frameworks do */
} fastops_rope_table;

/* rope_rotate: out0 = x0 cos0 - x1 sin0, out1 = x1 cos1 + x0 sin1 for each of the pairs of each row. Items: rows.
 * A row has `lanes` lanes; pairs are taken from the 2 * pairs lanes after start: (i, i + pairs), or (2i, 2i + 1) where
 * interleaved. The other lanes are copied. cos and sin have one entry a pair, or one a lane where full_width; they are
 * of the element type for f32 and f64, float32 for f16 and bf16. Row r has index (r over shape[0..ndim)) and starts at
 * x + index . x_strides, and so on; *_lane are the bytes from one lane (or entry) to the next; no alignment is needed.
 * out may be x exactly (same pointer and strides), else they must not overlap. */
typedef struct {
    const char *x, *cos, *sin;
    char *out;
    ptrdiff_t lanes, start, pairs;
    int interleaved, full_width;
    int transpose; /* negate sin: the gradient, and the inverse where cos^2 + sin^2 = 1 */
    int ndim;
    ptrdiff_t x_lane, out_lane, cos_lane, sin_lane;
    ptrdiff_t shape[FASTOPS_MAX_DIMS];
    ptrdiff_t x_strides[FASTOPS_MAX_DIMS], out_strides[FASTOPS_MAX_DIMS];
    ptrdiff_t cos_strides[FASTOPS_MAX_DIMS], sin_strides[FASTOPS_MAX_DIMS];
} fastops_rope_rotate;

/* ---- set-up ---------------------------------------------------------------------------------------------------- */

/* Chooses the ISA table (FASTOPS_ISA) and the default number of threads (FASTOPS_NUM_THREADS, OMP_NUM_THREADS, CPUs
 * allowed). Returns 0, or -1 with the reason in message. Starts no thread. Call it once, before anything else. */
int fastops_init(char *message, size_t size);

/* Tables of this build, and whether this CPU and operating system can run them. */
int fastops_isa_count(void);
const char *fastops_isa_name(int index);
int fastops_isa_usable(int index);
const char *fastops_isa(void);
int fastops_isa_use(const char *name); /* 0, or -1 where the name is unknown or unusable. For tests: no kernel may run. */

const char *fastops_kernel_name(fastops_kernel kernel);
int fastops_kernel_has(fastops_kernel kernel, fastops_type type);

/* ---- threads (runtime/threads.c) ------------------------------------------------------------------------------- */

FASTOPS_EXPORT int fastops_get_num_threads(void);
FASTOPS_EXPORT void fastops_set_num_threads(int count); /* clamped to [1, FASTOPS_MAX_THREADS] */

/* ---- run ------------------------------------------------------------------------------------------------------- */

/* Threads worth using for work bytes of traffic, at least 1. */
int fastops_plan(fastops_kernel kernel, ptrdiff_t bytes);

/* Bytes of scratch that a call with that many threads needs; 0 for none. */
ptrdiff_t fastops_scratch(fastops_kernel kernel, fastops_type type, const void *args, int threads);

/* Runs kernel on items [0, items) with at most that many threads; scratch holds fastops_scratch() bytes, 64-byte
 * aligned. Returns the or-ed events. The result does not depend on threads. */
unsigned fastops_run(fastops_kernel kernel, fastops_type type, const void *args, ptrdiff_t items, int threads,
                     void *scratch);

#endif
