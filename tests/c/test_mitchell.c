/* SPDX-License-Identifier: BSD-3-Clause
 * The elementwise kernels of mitchell against Mitchell's definition on real numbers and on 128-bit integers. */
#include "fastops.h"

#include "check.h"
#include "mitchell_definitions.h"

#include <stdlib.h>
#include <string.h>

/* ---- values ------------------------------------------------------------------------------------------------------ */

/* MIDDLE: near 1, or small and not 0. FINITE: all magnitudes, zeros, subnormals. ANY: all patterns, many special ones.
 * BLOCKS: MIDDLE and ANY in turn, 256 bytes of each. */
enum { MIDDLE, FINITE, ANY, BLOCKS, CLASSES, SPECIALS = 32 };

static int specials(fastops_type type, uint64_t *list)
{
    const int size = types[type].in;
    const format f = types[type].format;
    const uint64_t all = UINT64_MAX >> (64 - 8 * size), sign = UINT64_C(1) << (8 * size - 1);
    int n = 0;
    if (!types[type].is_float) {
        const uint64_t third = all / 3;
        const uint64_t values[] = {0, 1, 2, 3, 7, 8, 10, third, sign - 1, sign, sign + 1, sign >> 1, all - 1, all};
        for (; n < (int)(sizeof values / sizeof *values); n++)
            list[n] = values[n];
        return n;
    }
    const uint64_t one = (uint64_t)f.bias << f.mantissa, tiny = UINT64_C(1) << f.mantissa, top = top_of(f);
    const uint64_t values[] = {0, 1, tiny - 1, tiny, tiny + 1, 2 * tiny - 1, one - 1, one, one + 1, one + tiny / 2,
                               one + tiny - 1, top - 1, top, (top + 1) & (sign - 1), top | quiet_bit(f), sign - 1};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        list[n++] = values[i];
        list[n++] = values[i] | sign;
    }
    return n;
}

static uint64_t draw(fastops_type type, int class, ptrdiff_t i)
{
    const int size = types[type].in;
    const uint64_t bits = random_bits(), pattern = bits >> (64 - 8 * size);
    if (class == BLOCKS)
        class = i / (256 / size) % 2 ? ANY : MIDDLE;
    if (class == ANY) {
        uint64_t list[SPECIALS];
        const int n = specials(type, list);
        return bits % 4 ? pattern : list[random_below(n)];
    }
    if (!types[type].is_float) /* of a random length; signed ones negative too */
        return class == MIDDLE ? 1 + bits % 100 : pattern >> random_below(8 * size);
    const format f = types[type].format;
    const uint64_t fields = top_of(f) >> f.mantissa;
    const uint64_t exponent = class == MIDDLE ? (uint64_t)(f.bias - 2 + random_below(5))
                                              : (uint64_t)random_below((ptrdiff_t)fields + !f.has_inf);
    const uint64_t number = (pattern & (sign_bit(f) | ((UINT64_C(1) << f.mantissa) - 1))) | exponent << f.mantissa;
    return class == FINITE && (bits % 8 == 0 || is_nan(f, number)) ? number & sign_bit(f) : number;
}

/* ---- memory ------------------------------------------------------------------------------------------------------ */

/* Where a, b and out lie: in which block ('a', 'b', 'o'), how many elements from out's first, strides in elements.
 * What shares a block with out counts in out's elements, for a product may be wider than its factors. */
typedef struct {
    char a_home, b_home;
    int a_step, b_step, out_step, a_offset, b_offset, in_order;
} layout;

static const layout layouts[] = {
    {'a', 'b', 1, 1, 1, 0, 0, 0},   {'a', 'b', 0, 1, 1, 0, 0, 0},    {'a', 'b', 1, 0, 1, 0, 0, 0},
    {'a', 'b', 0, 0, 1, 0, 0, 0},   {'a', 'b', 2, 1, 1, 0, 0, 0},    {'a', 'b', 1, 3, 1, 0, 0, 0},
    {'a', 'b', 1, 1, 2, 0, 0, 0},   {'a', 'b', -1, 1, 1, 0, 0, 0},   {'a', 'b', 1, -1, 1, 0, 0, 0},
    {'a', 'b', 1, 1, -1, 0, 0, 0},  {'a', 'b', -1, -1, -1, 0, 0, 0}, {'a', 'b', -2, 3, -3, 0, 0, 0},
    {'a', 'b', 0, -2, 2, 0, 0, 0},  {'a', 'b', 1, 1, 1, 0, 0, 1},    {'a', 'b', -1, 0, 2, 0, 0, 1},
    /* in place */
    {'o', 'b', 1, 1, 1, 0, 0, 0},   {'o', 'b', 1, 0, 1, 0, 0, 0},    {'o', 'b', 2, 1, 2, 0, 0, 0},
    {'o', 'b', -1, 1, -1, 0, 0, 0}, {'a', 'o', 1, 1, 1, 0, 0, 0},    {'a', 'o', 3, -2, -2, 0, 0, 0},
    {'a', 'o', 0, 1, 1, 0, 0, 0},   {'o', 'o', 1, 1, 1, 0, 0, 0},    {'o', 'o', -1, -1, -1, 0, 0, 0},
    /* one element is finished before the next is read: reductions, accumulations, outputs that follow their inputs */
    {'o', 'b', 0, 1, 0, 0, 0, 1},   {'a', 'o', -1, 0, 0, 0, 0, 1},   {'o', 'b', 1, 1, 1, -1, 0, 1},
    {'a', 'o', 1, 1, 1, 0, -1, 1},  {'o', 'b', -1, -2, -1, 1, 0, 1}, {'o', 'b', 1, 1, 1, 3, 0, 1},
    {'o', 'o', 2, 2, 1, 0, 1, 1},   {'o', 'b', 1, 1, -1, 0, 0, 1},   {'o', 'b', 0, 1, 1, 2, 0, 1},
};
enum { LAYOUTS = sizeof layouts / sizeof *layouts };

enum { A, B, C, OUT, OPERANDS }; /* C: as long as A and with its stride, in a block of its own */
typedef struct {
    char *blocks[OPERANDS];
    /* of blocks; of operands: bytes from the block's start, bytes */
    ptrdiff_t sizes[OPERANDS], first[OPERANDS], strides[OPERANDS];
    int home[OPERANDS];
} memory;

static memory arrange(const layout *l, ptrdiff_t n, int in, int out, ptrdiff_t shift)
{
    memory m = {.home = {l->a_home == 'o' ? OUT : A, l->b_home == 'o' ? OUT : B, C, OUT}};
    const int steps[OPERANDS] = {l->a_step, l->b_step, l->a_step, l->out_step};
    const int offsets[OPERANDS] = {l->a_offset, l->b_offset, 0, 0};
    ptrdiff_t low[OPERANDS], high[OPERANDS];
    for (int block = A; block <= OUT; block++)
        low[block] = PTRDIFF_MAX, high[block] = PTRDIFF_MIN;
    for (int p = A; p <= OUT; p++) {
        const int unit = m.home[p] == OUT ? out : in, h = m.home[p];
        m.strides[p] = steps[p] * unit;
        m.first[p] = offsets[p] * unit;
        const ptrdiff_t last = n ? (n - 1) * m.strides[p] : 0, end = m.first[p] + (n ? (p == OUT ? out : in) : 0);
        const ptrdiff_t from = m.first[p] + (last < 0 ? last : 0), to = end + (last > 0 ? last : 0);
        low[h] = from < low[h] ? from : low[h];
        high[h] = to > high[h] ? to : high[h];
    }
    for (int p = A; p <= OUT; p++) {
        const ptrdiff_t lead = shift * (m.home[p] == OUT ? out : in);
        m.first[p] += lead - low[m.home[p]];
        if (m.home[p] == p)
            m.sizes[p] = lead + high[p] - low[p];
    }
    return m;
}

static memory copy_of(const memory *from)
{
    memory to = *from;
    for (int i = 0; i < OPERANDS; i++)
        to.blocks[i] = block_copy(from->blocks[i], from->sizes[i]);
    return to;
}

static void release(memory *m)
{
    for (int i = 0; i < OPERANDS; i++)
        free(m->blocks[i]);
}

static char *at(const memory *m, int operand, ptrdiff_t i)
{
    return m->blocks[m->home[operand]] + m->first[operand] + i * m->strides[operand];
}

/* ---- runs -------------------------------------------------------------------------------------------------------- */

typedef struct {
    fastops_kernel kernel;
    fastops_type type;
    int stream;
    int thorough; /* all sizes in all layouts: all kernels share one loop */
} operation;

static unsigned run(operation op, memory *m, ptrdiff_t n, int in_order, int threads)
{
    fastops_elementwise s = {.out = at(m, OUT, 0), .out_stride = m->strides[OUT], .in_order = in_order, .stream = op.stream};
    for (int k = 0; k < inputs_of(op.kernel); k++)
        s.in[k] = at(m, k, 0), s.in_stride[k] = m->strides[k];
    const ptrdiff_t scratch = fastops_scratch(op.kernel, op.type, &s, threads);
    if (scratch)
        wrong("%td bytes of scratch", scratch);
    return fastops_run(op.kernel, op.type, &s, n, threads, NULL);
}

/* Runs with 1 thread and more on copies of m; they must end as the definition, element by element, says. */
static void compare(operation op, memory *m, ptrdiff_t n, int in_order, int most_threads, const char *what)
{
    const int in = types[op.type].in, out = out_size(op.kernel, op.type);
    memory expected = copy_of(m);
    unsigned events = 0;
    for (ptrdiff_t i = 0; i < n; i++) {
        uint64_t x[OUT] = {0};
        for (int k = 0; k < inputs_of(op.kernel); k++)
            x[k] = get(at(&expected, k, i), in);
        put(at(&expected, OUT, i), out, definition(op.kernel, op.type, x, &events));
    }
    for (int threads = 1; threads <= most_threads; threads++) {
        memory got = copy_of(m);
        const unsigned seen = run(op, &got, n, in_order, threads);
        if (seen != events)
            wrong("%s %s, n = %td, %d threads: events %u, not %u", types[op.type].name, what, n, threads, seen, events);
        for (int i = 0; i < OPERANDS; i++)
            if (memcmp(got.blocks[i], expected.blocks[i], (size_t)got.sizes[i]) != 0)
                wrong("%s %s, n = %td, %d threads: block %c differs", types[op.type].name, what, n, threads, "abco"[i]);
        for (ptrdiff_t i = 0; i < n && got.home[A] == A && got.home[B] == B; i++) {
            const uint64_t x = get(at(m, A, i), in), y = get(at(m, B, i), in), z = get(at(m, C, i), in);
            const uint64_t r = get(at(&got, OUT, i), out), e = get(at(&expected, OUT, i), out);
            if (r != e)
                wrong("%s %s, i = %td: %#llx, %#llx, %#llx -> %#llx, not %#llx", types[op.type].name, what, i,
                      (unsigned long long)x, (unsigned long long)y, (unsigned long long)z, (unsigned long long)r,
                      (unsigned long long)e);
        }
        fold(got.blocks[OUT], got.sizes[OUT]);
        release(&got);
    }
    release(&expected);
}

static void fill(memory *m, fastops_type type, int class, ptrdiff_t n)
{
    for (int i = 0; i < OPERANDS; i++) {
        m->blocks[i] = block(m->sizes[i]);
        memset(m->blocks[i], 0xa5, (size_t)m->sizes[i]); /* what lies between elements */
    }
    const uint64_t below_one = types[type].is_float && class == MIDDLE ? UINT64_C(3) << types[type].format.mantissa : 0;
    for (int p = A; p < OUT; p++)
        for (ptrdiff_t i = 0; i < n; i++) /* offsets below 1 have a loop of their own */
            put(at(m, p, i), types[type].in, draw(type, class, i) - (p == C ? below_one : 0));
}

static void test_layouts(operation op)
{
    const int in = types[op.type].in, out = out_size(op.kernel, op.type);
    for (int l = 0; l < LAYOUTS; l++)
        for (int s = 0; s < SIZES; s++)
            for (int class = 0; class < CLASSES; class++) {
                const ptrdiff_t n = size_of(s);
                if ((l > 0 && class != (s + l) % CLASSES) || (l > 0 && !op.thorough && s % 3) || left_out())
                    continue; /* all classes in the dense layout, one in the others */
                char what[40] = "layout ";
                what[7] = (char)('0' + l / 10), what[8] = (char)('0' + l % 10);
                memory m = arrange(&layouts[l], n, in, out, s % 3);
                fill(&m, op.type, class, n);
                compare(op, &m, n, layouts[l].in_order, layouts[l].in_order || (l && s % 4) ? 1 : 2, what);
                release(&m);
            }
}

/* Around the caches, from every alignment to a cache line. */
static void test_stream(operation op)
{
    static const ptrdiff_t sizes[] = {0, 1, 7, 64, 255, 256, 257, 1000};
    const int in = types[op.type].in, out = out_size(op.kernel, op.type);
    op.stream = 1;
    for (ptrdiff_t shift = 0; shift < 64 / out; shift++)
        for (int s = 0; s < 8; s++) {
            const layout *l = &layouts[shift % 5 ? 0 : 6]; /* a strided output is not streamed */
            if (left_out())
                continue;
            memory m = arrange(l, sizes[s], in, out, shift);
            fill(&m, op.type, (int)shift % CLASSES, sizes[s]);
            compare(op, &m, sizes[s], 0, 3, "stream");
            release(&m);
        }
}

static void test_pairs(operation op, const uint64_t *a, ptrdiff_t a_count, const uint64_t *b, ptrdiff_t b_count)
{
    const int in = types[op.type].in;
    const ptrdiff_t n = a_count * b_count;
    memory m = arrange(&layouts[0], n, in, out_size(op.kernel, op.type), 0);
    fill(&m, op.type, MIDDLE, 0);
    for (ptrdiff_t i = 0; i < n; i++) {
        put(at(&m, A, i), in, a[i / b_count]);
        put(at(&m, B, i), in, b[i % b_count]);
        put(at(&m, C, i), in, draw(op.type, ANY, 0));
    }
    compare(op, &m, n, 0, 2, "pairs");
    release(&m);
}

/* Special values with each other, and all patterns of up to 16 bits: with each other, or with the special ones. */
static void test_values(operation op)
{
    static uint64_t every[1 << 16];
    uint64_t list[SPECIALS];
    const int n = specials(op.type, list), bits = 8 * types[op.type].in;
    test_pairs(op, list, n, list, n);
    if (bits > 16 || left_out())
        return;
    for (ptrdiff_t i = 0; i < 1 << bits; i++)
        every[i] = (uint64_t)i;
    if (bits == 8)
        test_pairs(op, every, 256, every, 256);
    else
        for (int i = 0; i < 2; i++) {
            const uint64_t any = random_bits() >> 48;
            test_pairs(op, every, 1 << 16, &list[random_below(n)], 1);
            test_pairs(op, &any, 1, every, 1 << 16);
        }
}

/* Results next to the smallest normal number and to overflow, in whole blocks of them, from operands as far from 1. */
static void test_edges(operation op)
{
    const format f = types[op.type].format;
    const int64_t one = (int64_t)f.bias << f.mantissa, tiny = INT64_C(1) << f.mantissa, top = (int64_t)top_of(f);
    for (int i = 0; i < 2 * 7 * 7; i++) {
        const int64_t result = (i % 2 ? top : tiny) + i / 2 % 7 - 3, half = (result - one) / 2;
        const int64_t x = one + half + i / 14 - 3;
        const int64_t y = is_quotient(op.kernel) ? x - result + one : result - x + one;
        const uint64_t a = (uint64_t)x, b = (uint64_t)y | (i % 3 ? sign_bit(f) : 0);
        uint64_t same[256];
        if (left_out())
            continue;
        for (int j = 0; j < 256; j++)
            same[j] = a;
        test_pairs(op, same, 256, &b, 1);
    }
}

static void test_kernel(fastops_kernel kernel, fastops_type type)
{
    const operation op = {kernel, type, 0, kernel <= fastops_kernel_mitchell_divide};
    if (!types[type].name) {
        wrong("no definition for element type %d", type);
        return;
    }
    test_layouts(op);
    test_stream(op);
    test_values(op);
    if (types[type].is_float)
        test_edges(op);
}

#define TEST(name)                                                                                                    \
    void test_##name(fastops_type type) { test_kernel(fastops_kernel_##name, type); }
TEST(mitchell_multiply)
TEST(mitchell_divide)
TEST(mitchell_square)
TEST(mitchell_sqrt)
TEST(mitchell_reciprocal)
TEST(mitchell_rsqrt)
TEST(mitchell_log2)
TEST(mitchell_exp2)
TEST(mitchell_power)
TEST(mitchell_multiply_offset)
TEST(mitchell_divide_offset)
TEST(mitchell_multiply_lmul)
TEST(mitchell_multiply_mbm)
TEST(mitchell_multiply_realm)
TEST(mitchell_multiply_ilm)
