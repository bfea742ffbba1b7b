/* SPDX-License-Identifier: BSD-3-Clause
 * mitchell_matmul for one element type, included in the pass of matmul_tile.h that has its wide type (it undefines its
 * parameters):
 *   NUMBER          name of the type
 *   ELEMENT, SUM    an element of A or B; of C
 *   READ(p)         LANES elements at p, as one register of patterns
 *   WRITE(p, x, add)  LANES sums to p, or added to what stands there
 *   SMALL           whether matmul_small.h takes it
 * Sums of several blocks are added up in C, or apart where C's type has no room for them. */

#define MY(name) FN_FOR(name, NUMBER)

/* n elements as patterns, and up to LANES - 1 zeros. */
INLINE void MY(read)(UINT *to, const char *from, ptrdiff_t stride, ptrdiff_t n)
{
    ptrdiff_t i = 0;
    if (stride == (ptrdiff_t)sizeof(ELEMENT))
        for (; i + LANES <= n; i += LANES, from += LANES * sizeof(ELEMENT)) {
            const UVEC x = READ(from);
            memcpy(to + i, &x, sizeof x);
        }
    for (; i < n; i += LANES, from += LANES * stride) {
        ELEMENT few[LANES] = {0};
        copy_elements((char *)few, sizeof(ELEMENT), from, stride, FN(smaller)(LANES, n - i), sizeof(ELEMENT));
        const UVEC x = READ((const char *)few);
        memcpy(to + i, &x, sizeof x);
    }
}

static FN(packed) MY(pack_panel)(const fastops_matmul *s, const FN(matmul_plan) *p, const char *a, ptrdiff_t rows,
                                 ptrdiff_t steps, __int128 constant, UINT *panel, NAME(list) *list)
{
    for (ptrdiff_t r = 0; r < rows; r++) {
        UINT *row = panel + r * p->pitch;
        MY(read)(row, a + r * s->a_row, s->a_column, steps);
        memset(row + steps, 0, (size_t)(p->pitch - steps) * sizeof(UINT));
    }
    memset(panel + rows * p->pitch, 0, (size_t)((GEMM_ROWS - rows) * p->pitch) * sizeof(UINT));
    const NAME(range) range = NAME(scan)(panel, GEMM_ROWS * p->pitch);
    const ptrdiff_t nonzeros = GEMM_ROWS * p->pitch - (ptrdiff_t)range.zeros;
    FN(packed) packed = NAME(packing_of)(range, constant, 0);
    if (packed.regular)
        NAME(encode)(panel, GEMM_ROWS * p->pitch, (UINT)packed.shift, ZERO_A);
    packed.sparse = packed.regular && nonzeros < GEMM_ROWS * (p->shape.block_k / SPARSE);
    if (packed.sparse)
        NAME(list_nonzeros)(panel, p->pitch, steps, list);
    return packed;
}

/* Strips of columns [0, columns) of B, one after the other; line holds a column. Whole rows of them at once, for each
 * row is a page of its own where rows are long. */
static void MY(read_strips)(const fastops_matmul *s, const char *b, ptrdiff_t columns, ptrdiff_t steps, UINT *line,
                            ptrdiff_t strip_size, UINT *strips)
{
    const int by_columns = s->b_row == (ptrdiff_t)sizeof(ELEMENT) && s->b_column != s->b_row;
    if (columns % WIDTH)
        memset(strips + columns / WIDTH * strip_size, 0, (size_t)(steps * WIDTH) * sizeof(UINT));
    for (ptrdiff_t c = 0; by_columns && c < columns; c++) {
        UINT *to = strips + c / WIDTH * strip_size + c % WIDTH;
        MY(read)(line, b + c * s->b_column, s->b_row, steps);
        for (ptrdiff_t k = 0; k < steps; k++)
            to[k * WIDTH] = line[k];
    }
    for (ptrdiff_t k = 0; !by_columns && k < steps; k++)
        for (ptrdiff_t c = 0; c < columns; c += WIDTH)
            MY(read)(strips + c / WIDTH * strip_size + k * WIDTH, b + k * s->b_row + c * s->b_column, s->b_column,
                     FN(smaller)(WIDTH, columns - c));
}

/* One tile of C, and of the sums apart if there are any. */
typedef struct {
    char *c;
    WIDE *sums;
    ptrdiff_t sums_row, rows, columns;
    int first, last; /* block of k */
} MY(place);

INLINE void MY(add_tile)(const fastops_matmul *s, const MY(place) *p, VEC sum[GEMM_ROWS][GEMM_VECS])
{
    const int add = !p->first && !p->sums;
    const int direct = p->columns == WIDTH && s->c_column == (ptrdiff_t)sizeof(SUM);
    for (ptrdiff_t r = 0; r < p->rows; r++) {
        char *c = p->c + r * s->c_row;
        WIDE *apart = p->sums ? p->sums + r * p->sums_row : NULL;
        SUM line[WIDTH] = {0};
        if (apart)
            for (int v = 0; v < GEMM_VECS; v++) {
                if (!p->first)
                    sum[r][v] += W(load)(apart + v * LANES);
                W(store)(apart + v * LANES, sum[r][v]);
            }
        if (apart && !p->last)
            continue;
        if (!direct && add)
            copy_elements((char *)line, sizeof(SUM), c, s->c_column, p->columns, sizeof(SUM));
        for (int v = 0; v < GEMM_VECS; v++)
            WRITE((direct ? c : (char *)line) + v * LANES * (ptrdiff_t)sizeof(SUM), sum[r][v], add);
        if (!direct)
            copy_elements(c, s->c_column, (char *)line, sizeof(SUM), p->columns, sizeof(SUM));
    }
}

/* Where in A, B and C a phase stands. */
typedef struct {
    ptrdiff_t k, steps, strip0, row0, rows;
} MY(block);

static void MY(pack_strips)(const fastops_matmul *s, const FN(matmul_plan) *p, MY(block) w, const fastops_part *part)
{
    const FN(gemm_shape) *g = &p->shape;
    const ptrdiff_t end = FN(smaller)(part->end, g->strips - w.strip0), strip_size = g->block_k * WIDTH;
    FN(packed) *packed = part->shared;
    UINT *strips = (UINT *)((char *)part->shared + p->strips_packed);
    UINT *line = (UINT *)((char *)part->scratch + p->panels_packed);
    for (ptrdiff_t i = part->begin; i < end; i += NAME(group)) {
        const ptrdiff_t count = FN(smaller)(NAME(group), end - i), column = (w.strip0 + i) * WIDTH;
        MY(read_strips)(s, s->b + w.k * s->b_row + column * s->b_column, FN(smaller)(count * WIDTH, g->n - column),
                        w.steps, line, strip_size, strips + i * strip_size);
        for (ptrdiff_t j = i; j < i + count; j++) {
            UINT *strip = strips + j * strip_size;
            packed[j] = NAME(packing_of)(NAME(scan)(strip, w.steps * WIDTH), 0, LOW);
            if (packed[j].regular)
                NAME(encode)(strip, w.steps * WIDTH, (UINT)packed[j].shift, ZERO_B);
        }
    }
}

/* Panel r (rows [row, row + GEMM_ROWS) of the span) times strip i. */
static void MY(finish)(const fastops_matmul *s, const FN(matmul_plan) *p, const MY(block) *w, ptrdiff_t r,
                       ptrdiff_t row, ptrdiff_t i, const fastops_part *part, VEC sum[GEMM_ROWS][GEMM_VECS])
{
    const FN(gemm_shape) *g = &p->shape;
    const ptrdiff_t column = (w->strip0 + i) * g->columns, across = g->together * g->columns;
    WIDE *sums = (WIDE *)((char *)part->shared + p->strips_packed + p->strips);
    const MY(place) place = {.c = s->c + (w->row0 + row) * s->c_row + column * s->c_column,
                             .sums = p->sums ? sums + row * across + i * WIDTH : NULL, .sums_row = across,
                             .rows = FN(smaller)(GEMM_ROWS, w->rows - row),
                             .columns = FN(smaller)(g->columns, g->n - column),
                             .first = w->k == 0, .last = w->k + w->steps == g->k};
    const FN(packed) pa = ((FN(packed) *)part->scratch)[r / GEMM_ROWS], pb = ((FN(packed) *)part->shared)[i];
    const UINT *panel = (const UINT *)((char *)part->scratch + p->panels_packed) + r * p->pitch;
    const UINT *strip = (const UINT *)((char *)part->shared + p->strips_packed) + i * g->block_k * WIDTH;
    if (NAME(fits)(pa, pb))
        NAME(unpack)(panel, p->pitch, strip, w->steps, pa, pb, place.rows, place.columns, sum);
    MY(add_tile)(s, &place, sum);
}

/* Rows [row, row + rows) of a span times the strips of a group: a panel stays in the L1 cache, and rows of C are
 * written a group wide (5 % faster than one strip after the other). */
static void MY(tiles)(const fastops_matmul *s, const FN(matmul_plan) *p, const MY(block) *w, ptrdiff_t row,
                      ptrdiff_t rows, ptrdiff_t i, ptrdiff_t count, const NAME(rule) *rule, const fastops_part *part)
{
    const ptrdiff_t strip_size = p->shape.block_k * WIDTH;
    const FN(packed) *pb = (const FN(packed) *)part->shared + i;
    const UINT *strips = (const UINT *)((const char *)part->shared + p->strips_packed) + i * strip_size;
    const char *panels = (const char *)part->scratch + p->panels_packed, *lists = panels + p->panels;
    for (ptrdiff_t r = 0; r < rows; r += GEMM_ROWS) {
        const UINT *panel = (const UINT *)panels + r * p->pitch;
        const FN(packed) pa = ((const FN(packed) *)part->scratch)[r / GEMM_ROWS];
        const int sparse = NAME(is_sparse)(pa, pb, count, rule);
        VEC sum[NAME(group)][GEMM_ROWS][GEMM_VECS];
        if (sparse)
            NAME(panel_sparse)((const NAME(list) *)(lists + r * (p->lists / p->shape.rows)), strips, strip_size, sum);
        for (ptrdiff_t j = 0; j < count; j++) {
            const UINT *strip = strips + j * strip_size;
            if (!NAME(fits)(pa, pb[j]))
                NAME(tile_checked)(panel, p->pitch, strip, w->steps, pa, pb[j], rule, sum[j]);
            else if (rule->correction)
                NAME(tile_corrected)(panel, p->pitch, strip, w->steps, rule, sum[j]);
            else if (!sparse)
                NAME(tile_packed)((const WIDE *)panel, p->pitch, (const WIDE *)strip, w->steps, sum[j]);
            MY(finish)(s, p, w, r, row + r, i + j, part, sum[j]);
        }
    }
}

static unsigned MY(mitchell_matmul)(const void *args, const fastops_part *part)
{
    const fastops_matmul *s = args;
    const FN(matmul_plan) p = FN(matmul_plan_of)(s, JOIN(fastops_, NUMBER), part->threads);
    const FN(gemm_shape) *g = &p.shape;
    const NAME(rule) rule = NAME(rule_of)(s, p.kind.mantissa);
    const ptrdiff_t block = part->phase / 2, k = block % g->k_blocks * g->block_k, across = block / g->k_blocks;
    MY(block) w = {.k = k, .steps = FN(smaller)(g->block_k, g->k - k),
                   .strip0 = across / g->spans * g->together, .row0 = across % g->spans * g->span};
    w.rows = FN(smaller)(g->span, g->m - w.row0);
    int *done = &((FN(packed) *)part->shared)->sparse; /* which no strip is */
    if (part->phase % 2 == 0) {
        if (SMALL && NAME(is_small)(s, &p, part->threads) &&
            NAME(small)(s, &p, &rule, (UINT *)((char *)part->scratch + p.panels_packed))) {
            *done = 1;
            return 0;
        }
        MY(pack_strips)(s, &p, w, part);
    } else if (SMALL && *done) {
        return 0;
    }
    for (ptrdiff_t i = part->begin; part->phase % 2 && i < part->end && i * g->rows < w.rows; i++) {
        const ptrdiff_t row = i * g->rows, rows = FN(smaller)(g->rows, w.rows - row);
        char *panels = (char *)part->scratch + p.panels_packed, *lists = panels + p.panels;
        for (ptrdiff_t r = 0; r < rows; r += GEMM_ROWS)
            ((FN(packed) *)part->scratch)[r / GEMM_ROWS] =
                MY(pack_panel)(s, &p, s->a + (w.row0 + row + r) * s->a_row + k * s->a_column,
                               FN(smaller)(GEMM_ROWS, rows - r), w.steps, rule.constant, (UINT *)panels + r * p.pitch,
                               (NAME(list) *)(lists + r * (p.lists / g->rows)));
        for (ptrdiff_t strip = 0; strip < g->together && w.strip0 + strip < g->strips; strip += NAME(group))
            MY(tiles)(s, &p, &w, row, rows, strip,
                      FN(smaller)(NAME(group), FN(smaller)(g->together, g->strips - w.strip0) - strip), &rule, part);
    }
    return 0;
}

#undef MY
#undef NUMBER
#undef ELEMENT
#undef SUM
#undef READ
#undef WRITE
