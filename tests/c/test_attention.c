/* SPDX-License-Identifier: BSD-3-Clause
 * attention_softmax and attention_features against their definitions in long double: not bit for bit, for tiles sum in
 * an order of their own, but the same bits for any number of threads, and whatever keys that do not count hold. */
#include "fastops.h"

#include "check.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WHOLE_ROWS = 6 }; /* of w, which is read in tiles of so many */

typedef long double real;

typedef struct {
    fastops_attention_features f; /* its attention alone for softmax */
    fastops_kernel kernel;
    fastops_type type;
    int element; /* bytes */
    char *blocks[6]; /* q, k, v, out, weight, w */
    ptrdiff_t sizes[6];
} call;

/* ---- arrays ------------------------------------------------------------------------------------------------------ */

static real read(const call *c, const char *at)
{
    float f;
    double d;
    if (c->element == 4)
        return memcpy(&f, at, sizeof f), (real)f;
    return memcpy(&d, at, sizeof d), (real)d;
}

static void write(const call *c, char *at, double value)
{
    const float f = (float)value;
    memcpy(at, c->element == 4 ? (const void *)&f : (const void *)&value, (size_t)c->element);
}

static char *place(const fastops_heads *x, ptrdiff_t batch, ptrdiff_t head, ptrdiff_t token, ptrdiff_t lane)
{
    return (char *)x->data + batch * x->batch + head * x->head + token * x->token + lane * x->lane;
}

/* (batches, heads, tokens, lanes) in a block of its own: heads first or tokens first, lanes apart or not. */
static fastops_heads arrange(call *c, int index, ptrdiff_t heads, ptrdiff_t tokens, ptrdiff_t lanes)
{
    fastops_heads x = {.lane = c->element * (random_bits() % 4 ? 1 : 2)};
    const ptrdiff_t row = lanes * x.lane + (random_bits() % 4 ? 0 : c->element);
    const int heads_first = random_bits() % 2;
    x.token = heads_first ? row : row * heads;
    x.head = heads_first ? row * tokens : row;
    x.batch = row * heads * tokens;
    c->sizes[index] = c->f.attention.batches * x.batch;
    x.data = c->blocks[index] = block(c->sizes[index]);
    memset(c->blocks[index], 0xa5, (size_t)c->sizes[index]);
    return x;
}

static double draw(void) { return (double)(random_below(1 << 20) - (1 << 19)) / (1 << 19); }

static void fill(const call *c, const fastops_heads *x, ptrdiff_t heads, ptrdiff_t tokens, ptrdiff_t lanes, double size)
{
    for (ptrdiff_t b = 0; b < c->f.attention.batches; b++)
        for (ptrdiff_t h = 0; h < heads; h++)
            for (ptrdiff_t t = 0; t < tokens; t++) {
                const double larger = random_bits() % 16 ? 1 : 8; /* scores that leap */
                for (ptrdiff_t i = 0; i < lanes; i++)
                    write(c, place(x, b, h, t, i), larger * size * draw());
            }
}

/* ---- definitions ------------------------------------------------------------------------------------------------- */

static ptrdiff_t kv_head_of(const call *c, ptrdiff_t head)
{
    return head / (c->f.attention.heads / c->f.attention.kv_heads);
}

static real dot(const call *c, const char *x, ptrdiff_t x_step, const char *y, ptrdiff_t y_step)
{
    real sum = 0;
    for (ptrdiff_t i = 0; i < c->f.attention.d; i++)
        sum += read(c, x + i * x_step) * read(c, y + i * y_step);
    return sum;
}

static real weight_of(const call *c, ptrdiff_t batch, ptrdiff_t head, ptrdiff_t key)
{
    const fastops_heads *w = &c->f.attention.weight;
    return w->data ? read(c, place(w, batch, kv_head_of(c, head), key, 0)) : 0;
}

/* How much a key counts for a query: exp(q . k), or its estimate by features. */
static real similarity(const call *c, ptrdiff_t batch, ptrdiff_t head, ptrdiff_t token, ptrdiff_t key)
{
    const fastops_attention *s = &c->f.attention;
    const char *q = place(&s->q, batch, head, token, 0), *k = place(&s->k, batch, kv_head_of(c, head), key, 0);
    const real weight = weight_of(c, batch, head, key);
    real sum = 0;
    if (c->kernel == fastops_kernel_attention_softmax)
        return exp2l((real)s->scale * dot(c, q, s->q.lane, k, s->k.lane) + weight);
    const real norm = dot(c, k, s->k.lane, k, s->k.lane) * (real)s->scale / 2;
    for (ptrdiff_t f = 0; f < c->f.features; f++) {
        const char *w = c->blocks[5] + f * s->d * c->element;
        sum += exp2l(dot(c, q, s->q.lane, w, c->element) + dot(c, k, s->k.lane, w, c->element) - norm + weight);
    }
    return sum;
}

static int counts(const call *c, ptrdiff_t batch, ptrdiff_t head, ptrdiff_t token, ptrdiff_t key)
{
    const fastops_attention *s = &c->f.attention;
    return weight_of(c, batch, head, key) > -INFINITY && (!s->causal || key <= token + s->n_kv - s->n);
}

/* One output, and how far rounding may carry it: by the error of exponents, which grow with the vectors. */
static void check_output(const call *c, ptrdiff_t batch, ptrdiff_t head, ptrdiff_t token)
{
    enum { MOST_LANES = 64 };
    const fastops_attention *s = &c->f.attention;
    const char *q = place(&s->q, batch, head, token, 0);
    real total = 0, sums[MOST_LANES] = {0}, sizes[MOST_LANES] = {0}, longest = 0, weight = 0;
    for (ptrdiff_t key = 0; key < s->n_kv; key++)
        if (counts(c, batch, head, token, key)) {
            const char *k = place(&s->k, batch, kv_head_of(c, head), key, 0);
            const real p = similarity(c, batch, head, token, key);
            longest = fmaxl(longest, dot(c, k, s->k.lane, k, s->k.lane));
            weight = fmaxl(weight, fabsl(weight_of(c, batch, head, key)));
            total += p;
            for (ptrdiff_t i = 0; i < s->dv; i++) {
                const real v = read(c, place(&s->v, batch, kv_head_of(c, head), key, i));
                sums[i] += p * v;
                sizes[i] += p * fabsl(v);
            }
        }
    const real q_length = sqrtl(dot(c, q, s->q.lane, q, s->q.lane)), k_length = sqrtl(longest);
    const real exponents = (real)s->scale * (q_length + k_length) * (q_length + k_length) * 2 + weight;
    const real eps = c->element == 4 ? (real)FLT_EPSILON : (real)DBL_EPSILON;
    const real bound = eps * ((real)s->d + 8 + (real)s->n_kv / 8) * (1 + exponents);
    for (ptrdiff_t i = 0; i < s->dv; i++) {
        const real exact = total > 0 ? sums[i] / total : 0, got = read(c, place(&s->out, batch, head, token, i));
        const real most = total > 0 ? bound * sizes[i] / total : 0;
        if (isfinite(exact) ? !(fabsl(got - exact) <= most) : !(got == exact || (isnan(got) && isnan(exact))))
            wrong("%s type %d, head %td token %td lane %td: %Lg, not %Lg (within %Lg)",
                  fastops_kernel_name(c->kernel), c->type, head, token, i, got, exact, most);
    }
}

/* ---- runs -------------------------------------------------------------------------------------------------------- */

static void run(const call *c, int threads)
{
    void *scratch = scratch_for(c->kernel, c->type, &c->f, threads);
    memset(c->blocks[3], 0xa5, (size_t)c->sizes[3]);
    if (fastops_run(c->kernel, c->type, &c->f, 0, threads, scratch) != 0)
        wrong("attention has events");
    free(scratch);
}

/* Puts NaN into keys and values that no query sees: where they are masked, and, if causal, the last one, which then but
 * the last query does not see. Returns how many tokens' outputs must not change. */
static ptrdiff_t spoil(const call *c)
{
    const fastops_attention *s = &c->f.attention;
    for (ptrdiff_t b = 0; b < s->batches; b++)
        for (ptrdiff_t h = 0; h < s->kv_heads; h++)
            for (ptrdiff_t t = 0; t < s->n_kv; t++) {
                const int masked = weight_of(c, b, h * (s->heads / s->kv_heads), t) == -INFINITY;
                if (!masked && !(s->causal && t == s->n_kv - 1))
                    continue;
                for (ptrdiff_t i = 0; i < s->d; i++)
                    write(c, place(&s->k, b, h, t, i), i % 2 ? NAN : INFINITY);
                for (ptrdiff_t i = 0; i < s->dv; i++)
                    write(c, place(&s->v, b, h, t, i), i % 2 ? -INFINITY : NAN);
            }
    return s->causal ? s->n - 1 : s->n;
}

static void check(const call *c)
{
    const fastops_attention *s = &c->f.attention;
    run(c, 1);
    char *first = block_copy(c->blocks[3], c->sizes[3]);
    for (ptrdiff_t b = 0; b < s->batches; b++)
        for (ptrdiff_t h = 0; h < s->heads; h++)
            for (ptrdiff_t t = 0; t < s->n; t++)
                check_output(c, b, h, t);
    for (int threads = 2; threads <= 3; threads++) {
        run(c, threads);
        if (memcmp(first, c->blocks[3], (size_t)c->sizes[3]) != 0)
            wrong("%d threads give other bits", threads);
    }
    const ptrdiff_t unchanged = spoil(c);
    run(c, 2);
    for (ptrdiff_t b = 0; b < s->batches; b++)
        for (ptrdiff_t h = 0; h < s->heads; h++)
            for (ptrdiff_t t = 0; t < unchanged; t++)
                for (ptrdiff_t i = 0; i < s->dv; i++) {
                    const char *at = place(&s->out, b, h, t, i);
                    if (memcmp(at, first + (at - c->blocks[3]), (size_t)c->element) != 0)
                        wrong("%s type %d, %td tokens, head %td token %td: a key that does not count does",
                              fastops_kernel_name(c->kernel), c->type, s->n, h, t);
                }
    free(first);
}

static void attend(fastops_kernel kernel, fastops_type type, ptrdiff_t batches, ptrdiff_t n, ptrdiff_t n_kv, int causal)
{
    call c = {.kernel = kernel, .type = type, .element = type == fastops_f64 ? 8 : 4};
    fastops_attention *s = &c.f.attention;
    if (left_out())
        return;
    s->kv_heads = 1 + random_below(2), s->heads = s->kv_heads * (1 + random_below(2));
    s->batches = batches, s->n = n, s->n_kv = n_kv, s->causal = causal;
    s->d = 1 + random_below(12), s->dv = 1 + random_below(20);
    s->scale = 1.4426950408889634 / sqrt((double)s->d);
    s->q = arrange(&c, 0, s->heads, n, s->d);
    s->k = arrange(&c, 1, s->kv_heads, n_kv, s->d);
    s->v = arrange(&c, 2, s->kv_heads, n_kv, s->dv);
    s->out = arrange(&c, 3, s->heads, n, s->dv);
    fill(&c, &s->q, s->heads, n, s->d, 1);
    fill(&c, &s->k, s->kv_heads, n_kv, s->d, 1);
    fill(&c, &s->v, s->kv_heads, n_kv, s->dv, 100);
    if (random_bits() % 2) {
        s->weight = arrange(&c, 4, s->kv_heads, n_kv, 1);
        fill(&c, &s->weight, s->kv_heads, n_kv, 1, 20); /* leaps of 2^160 among them */
        for (ptrdiff_t t = 0; t < n_kv; t += 1 + random_below(4))
            write(&c, place(&s->weight, random_below(s->batches), random_below(s->kv_heads), t, 0), -INFINITY);
    }
    c.f.features = 1 + random_below(13);
    c.sizes[5] = (c.f.features + WHOLE_ROWS - 1) / WHOLE_ROWS * WHOLE_ROWS * s->d * c.element;
    c.f.w = c.blocks[5] = block(c.sizes[5]);
    for (ptrdiff_t i = 0; i < c.sizes[5] / c.element; i++)
        write(&c, c.blocks[5] + i * c.element, i < c.f.features * s->d ? 2 * draw() : 0);
    check(&c);
    for (int i = 0; i < 6; i++)
        free(c.blocks[i]);
}

static void test_attention(fastops_kernel kernel, fastops_type type)
{
    static const ptrdiff_t sizes[] = {1, 2, 7, 16, 17, 33, 47, 48, 49, 95, 96, 97, 130};
    enum { COUNT = sizeof sizes / sizeof *sizes };
    if (type != fastops_f32 && type != fastops_f64) {
        wrong("no definition for element type %d", type);
        return;
    }
    for (int i = 0; i < COUNT; i++) {
        attend(kernel, type, 1 + i % 2, sizes[i], sizes[i], 1);
        attend(kernel, type, 1 + i % 2, sizes[i], sizes[COUNT - 1 - i], 0);
    }
    for (int i = 0; i < 20; i++)
        attend(kernel, type, 1 + i % 2, 1 + i, random_below(40), 0);
    attend(kernel, type, 67, 3, 5, 0); /* more heads than the states that features keep at once */
}

void test_attention_softmax(fastops_type type) { test_attention(fastops_kernel_attention_softmax, type); }
void test_attention_features(fastops_type type) { test_attention(fastops_kernel_attention_features, type); }
