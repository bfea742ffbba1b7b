/* SPDX-License-Identifier: BSD-3-Clause
 * What both kinds of attention do to tiles, for one wide type; a template of attention.h. STRIP tokens fill a strip. */

#define NAME(name) FN_FOR(name, TYPE)
#define STRIP (GEMM_VECS * LANES)
#define SIZE ((ptrdiff_t)sizeof(WIDE))

INLINE const char *NAME(token_at)(const fastops_heads *x, ptrdiff_t batch, ptrdiff_t head, ptrdiff_t token)
{
    return x->data + batch * x->batch + head * x->head + token * x->token;
}

/* strip[i, t] = factor x[t, i] for the `tokens` tokens from x on; 0 for the others of the strip. */
static void NAME(pack_tokens)(WIDE *strip, const char *x, const fastops_heads *s, ptrdiff_t tokens, ptrdiff_t lanes,
                              WIDE factor)
{
    if (tokens < STRIP)
        memset(strip, 0, (size_t)(lanes * STRIP) * sizeof(WIDE));
    for (ptrdiff_t i = 0; i < lanes; i++)
        for (ptrdiff_t t = 0; t < tokens; t++) {
            WIDE value;
            memcpy(&value, x + t * s->token + i * s->lane, sizeof value);
            strip[i * STRIP + t] = factor * value;
        }
}

/* out[t, i] = sums[i, t] / total[t] for the `tokens` tokens from out on; 0 where total is 0. */
static void NAME(unpack_tokens)(char *out, const fastops_heads *s, const WIDE *sums, const WIDE *total, ptrdiff_t tokens,
                                ptrdiff_t lanes)
{
    for (ptrdiff_t t = 0; t < tokens; t++, out += s->token) {
        const WIDE factor = total[t] != 0 ? 1 / total[t] : 0;
        for (ptrdiff_t i = 0; i < lanes; i++) {
            const WIDE value = total[t] != 0 ? factor * sums[i * STRIP + t] : 0;
            memcpy(out + i * s->lane, &value, sizeof value);
        }
    }
}

/* A tile whose rows are `stride` apart. Register by register: of a memcpy, gcc 12 makes a `rep movs`. */
INLINE void NAME(load_tile)(VEC tile[GEMM_ROWS][GEMM_VECS], const WIDE *from, ptrdiff_t stride)
{
    for (int r = 0; r < GEMM_ROWS; r++)
        for (int v = 0; v < GEMM_VECS; v++)
            tile[r][v] = W(load)(from + r * stride + v * LANES);
}

INLINE void NAME(store_tile)(WIDE *to, ptrdiff_t stride, VEC tile[GEMM_ROWS][GEMM_VECS])
{
    for (int r = 0; r < GEMM_ROWS; r++)
        for (int v = 0; v < GEMM_VECS; v++)
            W(store)(to + r * stride + v * LANES, tile[r][v]);
}

INLINE int NAME(any)(UVEC mask)
{
    UINT any = 0;
    for (int i = 0; i < LANES; i++)
        any |= mask[i];
    return any != 0;
}

/* All ones in the lanes that are not before `first`. */
INLINE UVEC NAME(lanes_from)(ptrdiff_t first)
{
    static const WIDE numbers[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    return (UVEC)(W(load)(numbers) >= W(all)((WIDE)first));
}

/* The least whole number >= x. */
INLINE VEC NAME(ceiling)(VEC x)
{
    const VEC whole = W(round)(x), one = W(all)(1);
    return whole + (VEC)((UVEC)one & (UVEC)(whole < x));
}

/* Keys, values and weights of `rows` keys from `key` on; up to `padded`, keys that do not count. A key of weight -inf does
 * not count: whatever it and its value hold, they are taken for 0. Returns whether all values are finite. */
static int NAME(copy_values)(const fastops_attention *s, ptrdiff_t batch, ptrdiff_t head, ptrdiff_t key, ptrdiff_t rows,
                             ptrdiff_t padded, WIDE *values, ptrdiff_t width, WIDE *weight)
{
    const char *from = NAME(token_at)(&s->v, batch, head, key);
    const char *weight_from = s->weight.data ? NAME(token_at)(&s->weight, batch, head, key) : NULL;
    VEC all = {0};
    for (ptrdiff_t j = 0; j < padded; j++, from += s->v.token) {
        weight[j] = j < rows ? 0 : -(WIDE)__builtin_inff();
        if (weight_from && j < rows)
            memcpy(weight + j, weight_from + j * s->weight.token, sizeof(WIDE));
        if (!(weight[j] > 2 * (WIDE)ATTENTION_NOTHING))
            weight[j] = weight[j] == weight[j] ? 2 * (WIDE)ATTENTION_NOTHING : weight[j];
        const int counts = weight[j] != 2 * (WIDE)ATTENTION_NOTHING;
        WIDE *to = values + j * width;
        if (counts)
            copy_elements((char *)to, SIZE, from, s->v.lane, s->dv, sizeof(WIDE));
        for (ptrdiff_t i = counts ? s->dv : 0; i < width; i++)
            to[i] = 0;
        for (ptrdiff_t i = 0; i + LANES <= width; i += LANES)
            all += 0 * W(load)(to + i);
    }
    return !NAME(any)((UVEC)(all != 0));
}

/* sums[i, t] += sum over k of a[k, i] p[k, t], for i < lanes: one strip of tokens. Rows of a are `width` apart. */
INLINE void NAME(add_products)(WIDE *sums, ptrdiff_t lanes, const WIDE *a, ptrdiff_t width, const WIDE *p,
                               ptrdiff_t steps)
{
    for (ptrdiff_t i = 0; i < lanes; i += GEMM_ROWS) {
        VEC sum[GEMM_ROWS][GEMM_VECS];
        NAME(load_tile)(sum, sums + i * STRIP, STRIP);
        NAME(strided_steps_fma)(a + i, width, p, STRIP, steps, sum);
        NAME(store_tile)(sums + i * STRIP, STRIP, sum);
    }
}

/* The same where query t sees row k only if k <= t + ahead; for a's that are not finite, which times 0 are not 0. */
static void NAME(add_seen_products)(WIDE *sums, ptrdiff_t lanes, const WIDE *a, ptrdiff_t width, const WIDE *p,
                                    ptrdiff_t steps, ptrdiff_t ahead)
{
    for (ptrdiff_t k = 0; k < steps; k++)
        for (ptrdiff_t i = 0; i < lanes; i++)
            for (int v = 0; v < GEMM_VECS; v++) {
                WIDE *at = sums + i * STRIP + v * LANES;
                const VEC before = W(load)(at);
                const VEC after = W(fma)(W(all)(a[k * width + i]), W(load)(p + k * STRIP + v * LANES), before);
                const UVEC seen = NAME(lanes_from)(k - ahead - v * LANES);
                W(store)(at, (VEC)((seen & (UVEC)after) | (~seen & (UVEC)before)));
            }
}

#undef NAME
#undef STRIP
#undef SIZE
