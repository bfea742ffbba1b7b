/* SPDX-License-Identifier: BSD-3-Clause
 * mitchell_matmul, bit for bit, against products by Mitchell's definition and sums in the documented order: along k in
 * blocks of 512, each from its first product on; the blocks' sums in order. Needs -ffp-contract=off. */
#include "fastops.h"

#include "check.h"
#include "mitchell.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK = 512 };

/* How a type is multiplied and summed: elements and sums in bytes, products as numbers of a format, truncated to some
 * bits of the fraction. */
typedef struct {
    int element, sum, is_integer;
    format own, wide;
} kind;

static const kind kinds[fastops_type_count] = {
    [fastops_f32] = {4, 4, 0, FORMAT_F32, FORMAT_F32}, [fastops_f64] = {8, 8, 0, FORMAT_F64, FORMAT_F64},
    [fastops_f16] = {2, 2, 0, FORMAT_F16, FORMAT_F32}, [fastops_bf16] = {2, 2, 0, FORMAT_BF16, FORMAT_F32},
    [fastops_i8] = {1, 4, 1, FORMAT_F32, FORMAT_F32},  [fastops_u8] = {1, 4, 1, FORMAT_F32, FORMAT_F32},
    [fastops_i16] = {2, 8, 1, FORMAT_F32, FORMAT_F32},
};

/* A matrix in a block of its own, by rows or by columns, with gaps or backwards. */
typedef struct {
    char *base;
    ptrdiff_t size, first, row, column;
} matrix;

typedef struct {
    fastops_type type;
    kind kind;
    double offset;
    int mbm;
    ptrdiff_t m, n, k;
    matrix a, b, c;
} product;

/* How: bit 0, by columns; bits 1 and 2, gaps; bits 3 and 4, backwards. */
static matrix arrange(ptrdiff_t rows, ptrdiff_t columns, int element, int how)
{
    matrix x = {0};
    const ptrdiff_t inner = (how & 1 ? rows : columns), outer = (how & 1 ? columns : rows);
    ptrdiff_t step = element * (how & 2 ? 2 : 1), pitch = inner * step + element * (how & 4 ? 3 : 0);
    x.size = (outer - 1) * pitch + (inner - 1) * step + element;
    if (how & 8)
        x.first += (inner - 1) * step, step = -step;
    if (how & 16)
        x.first += (outer - 1) * pitch, pitch = -pitch;
    x.row = how & 1 ? step : pitch;
    x.column = how & 1 ? pitch : step;
    x.base = block(x.size);
    memset(x.base, 0xa5, (size_t)x.size);
    return x;
}

static char *at(const matrix *x, ptrdiff_t row, ptrdiff_t column)
{
    return x->base + x->first + row * x->row + column * x->column;
}

/* ---- the definition ---------------------------------------------------------------------------------------------- */

static uint64_t sum_of(const product *p, uint64_t x, uint64_t y)
{
    return p->kind.wide.bits == 64 ? of_double(as_double(x) + as_double(y)) : of_float(as_float(x) + as_float(y));
}

/* Saadat's product of two numbers, truncated to the type's own fraction. */
static uint64_t corrected(const product *p, uint64_t sign, double x, double y)
{
    const format f = p->kind.wide;
    const int64_t one = INT64_C(1) << 52, last = INT64_C(1) << (52 - p->kind.own.mantissa);
    const int64_t correction = one / 64 * 5;
    int m, n;
    const int64_t u = (int64_t)ldexp(2 * frexp(x, &m) - 1, 52), v = (int64_t)ldexp(2 * frexp(y, &n) - 1, 52);
    int exponent = m + n - 2;
    int64_t significand = one + u + v;
    if (significand < 2 * one) {
        significand += correction;
        if (significand >= 2 * one)
            significand /= 2, exponent++;
    } else {
        significand = u + v, exponent++; /* 1 + x + y has become 2 (x + y) */
        if (significand + correction / 2 < 2 * one)
            significand += correction / 2;
    }
    significand -= significand % last;
    return sign | (exponent < 1 - f.bias ? 0 : pattern_of(f, ldexp((double)significand, exponent - 52)));
}

static uint64_t term_of(const product *p, uint64_t a, uint64_t b)
{
    const format f = p->kind.wide;
    const uint64_t sign = (a ^ b) & sign_bit(f);
    const double x = mitchell_magnitude(f, a), y = mitchell_magnitude(f, b);
    if (is_nan(f, a) || is_nan(f, b) || isinf(x) || isinf(y) || x == 0 || y == 0)
        return mitchell_product(f, a, b);
    if (p->mbm)
        return corrected(p, sign, x, y);
    const double near = fmax(-1e4, fmin(p->offset, 1e4)), constant = rint(ldexp(near, p->kind.own.mantissa));
    const __int128 units = (__int128)constant * (INT64_C(1) << (52 - p->kind.own.mantissa));
    return mitchell_result(f, sign, mitchell_logarithm(x) + mitchell_logarithm(y) + units);
}

/* An element of A or B as a number of the wide format. */
static uint64_t wide_of(const product *p, const matrix *x, ptrdiff_t row, ptrdiff_t column)
{
    const uint64_t pattern = get(at(x, row, column), p->kind.element);
    if (p->kind.wide.bits == p->kind.own.bits)
        return pattern;
    const uint64_t sign = pattern & sign_bit(p->kind.own) ? sign_bit(p->kind.wide) : 0;
    if (is_nan(p->kind.own, pattern))
        return mitchell_invalid(p->kind.wide);
    return sign | pattern_of(p->kind.wide, mitchell_magnitude(p->kind.own, pattern));
}

static uint64_t float_element(const product *p, ptrdiff_t i, ptrdiff_t j)
{
    uint64_t total = 0, sum = 0;
    for (ptrdiff_t k = 0; k < p->k; k++) {
        const uint64_t term = term_of(p, wide_of(p, &p->a, i, k), wide_of(p, &p->b, k, j));
        sum = k % BLOCK ? sum_of(p, sum, term) : term;
        if (k % BLOCK == BLOCK - 1 || k == p->k - 1)
            total = k < BLOCK ? sum : sum_of(p, total, sum);
    }
    if (is_nan(p->kind.wide, total))
        return mitchell_invalid(p->kind.own);
    return p->kind.element == p->kind.wide.bits / 8 ? total : pattern_of(p->kind.own, value_of(p->kind.wide, total));
}

static int64_t integer_of(const product *p, const matrix *x, ptrdiff_t row, ptrdiff_t column)
{
    const uint64_t pattern = get(at(x, row, column), p->kind.element);
    return p->type == fastops_i8 ? (int8_t)pattern : p->type == fastops_i16 ? (int16_t)pattern : (int64_t)pattern;
}

static uint64_t integer_element(const product *p, ptrdiff_t i, ptrdiff_t j)
{
    int64_t sum = 0;
    for (ptrdiff_t k = 0; k < p->k; k++) {
        const double a = (double)integer_of(p, &p->a, i, k), b = (double)integer_of(p, &p->b, k, j);
        int n;
        if (a == 0 || b == 0)
            continue;
        const double magnitude = mitchell_antilogarithm(mitchell_logarithm(fabs(a)) + mitchell_logarithm(fabs(b)), &n);
        sum += (int64_t)((a < 0) != (b < 0) ? -magnitude : magnitude);
    }
    return (uint64_t)sum & (p->kind.sum == 8 ? UINT64_MAX : UINT32_MAX);
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

/* NEAR: of magnitude around 1. ZEROS: of both signs, half of all. SPARSE: 15 of 16, in A. CANCEL: 0, 1, -1, -0.
 * NEGATIVE: all products are -0 but few. SPREAD: zeros, and exponents as far apart as one addition a product bears, and
 * farther. LOW: products that underflow here and there. HIGH: products that do not overflow, of sums that do. TOP: infinities and NaNs among the
 * largest numbers, times small ones. ANY: all patterns, infinities, NaNs, subnormal numbers. */
enum { NEAR, ZEROS, SPARSE, CANCEL, NEGATIVE, SPREAD, LOW, HIGH, TOP, ANY, CLASSES };

static uint64_t draw(format f, int class, int right)
{
    const int wide = f.bias / (right ? 2 : 3);
    const int spans[CLASSES] = {[NEAR] = 3, [ZEROS] = 9, [SPARSE] = 5, [SPREAD] = wide, [LOW] = 6, [TOP] = 8};
    const int middles[CLASSES] = {[LOW] = -f.bias / 2, [HIGH] = f.bias / 2 - right, [TOP] = right ? -20 : f.bias - 3};
    const uint64_t bits = random_bits(), one = (uint64_t)f.bias << f.mantissa;
    const uint64_t sign = bits & 1 ? sign_bit(f) : 0, fraction = random_bits() & ((UINT64_C(1) << f.mantissa) - 1);
    const int span = spans[class], away = span ? (int)(bits >> 48 & 0xff) % span - span / 2 : 0;
    const uint64_t number = sign | fraction | (uint64_t)(f.bias + middles[class] + away) << f.mantissa;
    switch (class) {
    case ZEROS: return bits >> 1 & 1 ? sign : number;
    case SPARSE: return !right && bits >> 1 & 15 ? sign : number;
    case SPREAD: return bits >> 1 & 7 ? number : sign;
    case CANCEL: return sign | (bits >> 1 & 1 ? one : 0);
    case NEGATIVE: return bits >> 2 & 255 ? (right ? sign_bit(f) | (bits & 2 ? one : 0) : 0) : number;
    case TOP: return right || bits >> 1 & 31 ? number : top_of(f) | (bits & 1 ? fraction : sign);
    case ANY: return bits >> 1 & 7 ? number : bits >> 4 & 3 ? bits >> (64 - f.bits) : sign | top_of(f);
    default: return number;
    }
}

static uint64_t draw_integer(const product *p, int class)
{
    const uint64_t bits = random_bits(), pattern = bits & ((UINT64_C(1) << 8 * p->kind.element) - 1);
    return class == ZEROS && bits >> 32 & 1 ? 0 : class == HIGH ? UINT64_C(1) << (8 * p->kind.element - 1) : pattern;
}

static void fill(const product *p, int class)
{
    const matrix *x[] = {&p->a, &p->b};
    const ptrdiff_t rows[] = {p->m, p->k}, columns[] = {p->k, p->n};
    for (int which = 0; which < 2; which++)
        for (ptrdiff_t i = 0; i < rows[which]; i++)
            for (ptrdiff_t j = 0; j < columns[which]; j++)
                put(at(x[which], i, j), p->kind.element,
                    p->kind.is_integer ? draw_integer(p, class) : draw(p->kind.own, class, which));
}

/* ---- runs -------------------------------------------------------------------------------------------------------- */

static void check(const product *p, int class, int most_threads)
{
    const fastops_matmul s = {.a = at(&p->a, 0, 0), .b = at(&p->b, 0, 0), .c = at(&p->c, 0, 0),
                              .offset = p->offset, .mbm = p->mbm,
                              .m = p->m, .n = p->n, .k = p->k, .a_row = p->a.row, .a_column = p->a.column,
                              .b_row = p->b.row, .b_column = p->b.column, .c_row = p->c.row, .c_column = p->c.column};
    char *a_before = block_copy(p->a.base, p->a.size), *b_before = block_copy(p->b.base, p->b.size);
    matrix expected = p->c;
    expected.base = block_copy(p->c.base, p->c.size);
    for (ptrdiff_t i = 0; i < p->m; i++)
        for (ptrdiff_t j = 0; j < p->n; j++)
            put(at(&expected, i, j), p->kind.sum, (p->kind.is_integer ? integer_element : float_element)(p, i, j));
    for (int threads = 1; threads <= most_threads; threads++) {
        void *scratch = scratch_for(fastops_kernel_mitchell_matmul, p->type, &s, threads);
        memset(p->c.base, 0xa5, (size_t)p->c.size);
        if (fastops_run(fastops_kernel_mitchell_matmul, p->type, &s, 0, threads, scratch) != 0)
            wrong("a product has events");
        free(scratch);
        if (memcmp(p->c.base, expected.base, (size_t)p->c.size) != 0)
            wrong("type %d, %td x %td x %td, class %d, offset %g, mbm %d, %d threads: c differs", p->type, p->m, p->n,
                  p->k, class, p->offset, p->mbm, threads);
        fold(p->c.base, p->c.size);
    }
    if (memcmp(p->a.base, a_before, (size_t)p->a.size) != 0 || memcmp(p->b.base, b_before, (size_t)p->b.size) != 0)
        wrong("a or b changed");
    free(a_before), free(b_before), free(expected.base);
}

static void multiply(fastops_type type, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, int class, int threads)
{
    static const double offsets[] = {0, 0, 0.0625, -0.4, 1e300, -3.25};
    product p = {.type = type, .kind = kinds[type], .m = m, .n = n, .k = k};
    if (left_out())
        return;
    const int how = (int)(random_bits() & random_bits() & 0x7fff); /* most are dense */
    const ptrdiff_t which = p.kind.is_integer ? 0 : random_below(7);
    p.mbm = which == 6;
    p.offset = p.mbm ? 0 : offsets[which];
    p.a = arrange(m, k, p.kind.element, how & 31);
    p.b = arrange(k, n, p.kind.element, how >> 5 & 31);
    p.c = arrange(m, n, p.kind.sum, how >> 10);
    fill(&p, class);
    check(&p, class, threads);
    free(p.a.base), free(p.b.base), free(p.c.base);
}

void test_mitchell_matmul(fastops_type type)
{
    static const ptrdiff_t long_k[] = {511, 512, 513, 1023, 1025};
    if (kinds[type].element == 0) {
        wrong("no definition for element type %d", type);
        return;
    }
    for (int i = 1; i < SIZES; i++)
        for (int axis = 0; axis < 3; axis++) {
            const ptrdiff_t few = 1 + i % 7;
            ptrdiff_t shape[] = {few, few, few};
            shape[axis] = size_of(i);
            multiply(type, shape[0], shape[1], shape[2], (i + axis) % CLASSES, 1 + i % 3);
        }
    for (int class = 0; class < CLASSES; class++) {
        multiply(type, 13, 37, 20, class, 2);
        for (int i = 0; i < 5; i++)
            multiply(type, 1 + i, 9, long_k[i], class, 2);
    }
    for (int class = 0; class < CLASSES; class++)
        multiply(type, 11, 64, 16, class, 1); /* small: B in place, if nothing stands against it */
    multiply(type, 7, 130, 300, SPARSE, 2);
    multiply(type, 400, 3, 2, NEAR, 3); /* several row blocks */
    multiply(type, 2, 4500, 2, NEAR, 2); /* several blocks of strips */
}
