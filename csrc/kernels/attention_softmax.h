/* SPDX-License-Identifier: BSD-3-Clause
 * attention_softmax for one wide type; a template of attention.h.
 *
 * Items: tiles of ATTENTION_TILE queries of one head. Keys come in tiles too: for each strip of queries, the scores of a
 * tile of keys become weights under a common reference, and are added up with the values.
 */

#define NAME(name) FN_FOR(name, TYPE)
#define STRIP (GEMM_VECS * LANES)

/* Scores of `rows` keys, a multiple of GEMM_ROWS, against a strip of queries: scores (rows, STRIP), and their maxima. */
INLINE void NAME(score_keys)(WIDE *scores, const WIDE *keys, const WIDE *weight, ptrdiff_t rows, const WIDE *queries,
                             ptrdiff_t d, VEC largest[GEMM_VECS])
{
    for (ptrdiff_t j = 0; j < rows; j += GEMM_ROWS) {
        VEC sum[GEMM_ROWS][GEMM_VECS];
        for (int r = 0; r < GEMM_ROWS; r++)
            sum[r][0] = sum[r][1] = W(all)(weight[j + r]);
        NAME(strided_rows_fma)(keys + j * d, d, queries, STRIP, d, sum);
        NAME(store_tile)(scores + j * STRIP, STRIP, sum);
        for (int r = 0; r < GEMM_ROWS; r++)
            for (int v = 0; v < GEMM_VECS; v++)
                largest[v] = W(max)(sum[r][v], largest[v]);
    }
}

/* Query t sees keys up to t + ahead only: takes the others out of scores (rows, STRIP), and out of their maxima. */
static void NAME(mask_later)(WIDE *scores, ptrdiff_t rows, ptrdiff_t ahead, VEC largest[GEMM_VECS])
{
    for (int v = 0; v < GEMM_VECS; v++)
        largest[v] = W(all)(2 * (WIDE)ATTENTION_NOTHING);
    for (ptrdiff_t j = 0; j < rows; j++) {
        for (int v = 0; v < GEMM_VECS; v++) {
            WIDE *at = scores + j * STRIP + v * LANES;
            const UVEC seen = NAME(lanes_from)(j - ahead - v * LANES);
            const VEC kept = (VEC)((seen & (UVEC)W(load)(at)) | (~seen & (UVEC)W(all)(2 * (WIDE)ATTENTION_NOTHING)));
            largest[v] = W(max)(kept, largest[v]);
            W(store)(at, kept);
        }
    }
}

/* Scores to weights in powers of two under `reference`, which is raised where they exceed it by more than the slack;
 * sums (lanes, STRIP) and total are brought along. */
INLINE void NAME(weigh)(WIDE *scores, ptrdiff_t rows, const VEC largest[GEMM_VECS], VEC reference[GEMM_VECS],
                        VEC total[GEMM_VECS], WIDE *sums, ptrdiff_t lanes)
{
    for (int v = 0; v < GEMM_VECS; v++) {
        const UVEC above = (UVEC)(largest[v] > reference[v] + ATTENTION_SLACK);
        if (NAME(any)(above)) {
            const VEC before = reference[v], raised = NAME(ceiling)(largest[v]);
            reference[v] = (VEC)((above & (UVEC)raised) | (~above & (UVEC)before));
            const VEC factor = W(exp2)(before - reference[v], (VEC){0});
            total[v] *= factor;
            for (ptrdiff_t i = 0; i < lanes; i++) {
                WIDE *at = sums + i * STRIP + v * LANES;
                W(store)(at, factor * W(load)(at));
            }
        }
    }
    for (ptrdiff_t j = 0; j < rows; j++)
        for (int v = 0; v < GEMM_VECS; v++) {
            WIDE *at = scores + j * STRIP + v * LANES;
            const VEC weight = W(exp2)(W(load)(at), reference[v]);
            total[v] += weight;
            W(store)(at, weight);
        }
}

/* Keys by rows; those that do not count are 0. */
static void NAME(copy_keys)(const fastops_attention *s, ptrdiff_t batch, ptrdiff_t head, ptrdiff_t key, ptrdiff_t padded,
                            WIDE *keys, const WIDE *weight)
{
    const char *from = NAME(token_at)(&s->k, batch, head, key);
    for (ptrdiff_t j = 0; j < padded; j++, keys += s->d, from += s->k.token)
        if (weight[j] == 2 * (WIDE)ATTENTION_NOTHING)
            memset(keys, 0, (size_t)s->d * sizeof(WIDE));
        else
            copy_elements((char *)keys, sizeof(WIDE), from, s->k.lane, s->d, sizeof(WIDE));
}

/* One head's tile of queries from `first` on. */
static void NAME(softmax_tile)(const fastops_attention *s, ptrdiff_t batch, ptrdiff_t head, ptrdiff_t first, WIDE *memory)
{
    const ptrdiff_t kv_head = head / (s->heads / s->kv_heads), tokens = FN(smaller)(ATTENTION_TILE, s->n - first);
    const ptrdiff_t strips = FN(ceil_div)(tokens, STRIP), width = FN(round_up)(s->dv, STRIP) + GEMM_ROWS;
    const ptrdiff_t ahead = s->n_kv - s->n; /* query t sees keys up to t + ahead */
    const ptrdiff_t last = s->causal ? FN(smaller)(s->n_kv, first + tokens + ahead) : s->n_kv;
    WIDE *queries = memory, *sums = queries + ATTENTION_TILE * s->d, *keys = sums + ATTENTION_TILE * width;
    WIDE *values = keys + ATTENTION_TILE * s->d, *weight = values + ATTENTION_TILE * width + ATTENTION_OVERREAD;
    WIDE *scores = weight + ATTENTION_TILE;
    VEC reference[ATTENTION_TILE / STRIP][GEMM_VECS], total[ATTENTION_TILE / STRIP][GEMM_VECS];

    memset(sums, 0, (size_t)(strips * STRIP * width) * sizeof(WIDE));
    for (ptrdiff_t i = 0; i < strips; i++) {
        NAME(pack_tokens)(queries + i * STRIP * s->d, NAME(token_at)(&s->q, batch, head, first + i * STRIP), &s->q,
                          FN(smaller)(STRIP, tokens - i * STRIP), s->d, (WIDE)s->scale);
        for (int v = 0; v < GEMM_VECS; v++)
            reference[i][v] = W(all)((WIDE)ATTENTION_NOTHING), total[i][v] = (VEC){0};
    }
    for (ptrdiff_t key = 0; key < last; key += ATTENTION_TILE) {
        const ptrdiff_t rows = FN(smaller)(ATTENTION_TILE, last - key);
        const ptrdiff_t padded = FN(ceil_div)(rows, GEMM_ROWS) * GEMM_ROWS;
        const int finite = NAME(copy_values)(s, batch, kv_head, key, rows, padded, values, width, weight);
        NAME(copy_keys)(s, batch, kv_head, key, padded, keys, weight);
        for (ptrdiff_t i = 0; i < strips; i++) {
            VEC largest[GEMM_VECS];
            const ptrdiff_t sees = first + i * STRIP + ahead - key; /* the strip's first query: keys up to here */
            if (s->causal && sees + STRIP <= 0)
                continue;
            for (int v = 0; v < GEMM_VECS; v++)
                largest[v] = W(all)(2 * (WIDE)ATTENTION_NOTHING);
            NAME(score_keys)(scores, keys, weight, padded, queries + i * STRIP * s->d, s->d, largest);
            const int masked = s->causal && sees < rows - 1;
            if (masked)
                NAME(mask_later)(scores, padded, sees, largest);
            NAME(weigh)(scores, padded, largest, reference[i], total[i], sums + i * STRIP * width, s->dv);
            if (masked && !finite)
                NAME(add_seen_products)(sums + i * STRIP * width, s->dv, values, width, scores, rows, sees);
            else
                NAME(add_products)(sums + i * STRIP * width, s->dv, values, width, scores, padded);
        }
    }
    for (ptrdiff_t i = 0; i < strips; i++) {
        WIDE totals[STRIP];
        memcpy(totals, total[i], sizeof totals);
        NAME(unpack_tokens)((char *)NAME(token_at)(&s->out, batch, head, first + i * STRIP), &s->out,
                            sums + i * STRIP * width, totals, FN(smaller)(STRIP, tokens - i * STRIP), s->dv);
    }
}

static unsigned NAME(attention_softmax)(const void *args, const fastops_part *part)
{
    const fastops_attention *s = args;
    const ptrdiff_t tiles = FN(ceil_div)(s->n, ATTENTION_TILE);
    for (ptrdiff_t i = part->begin; i < part->end; i++) {
        const ptrdiff_t head = i / tiles;
        /* from the last tile on: with a causal mask it is the longest, and the shortest should end the work */
        const ptrdiff_t tile = tiles - 1 - i % tiles;
        NAME(softmax_tile)(s, head / s->heads, head % s->heads, tile * ATTENTION_TILE, part->scratch);
    }
    return 0;
}

#undef NAME
#undef STRIP
