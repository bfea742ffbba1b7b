/* SPDX-License-Identifier: BSD-3-Clause
 * mitchell_matmul, bit for bit, against products by Mitchell's definition and sums in the documented order: along k in
 * blocks of 512, each from its first product on; the blocks' sums in order. Needs -ffp-contract=off. */
#include "fastops.h"

#include "check.h"
#include "mitchell.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK = 512 };

/* A matrix in a block of its own, by rows or by columns, with gaps or backwards. */
typedef struct {
    char *base;
    ptrdiff_t size, first, row, column;
} matrix;

typedef struct {
    fastops_type type;
    int element; /* bytes */
    format format;
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
    if (p->element == 8) {
        double a, b;
        memcpy(&a, &x, sizeof a), memcpy(&b, &y, sizeof b);
        a += b;
        memcpy(&x, &a, sizeof a);
        return x;
    }
    const uint32_t x32 = (uint32_t)x, y32 = (uint32_t)y;
    float a, b;
    memcpy(&a, &x32, sizeof a), memcpy(&b, &y32, sizeof b);
    a += b;
    uint32_t sum;
    memcpy(&sum, &a, sizeof sum);
    return sum;
}

static uint64_t element_of(const product *p, ptrdiff_t i, ptrdiff_t j)
{
    uint64_t total = 0, sum = 0;
    for (ptrdiff_t k = 0; k < p->k; k++) {
        const uint64_t a = get(at(&p->a, i, k), p->element), b = get(at(&p->b, k, j), p->element);
        const uint64_t term = mitchell_product(p->format, a, b);
        sum = k % BLOCK ? sum_of(p, sum, term) : term;
        if (k % BLOCK == BLOCK - 1 || k == p->k - 1)
            total = k < BLOCK ? sum : sum_of(p, total, sum);
    }
    return is_nan(p->format, total) ? mitchell_invalid(p->format) : total;
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

/* NEAR: of magnitude around 1. ZEROS: of both signs, half of all. CANCEL: 0, 1, -1, -0. NEGATIVE: all products are -0
 * but few. SPREAD: zeros, and exponents as far apart as one addition a product bears, and farther. LOW: products that
 * underflow here and there. HIGH: products that do not overflow, of sums that do. TOP: infinities and NaNs among the
 * largest numbers, times small ones. ANY: all patterns, infinities, NaNs, subnormal numbers. */
enum { NEAR, ZEROS, CANCEL, NEGATIVE, SPREAD, LOW, HIGH, TOP, ANY, CLASSES };

static uint64_t draw(format f, int class, int right)
{
    const int spans[CLASSES] = {[NEAR] = 3, [ZEROS] = 9, [SPREAD] = f.bias / (right ? 2 : 3), [LOW] = 6, [TOP] = 8};
    const int middles[CLASSES] = {[LOW] = -f.bias / 2, [HIGH] = f.bias / 2 - right, [TOP] = right ? -20 : f.bias - 3};
    const uint64_t bits = random_bits(), one = (uint64_t)f.bias << f.mantissa;
    const uint64_t sign = bits & 1 ? sign_bit(f) : 0, fraction = random_bits() & ((UINT64_C(1) << f.mantissa) - 1);
    const int span = spans[class], away = span ? (int)(bits >> 48 & 0xff) % span - span / 2 : 0;
    const uint64_t number = sign | fraction | (uint64_t)(f.bias + middles[class] + away) << f.mantissa;
    switch (class) {
    case ZEROS: return bits >> 1 & 1 ? sign : number;
    case SPREAD: return bits >> 1 & 7 ? number : sign;
    case CANCEL: return sign | (bits >> 1 & 1 ? one : 0);
    case NEGATIVE: return bits >> 2 & 255 ? (right ? sign_bit(f) | (bits & 2 ? one : 0) : 0) : number;
    case TOP: return right || bits >> 1 & 31 ? number : top_of(f) | (bits & 1 ? fraction : sign);
    case ANY: return bits >> 1 & 7 ? number : bits >> 4 & 3 ? bits >> (64 - f.bits) : sign | top_of(f);
    default: return number;
    }
}

static void fill(const product *p, int class)
{
    for (ptrdiff_t i = 0; i < p->m; i++)
        for (ptrdiff_t k = 0; k < p->k; k++)
            put(at(&p->a, i, k), p->element, draw(p->format, class, 0));
    for (ptrdiff_t k = 0; k < p->k; k++)
        for (ptrdiff_t j = 0; j < p->n; j++)
            put(at(&p->b, k, j), p->element, draw(p->format, class, 1));
}

/* ---- runs -------------------------------------------------------------------------------------------------------- */

static void check(const product *p, int class, int most_threads)
{
    const fastops_matmul s = {.a = at(&p->a, 0, 0), .b = at(&p->b, 0, 0), .c = at(&p->c, 0, 0),
                              .m = p->m, .n = p->n, .k = p->k, .a_row = p->a.row, .a_column = p->a.column,
                              .b_row = p->b.row, .b_column = p->b.column, .c_row = p->c.row, .c_column = p->c.column};
    char *a_before = block_copy(p->a.base, p->a.size), *b_before = block_copy(p->b.base, p->b.size);
    matrix expected = p->c;
    expected.base = block_copy(p->c.base, p->c.size);
    for (ptrdiff_t i = 0; i < p->m; i++)
        for (ptrdiff_t j = 0; j < p->n; j++)
            put(at(&expected, i, j), p->element, element_of(p, i, j));
    for (int threads = 1; threads <= most_threads; threads++) {
        void *scratch = scratch_for(fastops_kernel_mitchell_matmul, p->type, &s, threads);
        memset(p->c.base, 0xa5, (size_t)p->c.size);
        if (fastops_run(fastops_kernel_mitchell_matmul, p->type, &s, 0, threads, scratch) != 0)
            wrong("a product has events");
        free(scratch);
        if (memcmp(p->c.base, expected.base, (size_t)p->c.size) != 0)
            wrong("type %d, %td x %td x %td, class %d, %d threads: c differs", p->type, p->m, p->n, p->k, class,
                  threads);
        fold(p->c.base, p->c.size);
    }
    if (memcmp(p->a.base, a_before, (size_t)p->a.size) != 0 || memcmp(p->b.base, b_before, (size_t)p->b.size) != 0)
        wrong("a or b changed");
    free(a_before), free(b_before), free(expected.base);
}

static void multiply(fastops_type type, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, int class, int threads)
{
    static const format formats[] = {[fastops_f32] = FORMAT_F32, [fastops_f64] = FORMAT_F64};
    product p = {.type = type, .element = type == fastops_f64 ? 8 : 4, .format = formats[type], .m = m, .n = n, .k = k};
    if (left_out())
        return;
    const int how = (int)(random_bits() & random_bits() & 0x7fff); /* most are dense */
    p.a = arrange(m, k, p.element, how & 31);
    p.b = arrange(k, n, p.element, how >> 5 & 31);
    p.c = arrange(m, n, p.element, how >> 10);
    fill(&p, class);
    check(&p, class, threads);
    free(p.a.base), free(p.b.base), free(p.c.base);
}

void test_mitchell_matmul(fastops_type type)
{
    static const ptrdiff_t long_k[] = {511, 512, 513, 1023, 1025};
    if (type != fastops_f32 && type != fastops_f64) {
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
    multiply(type, 400, 3, 2, NEAR, 3); /* several row blocks */
    multiply(type, 2, 4500, 2, NEAR, 2); /* several blocks of strips */
}
