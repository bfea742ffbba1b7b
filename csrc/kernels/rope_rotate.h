/* SPDX-License-Identifier: BSD-3-Clause
 * rope_rotate for one float type; the template of rope.h. */

#define NAME(name) FN_FOR(name, TYPE)
#define LOAD JOIN(load_, TYPE)
#define STORE_TWO JOIN(store_two_, TYPE)
#define SIZE ((ptrdiff_t)sizeof(ELEMENT))
#define WIDE_SIZE ((ptrdiff_t)sizeof(WIDE))

INLINE void NAME(rotate_vector)(const FN(rope_pairs) *p, ptrdiff_t i, WIDE sign, int interleaved, int full_width)
{
    VEC x0, x1;
    if (interleaved)
        JOIN(load_pairs_, TYPE)(p->x0 + 2 * i * SIZE, &x0, &x1);
    else
        x0 = LOAD(p->x0 + i * SIZE), x1 = LOAD(p->x1 + i * SIZE);
    VEC cos0 = W(load)(p->cos0 + i * WIDE_SIZE), sin0 = sign * W(load)(p->sin0 + i * WIDE_SIZE);
    if (interleaved)
        cos0 = JOIN(pair_order_, TYPE)(cos0), sin0 = JOIN(pair_order_, TYPE)(sin0);
    const VEC cos1 = full_width ? W(load)(p->cos1 + i * WIDE_SIZE) : cos0;
    const VEC sin1 = full_width ? sign * W(load)(p->sin1 + i * WIDE_SIZE) : sin0;
    const VEC y0 = x0 * cos0 - x1 * sin0, y1 = x1 * cos1 + x0 * sin1;
    if (interleaved)
        JOIN(store_pairs_, TYPE)(p->out0 + 2 * i * SIZE, y0, y1);
    else
        STORE_TWO(p->out0 + i * SIZE, y0, p->out1 + i * SIZE, y1);
}

/* The last n < LANES pairs from i on: copied to whole registers and back. */
static void NAME(rotate_tail)(const FN(rope_pairs) *p, ptrdiff_t i, ptrdiff_t n, WIDE sign, int interleaved)
{
    ELEMENT x[2 * LANES] = {0};
    WIDE table[4][LANES] = {{0}};
    const char *tables[4] = {p->cos0, p->cos1, p->sin0, p->sin1};
    const size_t size = (size_t)(n * SIZE);
    for (int t = 0; t < 4; t++)
        memcpy(table[t], tables[t] + i * WIDE_SIZE, (size_t)n * sizeof(WIDE));
    const FN(rope_pairs) whole = {.x0 = (const char *)x, .x1 = (const char *)(x + LANES),
                                    .out0 = (char *)x, .out1 = (char *)(x + LANES),
                                    .cos0 = (const char *)table[0], .cos1 = (const char *)table[1],
                                    .sin0 = (const char *)table[2], .sin1 = (const char *)table[3]};
    if (interleaved) {
        memcpy(x, p->x0 + 2 * i * SIZE, 2 * size);
        NAME(rotate_vector)(&whole, 0, sign, 1, 0);
        memcpy(p->out0 + 2 * i * SIZE, x, 2 * size);
    } else {
        memcpy(x, p->x0 + i * SIZE, size), memcpy(x + LANES, p->x1 + i * SIZE, size);
        NAME(rotate_vector)(&whole, 0, sign, 0, 1);
        memcpy(p->out0 + i * SIZE, x, size), memcpy(p->out1 + i * SIZE, x + LANES, size);
    }
}

INLINE void NAME(rotate_pairs)(const FN(rope_pairs) *p, ptrdiff_t pairs, WIDE sign, int interleaved, int full_width)
{
    ptrdiff_t i = 0;
    for (; i + LANES <= pairs; i += LANES)
        NAME(rotate_vector)(p, i, sign, interleaved, full_width);
    if (i < pairs) {
        const FN(rope_pairs) rest = *p; /* so that *p can stay in registers */
        NAME(rotate_tail)(&rest, i, pairs - i, sign, interleaved);
    }
}

/* A row of which anything is strided: gather, rotate, scatter. */
static void NAME(rotate_strided)(const fastops_rope_rotate *s, const FN(rope_place) *at, WIDE sign, char *scratch)
{
    const ptrdiff_t pairs = s->pairs;
    const ptrdiff_t step = s->interleaved ? 2 : 1, partner = s->interleaved ? 1 : pairs;
    const ptrdiff_t entry = s->full_width ? step : 1, entry_partner = s->full_width ? partner : 0;
    char *part[ROPE_PARTS];
    for (int i = 0; i < ROPE_PARTS; i++)
        part[i] = scratch + i * FN(rope_part)(pairs, WIDE_SIZE);

    const char *x = at->x + s->start * s->x_lane;
    char *out = at->out + s->start * s->out_lane;
    copy_elements(part[0], SIZE, x, step * s->x_lane, pairs, sizeof(ELEMENT));
    copy_elements(part[1], SIZE, x + partner * s->x_lane, step * s->x_lane, pairs, sizeof(ELEMENT));
    copy_elements(part[2], WIDE_SIZE, at->cos, entry * s->cos_lane, pairs, sizeof(WIDE));
    copy_elements(part[3], WIDE_SIZE, at->cos + entry_partner * s->cos_lane, entry * s->cos_lane, pairs, sizeof(WIDE));
    copy_elements(part[4], WIDE_SIZE, at->sin, entry * s->sin_lane, pairs, sizeof(WIDE));
    copy_elements(part[5], WIDE_SIZE, at->sin + entry_partner * s->sin_lane, entry * s->sin_lane, pairs, sizeof(WIDE));
    const FN(rope_pairs) p = {part[0], part[1], part[0], part[1], part[2], part[3], part[4], part[5]};
    NAME(rotate_pairs)(&p, pairs, sign, 0, 1);
    copy_elements(out, step * s->out_lane, part[0], SIZE, pairs, sizeof(ELEMENT));
    copy_elements(out + partner * s->out_lane, step * s->out_lane, part[1], SIZE, pairs, sizeof(ELEMENT));
}

/* A row of which everything is dense (and the tables have one entry a pair, or pairs lie apart). */
INLINE void NAME(rotate_dense)(const fastops_rope_rotate *s, const FN(rope_place) *at, WIDE sign, int interleaved,
                               int full_width)
{
    const char *x = at->x + s->start * SIZE;
    char *out = at->out + s->start * SIZE;
    const ptrdiff_t partner = full_width ? s->pairs * WIDE_SIZE : 0;
    const FN(rope_pairs) p = {x, x + s->pairs * SIZE, out, out + s->pairs * SIZE,
                                at->cos, at->cos + partner, at->sin, at->sin + partner};
    NAME(rotate_pairs)(&p, s->pairs, sign, interleaved, full_width);
}

/* The lanes before and after the pairs. */
static void NAME(copy_rest)(const fastops_rope_rotate *s, const FN(rope_place) *at)
{
    const ptrdiff_t after = s->start + 2 * s->pairs;
    copy_elements(at->out, s->out_lane, at->x, s->x_lane, s->start, sizeof(ELEMENT));
    copy_elements(at->out + after * s->out_lane, s->out_lane, at->x + after * s->x_lane, s->x_lane, s->lanes - after,
                  sizeof(ELEMENT));
}

#define EACH_ROW(call)                                                                                                \
    for (ptrdiff_t i = 0;; FN(rope_move)(&at, s, last, 1)) {                                                          \
        call;                                                                                                         \
        if (rest)                                                                                                     \
            NAME(copy_rest)(s, &at);                                                                                  \
        if (++i == rows)                                                                                              \
            break;                                                                                                    \
    }

/* At least one row; they follow one another on the last axis. A loop for each kind: by cases, going from row to row costs
 * as much as 16 pairs. */
static void NAME(rotate_rows)(const fastops_rope_rotate *s, FN(rope_place) at, ptrdiff_t rows, char *scratch)
{
    const int last = s->ndim ? s->ndim - 1 : 0, rest = s->x != s->out && 2 * s->pairs < s->lanes;
    const WIDE sign = s->transpose ? -1 : 1;
    if (s->pairs == 0) /* so perhaps no table */
        EACH_ROW((void)sign)
    else if (!FN(rope_dense)(s, SIZE, WIDE_SIZE))
        EACH_ROW(NAME(rotate_strided)(s, &at, sign, scratch))
    else if (s->interleaved)
        EACH_ROW(NAME(rotate_dense)(s, &at, sign, 1, 0))
    else if (s->full_width)
        EACH_ROW(NAME(rotate_dense)(s, &at, sign, 0, 1))
    else
        EACH_ROW(NAME(rotate_dense)(s, &at, sign, 0, 0))
}

#undef EACH_ROW

static unsigned NAME(rope_rotate)(const void *args, const fastops_part *part)
{
    const fastops_rope_rotate *s = args;
    FN(rope_row) at;
    FN(rope_seek)(&at, s, part->begin);
    for (ptrdiff_t row = part->begin; row < part->end;) {
        const ptrdiff_t left = s->ndim ? s->shape[s->ndim - 1] - at.index[s->ndim - 1] : 1;
        const ptrdiff_t rows = left < part->end - row ? left : part->end - row;
        NAME(rotate_rows)(s, at.place, rows, part->scratch);
        FN(rope_advance)(&at, s, rows);
        row += rows;
    }
    return 0;
}

#undef NAME
#undef LOAD
#undef STORE_TWO
#undef SIZE
#undef WIDE_SIZE
