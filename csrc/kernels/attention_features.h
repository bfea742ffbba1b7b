/* SPDX-License-Identifier: BSD-3-Clause
 * attention_features for one wide type; a template of attention.h.
 *
 * Feature f of a token is 2^(log feature). A head's state is, for each feature, the sum over its keys of feature times
 * value (row f of `sums`) and of feature alone (`total`), both in powers of two under a whole-number `reference` of the
 * feature's own, the largest log feature so far. Nothing is added to a denominator: none can vanish, for the largest
 * term of every sum is at least 1/2.
 */

#define NAME(name) FN_FOR(name, TYPE)
#define STRIP (GEMM_VECS * LANES)

typedef struct {
    WIDE *sums, *total, *reference;
    ptrdiff_t width; /* of a row of sums */
} NAME(state);

/* What a thread works in. Log features and features of keys are (features, stride), of queries (features, STRIP). */
typedef struct {
    WIDE *strip, *logs, *keys, *queries, *values, *weight, *products, *outputs;
    ptrdiff_t stride, width;
} NAME(workspace);

INLINE ptrdiff_t NAME(state_size)(const fastops_attention_features *s)
{
    const ptrdiff_t rows = FN(round_up)(s->features, GEMM_ROWS);
    return FN(round_up)(rows * (FN(round_up)(s->attention.dv, STRIP) + 2) + ATTENTION_OVERREAD, 16);
}

INLINE NAME(state) NAME(state_in)(const fastops_attention_features *s, WIDE *memory)
{
    const ptrdiff_t rows = FN(round_up)(s->features, GEMM_ROWS), width = FN(round_up)(s->attention.dv, STRIP);
    return (NAME(state)){.sums = memory + 2 * rows, .total = memory, .reference = memory + rows, .width = width};
}

static void NAME(state_clear)(const fastops_attention_features *s, NAME(state) state)
{
    const ptrdiff_t rows = FN(round_up)(s->features, GEMM_ROWS);
    memset(state.total, 0, (size_t)NAME(state_size)(s) * sizeof(WIDE));
    for (ptrdiff_t f = 0; f < rows; f++)
        state.reference[f] = (WIDE)ATTENTION_NOTHING;
}

/* Fills w with places in memory; returns the elements it takes (memory may be NULL). */
static ptrdiff_t NAME(workspace_in)(const fastops_attention_features *s, WIDE *memory, NAME(workspace) *w)
{
    const fastops_attention *a = &s->attention;
    const ptrdiff_t rows = FN(round_up)(s->features, GEMM_ROWS);
    w->stride = ATTENTION_TILE + 16; /* not a multiple of a page's part: rows of one column would share few sets */
    w->width = FN(round_up)(a->dv, STRIP);
    const ptrdiff_t sizes[] = {a->d * STRIP,
                               rows * w->stride + ATTENTION_OVERREAD,
                               rows * w->stride + ATTENTION_OVERREAD,
                               rows * STRIP,
                               ATTENTION_TILE * w->width + ATTENTION_OVERREAD,
                               FN(round_up)(ATTENTION_TILE + STRIP, 16),
                               (ATTENTION_TILE + GEMM_ROWS) * STRIP,
                               FN(round_up)(a->dv, GEMM_ROWS) * STRIP};
    WIDE **places[] = {&w->strip, &w->logs, &w->keys, &w->queries, &w->values, &w->weight, &w->products, &w->outputs};
    ptrdiff_t used = 0;
    for (int i = 0; i < 8; i++) {
        *places[i] = memory ? memory + used : NULL;
        used += FN(round_up)(sizes[i], 16);
    }
    return used;
}

/* ---- log features ---------------------------------------------------------------------------------------------- */

/* logs[f, t] = w[f] . x[t] + offset[t] for one strip of tokens, packed. */
INLINE void NAME(log_features)(const fastops_attention_features *s, const WIDE *strip, const WIDE *offset, WIDE *logs,
                               ptrdiff_t stride)
{
    const WIDE *w = s->w;
    const ptrdiff_t d = s->attention.d;
    for (ptrdiff_t f = 0; f < s->features; f += GEMM_ROWS) {
        VEC sum[GEMM_ROWS][GEMM_VECS];
        for (int r = 0; r < GEMM_ROWS; r++)
            for (int v = 0; v < GEMM_VECS; v++)
                sum[r][v] = W(load)(offset + v * LANES);
        NAME(strided_rows_fma)(w + f * d, d, strip, STRIP, d, sum);
        NAME(store_tile)(logs + f * stride, stride, sum);
    }
}

/* Values and log features of `tokens` keys from `first` on. Returns whether all values are finite. */
static int NAME(load_keys)(const fastops_attention_features *s, ptrdiff_t batch, ptrdiff_t head, ptrdiff_t first,
                           ptrdiff_t tokens, const NAME(workspace) *w)
{
    const fastops_attention *a = &s->attention;
    const ptrdiff_t padded = FN(round_up)(tokens, STRIP);
    const int finite = NAME(copy_values)(a, batch, head, first, tokens, padded, w->values, w->width, w->weight);
    for (ptrdiff_t t = 0; t < tokens; t += STRIP) {
        NAME(pack_tokens)(w->strip, NAME(token_at)(&a->k, batch, head, first + t), &a->k, FN(smaller)(STRIP, tokens - t),
                          a->d, 1);
        for (ptrdiff_t u = 0; u < STRIP; u++)
            if (w->weight[t + u] == 2 * (WIDE)ATTENTION_NOTHING)
                for (ptrdiff_t i = 0; i < a->d; i++)
                    w->strip[i * STRIP + u] = 0;
        VEC norm[GEMM_VECS] = {{0}};
        for (ptrdiff_t i = 0; i < a->d; i++)
            for (int v = 0; v < GEMM_VECS; v++) {
                const VEC x = W(load)(w->strip + i * STRIP + v * LANES);
                norm[v] = W(fma)(x, x, norm[v]);
            }
        for (int v = 0; v < GEMM_VECS; v++) {
            WIDE *at = w->weight + t + v * LANES;
            W(store)(at, W(load)(at) - norm[v] * (WIDE)(a->scale / 2));
        }
        NAME(log_features)(s, w->strip, w->weight + t, w->logs + t, w->stride);
    }
    return finite;
}

/* ---- state ----------------------------------------------------------------------------------------------------- */

/* The largest of x, NaNs left out. */
INLINE WIDE NAME(largest)(const WIDE *x, ptrdiff_t count)
{
    VEC lanes = W(all)(2 * (WIDE)ATTENTION_NOTHING);
    ptrdiff_t i = 0;
    for (; i + LANES <= count; i += LANES)
        lanes = W(max)(W(load)(x + i), lanes);
    WIDE most = lanes[0];
    for (int t = 1; t < LANES; t++)
        most = lanes[t] > most ? lanes[t] : most;
    for (; i < count; i++)
        most = x[i] > most ? x[i] : most;
    return most;
}

INLINE WIDE NAME(power_of_two)(WIDE exponent)
{
    return W(exp2)(W(all)(exponent), (VEC){0})[0];
}

/* Brings the state under references that are not below the log features of the first `tokens` keys. */
static void NAME(raise_references)(const fastops_attention_features *s, NAME(state) state, const NAME(workspace) *w,
                                   ptrdiff_t tokens)
{
    for (ptrdiff_t f = 0; f < s->features; f++) {
        const WIDE most = NAME(largest)(w->logs + f * w->stride, tokens);
        if (!(most > state.reference[f]))
            continue;
        const WIDE raised = NAME(ceiling)(W(all)(most))[0], factor = NAME(power_of_two)(state.reference[f] - raised);
        state.reference[f] = raised;
        state.total[f] *= factor;
        for (ptrdiff_t i = 0; i < state.width; i++)
            state.sums[f * state.width + i] *= factor;
    }
}

/* Features of the first `tokens` keys, whole strips, under the state's references. */
static void NAME(key_features)(const fastops_attention_features *s, NAME(state) state, const NAME(workspace) *w,
                               ptrdiff_t tokens)
{
    for (ptrdiff_t f = 0; f < s->features; f++) {
        const VEC reference = W(all)(state.reference[f]);
        for (ptrdiff_t t = 0; t < tokens; t += LANES)
            W(store)(w->keys + f * w->stride + t, W(exp2)(W(load)(w->logs + f * w->stride + t), reference));
    }
    for (ptrdiff_t f = s->features; f % GEMM_ROWS; f++) /* read with the others of their tile, to no effect */
        memset(w->keys + f * w->stride, 0, (size_t)tokens * sizeof(WIDE));
}

/* Adds the keys whose features and values are in w; tokens are whole strips. */
static void NAME(add_keys)(const fastops_attention_features *s, NAME(state) state, const NAME(workspace) *w,
                           ptrdiff_t tokens)
{
    for (ptrdiff_t f = 0; f < s->features; f++) {
        VEC sum = {0};
        for (ptrdiff_t t = 0; t < tokens; t += LANES)
            sum += W(load)(w->keys + f * w->stride + t);
        WIDE total = 0;
        for (int i = 0; i < LANES; i++)
            total += sum[i];
        state.total[f] += total;
    }
    for (ptrdiff_t f = 0; f < s->features; f += GEMM_ROWS)
        for (ptrdiff_t column = 0; column < state.width; column += STRIP) {
            VEC sum[GEMM_ROWS][GEMM_VECS];
            WIDE *at = state.sums + f * state.width + column;
            NAME(load_tile)(sum, at, state.width);
            NAME(strided_rows_fma)(w->keys + f * w->stride, w->stride, w->values + column, w->width, tokens, sum);
            NAME(store_tile)(at, state.width, sum);
        }
}

static void NAME(state_of_head)(const fastops_attention_features *s, ptrdiff_t batch, ptrdiff_t head, NAME(state) state,
                                const NAME(workspace) *w)
{
    NAME(state_clear)(s, state);
    for (ptrdiff_t first = 0; first < s->attention.n_kv; first += ATTENTION_TILE) {
        const ptrdiff_t tokens = FN(smaller)(ATTENTION_TILE, s->attention.n_kv - first);
        const ptrdiff_t padded = FN(round_up)(tokens, STRIP);
        NAME(load_keys)(s, batch, head, first, tokens, w);
        NAME(raise_references)(s, state, w, tokens);
        NAME(key_features)(s, state, w, padded);
        NAME(add_keys)(s, state, w, padded);
    }
}

/* ---- queries --------------------------------------------------------------------------------------------------- */

/* Features of a strip of queries, each query's under the largest product of its features and the references; outputs and
 * total are those of the state. */
static void NAME(query_strip)(const fastops_attention_features *s, ptrdiff_t batch, ptrdiff_t head, ptrdiff_t first,
                              ptrdiff_t tokens, NAME(state) state, const NAME(workspace) *w, VEC total[GEMM_VECS])
{
    static const WIDE nothing[STRIP];
    const fastops_attention *a = &s->attention;
    VEC reference[GEMM_VECS];
    NAME(pack_tokens)(w->strip, NAME(token_at)(&a->q, batch, head, first), &a->q, tokens, a->d, 1);
    NAME(log_features)(s, w->strip, nothing, w->queries, STRIP);
    for (int v = 0; v < GEMM_VECS; v++) {
        VEC most = W(all)((WIDE)ATTENTION_NOTHING / 2);
        for (ptrdiff_t f = 0; f < s->features; f++)
            most = W(max)(W(load)(w->queries + f * STRIP + v * LANES) + state.reference[f], most);
        reference[v] = NAME(ceiling)(most);
        total[v] = (VEC){0};
    }
    for (ptrdiff_t f = 0; f < s->features; f++)
        for (int v = 0; v < GEMM_VECS; v++) {
            WIDE *at = w->queries + f * STRIP + v * LANES;
            const VEC feature = W(exp2)(W(load)(at), reference[v] - state.reference[f]);
            total[v] = W(fma)(feature, W(all)(state.total[f]), total[v]);
            W(store)(at, feature);
        }
    memset(w->outputs, 0, (size_t)(FN(round_up)(a->dv, GEMM_ROWS) * STRIP) * sizeof(WIDE));
    NAME(add_products)(w->outputs, a->dv, state.sums, state.width, w->queries, s->features);
}

INLINE void NAME(write_outputs)(const fastops_attention *a, ptrdiff_t batch, ptrdiff_t head, ptrdiff_t first,
                                ptrdiff_t skipped, ptrdiff_t tokens, const VEC total[GEMM_VECS], const WIDE *outputs)
{
    WIDE totals[STRIP];
    memcpy(totals, total, sizeof totals);
    NAME(unpack_tokens)((char *)NAME(token_at)(&a->out, batch, head, first + skipped), &a->out, outputs + skipped,
                        totals + skipped, tokens - skipped, a->dv);
}

/* ---- causal ---------------------------------------------------------------------------------------------------- */

/* Whether a query from `first` on would see its own keys too far under references that cover the first `end` keys. */
static int NAME(jumps)(const fastops_attention_features *s, NAME(state) state, const NAME(workspace) *w, ptrdiff_t first,
                       ptrdiff_t end)
{
    for (ptrdiff_t f = 0; f < s->features; f++) {
        const WIDE seen = NAME(largest)(w->logs + f * w->stride, first + 1);
        const WIDE all = NAME(largest)(w->logs + f * w->stride, end), own = state.reference[f];
        if (all > own && all - (seen > own ? seen : own) > ATTENTION_JUMP)
            return 1;
    }
    return 0;
}

/* Adds the chunk's keys that each query of the strip sees: query t of the strip, keys up to `offset` + t. */
static void NAME(add_chunk)(const fastops_attention_features *s, const NAME(workspace) *w, ptrdiff_t offset,
                            ptrdiff_t tokens, int finite, VEC total[GEMM_VECS])
{
    const ptrdiff_t keys = FN(round_up)(offset + tokens, GEMM_ROWS);
    for (ptrdiff_t j = 0; j < keys; j += GEMM_ROWS) {
        VEC sum[GEMM_ROWS][GEMM_VECS] = {{{0}}};
        NAME(strided_steps_fma)(w->keys + j, w->stride, w->queries, STRIP, s->features, sum);
        for (int r = 0; r < GEMM_ROWS; r++)
            for (int v = 0; v < GEMM_VECS; v++) {
                sum[r][v] = (VEC)((UVEC)sum[r][v] & NAME(lanes_from)(j + r - offset - v * LANES));
                total[v] += sum[r][v];
            }
        NAME(store_tile)(w->products + j * STRIP, STRIP, sum);
    }
    const ptrdiff_t seen = offset + tokens;
    if (finite)
        NAME(add_products)(w->outputs, s->attention.dv, w->values, w->width, w->products, seen);
    else
        NAME(add_seen_products)(w->outputs, s->attention.dv, w->values, w->width, w->products, seen, offset);
}

static void NAME(causal_head)(const fastops_attention_features *s, ptrdiff_t batch, ptrdiff_t kv_head, NAME(state) state,
                              const NAME(workspace) *w)
{
    const fastops_attention *a = &s->attention;
    const ptrdiff_t group = a->heads / a->kv_heads;
    VEC total[GEMM_VECS];
    NAME(state_clear)(s, state);
    for (ptrdiff_t chunk = 0; chunk < a->n; chunk += ATTENTION_CHUNK) {
        const ptrdiff_t tokens = FN(smaller)(ATTENTION_CHUNK, a->n - chunk);
        const int finite = NAME(load_keys)(s, batch, kv_head, chunk, tokens, w);
        for (ptrdiff_t begin = 0, end; begin < tokens; begin = end) {
            end = tokens;
            while (end > begin + 1 && NAME(jumps)(s, state, w, begin, end))
                end = begin + (end - begin) / 2;
            NAME(raise_references)(s, state, w, end);
            NAME(key_features)(s, state, w, FN(round_up)(end, STRIP));
            for (ptrdiff_t head = kv_head * group; head < (kv_head + 1) * group; head++)
                for (ptrdiff_t t = begin / STRIP * STRIP; t < end; t += STRIP) {
                    const ptrdiff_t strip = FN(smaller)(STRIP, end - t);
                    NAME(query_strip)(s, batch, head, chunk + t, strip, state, w, total);
                    NAME(add_chunk)(s, w, t, strip, finite, total);
                    NAME(write_outputs)(a, batch, head, chunk + t, begin > t ? begin - t : 0, strip, total, w->outputs);
                }
        }
        NAME(add_keys)(s, state, w, FN(round_up)(tokens, STRIP));
    }
}

/* ---- the kernel ------------------------------------------------------------------------------------------------ */

static void NAME(query_tile)(const fastops_attention_features *s, ptrdiff_t batch, ptrdiff_t head, ptrdiff_t first,
                             NAME(state) state, const NAME(workspace) *w)
{
    const fastops_attention *a = &s->attention;
    const ptrdiff_t end = FN(smaller)(a->n, first + ATTENTION_TILE);
    VEC total[GEMM_VECS];
    for (ptrdiff_t t = first; t < end; t += STRIP) {
        const ptrdiff_t tokens = FN(smaller)(STRIP, end - t);
        NAME(query_strip)(s, batch, head, t, tokens, state, w, total);
        NAME(write_outputs)(a, batch, head, t, 0, tokens, total, w->outputs);
    }
}

static unsigned NAME(attention_features)(const void *args, const fastops_part *part)
{
    const fastops_attention_features *s = args;
    const fastops_attention *a = &s->attention;
    const ptrdiff_t group = a->heads / a->kv_heads, tiles = FN(ceil_div)(a->n, ATTENTION_TILE);
    const ptrdiff_t state_size = NAME(state_size)(s), kv_heads = a->batches * a->kv_heads;
    NAME(workspace) w;
    const ptrdiff_t used = NAME(workspace_in)(s, part->scratch, &w);
    for (ptrdiff_t i = part->begin; i < part->end; i++) {
        if (a->causal) {
            NAME(causal_head)(s, i / a->kv_heads, i % a->kv_heads, NAME(state_in)(s, (WIDE *)part->scratch + used), &w);
            continue;
        }
        const ptrdiff_t local = part->phase % 2 ? i / tiles / group : i;
        const ptrdiff_t kv = part->phase / 2 * ATTENTION_STATES + local;
        const NAME(state) state = NAME(state_in)(s, (WIDE *)part->shared + local * state_size);
        if (kv >= kv_heads)
            break;
        if (part->phase % 2)
            NAME(query_tile)(s, kv / a->kv_heads, kv % a->kv_heads * group + i / tiles % group,
                             i % tiles * ATTENTION_TILE, state, &w);
        else
            NAME(state_of_head)(s, kv / a->kv_heads, kv % a->kv_heads, state, &w);
    }
    return 0;
}

static fastops_needs NAME(attention_features_needs)(const fastops_attention_features *s)
{
    const fastops_attention *a = &s->attention;
    const ptrdiff_t kv_heads = a->batches * a->kv_heads, states = FN(smaller)(kv_heads, ATTENTION_STATES);
    const ptrdiff_t size = (ptrdiff_t)sizeof(WIDE);
    NAME(workspace) w;
    const ptrdiff_t used = NAME(workspace_in)(s, NULL, &w);
    if (a->causal)
        return (fastops_needs){.thread_bytes = size * (used + NAME(state_size)(s)), .phases = 1, .items = {kv_heads}};
    return (fastops_needs){
        .thread_bytes = size * used,
        .shared_bytes = size * states * NAME(state_size)(s),
        .phases = 2 * FN(ceil_div)(kv_heads, ATTENTION_STATES),
        .items = {states, states * (a->heads / a->kv_heads) * FN(ceil_div)(a->n, ATTENTION_TILE)},
    };
}

#undef NAME
#undef STRIP
