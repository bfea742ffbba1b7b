/* SPDX-License-Identifier: BSD-3-Clause
 * rope_rotate, bit for bit, against scalar arithmetic. Needs -ffp-contract=off, as the kernels do. */
#include "fastops.h"

#include "check.h"
#include "formats.h"

#include <stdlib.h>
#include <string.h>

/* ---- arrays of rows ---------------------------------------------------------------------------------------------- */

typedef struct {
    char *base;            /* a block of its own */
    ptrdiff_t size, first; /* bytes; of the lane 0 of row 0 */
    ptrdiff_t lane, strides[FASTOPS_MAX_DIMS];
} rows;

typedef struct {
    fastops_type type;
    int element, wide; /* bytes */
    format format;
    fastops_rope_rotate s;
    ptrdiff_t items;
    int in_place;
    rows x, out, cos, sin;
} rotation;

/* Lays out an array of lanes after shape[0..ndim): axes in this order or the reverse, gaps between (so that rows have
 * any alignment), some axes backwards; a table may also stand still. */
static rows arrange(int ndim, const ptrdiff_t *shape, ptrdiff_t lanes, int size, int plain, int is_table)
{
    rows r = {.lane = size};
    const int step = plain || random_bits() % 2 ? 1 : 1 + (int)random_below(3), outward = random_bits() % 4 != 0;
    ptrdiff_t extent = lanes ? (lanes - 1) * step * size + size : 0, empty = lanes == 0;
    r.lane *= step;
    if (!plain && random_bits() % 4 == 0)
        r.first += (lanes ? lanes - 1 : 0) * r.lane, r.lane = -r.lane;
    for (int i = 0; i < ndim; i++) {
        const int d = outward ? ndim - 1 - i : i;
        if (is_table && random_bits() % 2)
            continue;
        r.strides[d] = extent + (random_bits() % 2 ? random_below(9) : 0);
        empty |= shape[d] == 0;
        const ptrdiff_t last = shape[d] ? (shape[d] - 1) * r.strides[d] : 0;
        extent += last;
        if (random_bits() % 4 == 0)
            r.first += last, r.strides[d] = -r.strides[d];
    }
    const ptrdiff_t shift = random_bits() % 2 ? random_below(8) : 0;
    r.first += shift;
    r.size = empty ? 0 : shift + extent;
    r.first = empty ? 0 : r.first;
    r.base = block(r.size);
    memset(r.base, 0xa5, (size_t)r.size);
    return r;
}

static char *at(const rotation *r, const rows *a, ptrdiff_t row, ptrdiff_t lane)
{
    ptrdiff_t offset = a->first + lane * a->lane;
    for (int d = r->s.ndim - 1; d >= 0; d--) {
        offset += row % r->s.shape[d] * a->strides[d];
        row /= r->s.shape[d];
    }
    return a->base + offset;
}

/* ---- the definition ---------------------------------------------------------------------------------------------- */

/* a c - b s, of patterns; tables in the wide type. */
static uint64_t combine(const rotation *r, uint64_t a, uint64_t c, uint64_t b, uint64_t s, int negate)
{
    if (r->type == fastops_f64) {
        const double sine = negate ? -as_double(s) : as_double(s);
        return of_double(as_double(a) * as_double(c) - as_double(b) * sine);
    }
    const int narrow_type = r->element == 2;
    const float x = narrow_type ? (float)value_of(r->format, a) : as_float(a);
    const float y = narrow_type ? (float)value_of(r->format, b) : as_float(b);
    const float sine = negate ? -as_float(s) : as_float(s);
    const float result = x * as_float(c) - y * sine;
    return narrow_type ? narrow(r->format, result) : of_float(result);
}

static void rotate_row(const rotation *r, const rows *out, ptrdiff_t row)
{
    const fastops_rope_rotate *s = &r->s;
    for (ptrdiff_t i = 0; i < s->lanes; i++)
        if (i < s->start || i >= s->start + 2 * s->pairs)
            put(at(r, out, row, i), r->element, get(at(r, &r->x, row, i), r->element));
    for (ptrdiff_t i = 0; i < s->pairs; i++) {
        const ptrdiff_t first = s->interleaved ? 2 * i : i, second = s->interleaved ? 2 * i + 1 : i + s->pairs;
        const ptrdiff_t entry = s->full_width ? first : i, other = s->full_width ? second : i;
        const uint64_t x0 = get(at(r, &r->x, row, s->start + first), r->element);
        const uint64_t x1 = get(at(r, &r->x, row, s->start + second), r->element);
        put(at(r, out, row, s->start + first), r->element,
            combine(r, x0, get(at(r, &r->cos, row, entry), r->wide), x1, get(at(r, &r->sin, row, entry), r->wide),
                    s->transpose));
        put(at(r, out, row, s->start + second), r->element,
            combine(r, x1, get(at(r, &r->cos, row, other), r->wide), x0, get(at(r, &r->sin, row, other), r->wide),
                    !s->transpose));
    }
}

/* ---- runs -------------------------------------------------------------------------------------------------------- */

static void point(rotation *r)
{
    fastops_rope_rotate *s = &r->s;
    s->x = r->x.base + r->x.first, s->x_lane = r->x.lane;
    s->out = r->out.base + r->out.first, s->out_lane = r->out.lane;
    s->cos = r->cos.base + r->cos.first, s->cos_lane = r->cos.lane;
    s->sin = r->sin.base + r->sin.first, s->sin_lane = r->sin.lane;
    memcpy(s->x_strides, r->x.strides, sizeof s->x_strides);
    memcpy(s->out_strides, r->out.strides, sizeof s->out_strides);
    memcpy(s->cos_strides, r->cos.strides, sizeof s->cos_strides);
    memcpy(s->sin_strides, r->sin.strides, sizeof s->sin_strides);
}

/* NaNs that arithmetic made need not agree in sign and payload (which operand's is kept is the compiler's choice):
 * they are written over expected and, for the digest, are all one. */
static void forgive_nans(const rotation *r, const rows *expected)
{
    const fastops_rope_rotate *s = &r->s;
    for (ptrdiff_t row = 0; row < r->items; row++)
        for (ptrdiff_t i = s->start; i < s->start + 2 * s->pairs; i++) {
            char *e = at(r, expected, row, i), *got = at(r, &r->out, row, i);
            if (is_nan(r->format, get(e, r->element)) && is_nan(r->format, get(got, r->element)))
                memcpy(got, e, (size_t)r->element);
        }
}

static void run(rotation *r, int threads)
{
    void *scratch = scratch_for(fastops_kernel_rope_rotate, r->type, &r->s, threads);
    if (fastops_run(fastops_kernel_rope_rotate, r->type, &r->s, r->items, threads, scratch) != 0)
        wrong("a rotation has events");
    free(scratch);
}

static void compare(rotation *r, int most_threads)
{
    rows expected = r->out;
    expected.base = block_copy(r->out.base, r->out.size);
    char *x_before = block_copy(r->x.base, r->x.size), *out_before = block_copy(r->out.base, r->out.size);
    for (ptrdiff_t row = 0; row < r->items; row++)
        rotate_row(r, &expected, row);
    for (int threads = 1; threads <= most_threads; threads++) {
        memcpy(r->out.base, out_before, (size_t)r->out.size);
        run(r, threads);
        forgive_nans(r, &expected);
        if (memcmp(r->out.base, expected.base, (size_t)r->out.size) != 0)
            wrong("type %d, %td rows, %d axes, %td lanes, %td pairs from %td, %s%s%s%s, %d threads: out differs",
                  r->type, r->items, r->s.ndim, r->s.lanes, r->s.pairs, r->s.start,
                  r->s.interleaved ? "interleaved" : "half", r->s.full_width ? ", full width" : "",
                  r->s.transpose ? ", transpose" : "", r->in_place ? ", in place" : "", threads);
        if (!r->in_place && memcmp(r->x.base, x_before, (size_t)r->x.size) != 0)
            wrong("x changed");
        fold(r->out.base, r->out.size);
    }
    free(expected.base), free(x_before), free(out_before);
}

static uint64_t draw(format f, int special)
{
    const uint64_t bits = random_bits(), pattern = bits >> (64 - f.bits);
    if (special && bits % 8 == 0)
        return bits >> 3 & 1 ? pattern | top_of(f) : pattern & (sign_bit(f) | 7); /* inf, NaN; 0 and next to it */
    return pattern_of(f, (double)(random_below(1 << 20) - (1 << 19)) / (1 << 18));
}

static void fill(const rotation *r, const rows *a, ptrdiff_t lanes, int size, int special)
{
    static const format wide[] = {FORMAT_F32, FORMAT_F64};
    const format f = size == r->element ? r->format : wide[size == 8];
    for (ptrdiff_t row = 0; row < r->items; row++)
        for (ptrdiff_t i = 0; i < lanes; i++)
            put(at(r, a, row, i), size, draw(f, special));
}

static void rotate(rotation *r, int plain, int special, int most_threads)
{
    static const int elements[] = {[fastops_f32] = 4, [fastops_f64] = 8, [fastops_f16] = 2, [fastops_bf16] = 2};
    static const format formats[] = {[fastops_f32] = FORMAT_F32, [fastops_f64] = FORMAT_F64,
                                     [fastops_f16] = FORMAT_F16, [fastops_bf16] = FORMAT_BF16};
    fastops_rope_rotate *s = &r->s;
    const ptrdiff_t entries = s->full_width ? 2 * s->pairs : s->pairs;
    r->element = elements[r->type], r->wide = r->type == fastops_f64 ? 8 : 4, r->format = formats[r->type];
    r->items = 1;
    for (int d = 0; d < s->ndim; d++)
        r->items *= s->shape[d];
    r->x = arrange(s->ndim, s->shape, s->lanes, r->element, plain, 0);
    r->out = r->in_place ? r->x : arrange(s->ndim, s->shape, s->lanes, r->element, plain, 0);
    r->cos = arrange(s->ndim, s->shape, entries, r->wide, plain, 1);
    r->sin = arrange(s->ndim, s->shape, entries, r->wide, plain, 1);
    point(r);
    fill(r, &r->x, s->lanes, r->element, special);
    fill(r, &r->cos, entries, r->wide, special);
    fill(r, &r->sin, entries, r->wide, special);
    compare(r, most_threads);
    free(r->x.base), free(r->cos.base), free(r->sin.base);
    if (!r->in_place)
        free(r->out.base);
}

/* Numbers of pairs, of rows, of lanes around the pairs, in every layout. */
static void test_sizes(fastops_type type)
{
    for (int i = 0; i < 2 * SIZES; i++)
        for (int kind = 0; kind < 16; kind++) {
            const ptrdiff_t n = size_of(i % SIZES), outside = kind & 8 ? 1 + random_below(5) : 0;
            rotation r = {.type = type, .in_place = i % 3 == 0};
            if (left_out())
                continue;
            r.s.interleaved = kind & 1, r.s.full_width = kind >> 1 & 1, r.s.transpose = i & 1;
            r.s.pairs = i < SIZES ? n : 3;
            r.s.start = outside ? random_below(outside + 1) : 0;
            r.s.lanes = 2 * r.s.pairs + outside;
            r.s.ndim = 1, r.s.shape[0] = i < SIZES ? 2 : n;
            rotate(&r, kind & 4, i % 2, i % 8 ? 1 : 2);
        }
}

/* Axes, strides and options at random. */
static void test_shapes(fastops_type type)
{
    for (int i = 0; i < 1000; i++) {
        rotation r = {.type = type, .in_place = random_bits() % 3 == 0};
        if (left_out())
            continue;
        const ptrdiff_t outside = random_bits() % 2 ? random_below(20) : 0;
        r.s.interleaved = random_bits() & 1, r.s.full_width = random_bits() & 1, r.s.transpose = random_bits() & 1;
        r.s.pairs = random_below(20);
        r.s.start = random_below(outside + 1);
        r.s.lanes = 2 * r.s.pairs + outside;
        r.s.ndim = i % 100 == 0 ? FASTOPS_MAX_DIMS : (int)random_below(5);
        for (int d = 0; d < r.s.ndim; d++)
            r.s.shape[d] = r.s.ndim > 5 ? 1 + (d % 16 == 7) : random_bits() % 32 ? 1 + random_below(4) : 0;
        rotate(&r, random_bits() % 2, random_bits() % 2, 1 + i % 3);
    }
}

/* So much, and strided, that several threads do use their scratch at once. */
static void test_threads(fastops_type type)
{
    for (int i = 0; i < 4; i++) {
        rotation r = {.type = type, .in_place = i % 2};
        r.s.interleaved = r.s.full_width = 1;
        r.s.pairs = 64, r.s.lanes = 130, r.s.start = 1, r.s.ndim = 1, r.s.shape[0] = 400;
        rotate(&r, 0, 0, 3);
    }
}

/* Every pattern of a 16-bit type is loaded and stored; and every tie between two, and its neighbours, is rounded: the
 * product of 1 and a cosine is any float32. */
static void test_conversions(fastops_type type)
{
    enum { PATTERNS = 1 << 16, PAIRS = 4 * PATTERNS };
    if (left_out())
        return;
    rotation r = {.type = type, .element = 2, .wide = 4, .items = 1};
    const format types[] = {FORMAT_F16, FORMAT_BF16}, f = types[type == fastops_bf16];
    r.format = f;
    r.s.pairs = PAIRS, r.s.lanes = 2 * PAIRS;
    r.x = r.out = arrange(0, NULL, 2 * PAIRS, 2, 1, 0);
    r.out.base = block_copy(r.x.base, r.x.size);
    r.cos = arrange(0, NULL, PAIRS, 4, 1, 0), r.sin = arrange(0, NULL, PAIRS, 4, 1, 0);
    point(&r);
    const uint64_t one = pattern_of(f, 1);
    for (ptrdiff_t i = 0; i < PAIRS; i++) {
        const uint64_t p = (uint64_t)i % PATTERNS;
        uint64_t cosine = of_float(1), x = p;
        if (i >= PATTERNS) {
            const uint64_t next = (p & (sign_bit(f) - 1)) < top_of(f) - 1 ? p + 1 : p;
            const double step = next == p && !is_nan(f, p) ? fabs(value_of(f, p) - value_of(f, p - 1)) : 0;
            const double tie = (value_of(f, p) + value_of(f, next)) / 2 + (value_of(f, p) < 0 ? -step : step) / 2;
            x = one;
            cosine = is_nan(f, p) || isinf(tie) ? of_float((float)value_of(f, p)) : of_float((float)tie);
            cosine += (uint64_t)(i / PATTERNS) - 2; /* the float32 before the tie, the tie, the one after */
        }
        put(r.x.base + r.x.first + 2 * i, 2, x);
        put(r.x.base + r.x.first + 2 * (i + PAIRS), 2, 0);
        put(r.cos.base + r.cos.first + 4 * i, 4, cosine);
        put(r.sin.base + r.sin.first + 4 * i, 4, 0);
    }
    compare(&r, 1);
    free(r.x.base), free(r.out.base), free(r.cos.base), free(r.sin.base);
}

void test_rope_rotate(fastops_type type)
{
    if (type != fastops_f32 && type != fastops_f64 && type != fastops_f16 && type != fastops_bf16) {
        wrong("no definition for element type %d", type);
        return;
    }
    test_sizes(type);
    test_shapes(type);
    test_threads(type);
    if (type == fastops_f16 || type == fastops_bf16)
        test_conversions(type);
}
