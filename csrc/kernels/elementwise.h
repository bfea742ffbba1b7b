/* SPDX-License-Identifier: BSD-3-Clause
 * The loop of an elementwise kernel, included once per kernel and element type (it undefines its parameters):
 *   LOOP                   name of the loop
 *   INPUTS                 how many, 1 to FASTOPS_MAX_INPUTS
 *   IN, OUT                element types
 *   ELEMENT(x, events)     one result from the INPUTS values x[0], ...; may or events into *events
 *   BLOCK(in, out, level)  BLOCK_LENGTH(IN) results from INPUTS contiguous arrays, returns events; out may be one of
 *                          them. *level is kept from block to block, 0 at first. Without it: ELEMENT, one by one
 *   LOOPS                  where ELEMENT is a loop itself: no vectors are asked for
 *   HARMLESS               an input of which no event and no special case comes, to fill a short block
 *
 * Elements that are not in blocks are moved by memcpy: memory of IN may be that of OUT, which may be wider.
 */

/* One element is finished before the next is read. */
static unsigned JOIN(in_order_, LOOP)(const fastops_elementwise *s, ptrdiff_t begin, ptrdiff_t end)
{
    unsigned events = 0;
    for (ptrdiff_t i = begin; i < end; i++) {
        IN x[INPUTS];
        for (int k = 0; k < INPUTS; k++)
            memcpy(&x[k], s->in[k] + i * s->in_stride[k], sizeof(IN));
        const OUT r = ELEMENT(x, &events);
        memcpy(s->out + i * s->out_stride, &r, sizeof r);
    }
    return events;
}

/* A function, for the loop needs it twice. */
OUTLINE unsigned JOIN(block_, LOOP)(const IN *const in[INPUTS], OUT *out, int *level)
{
#ifdef BLOCK
    return BLOCK(in, out, level);
#else
    unsigned events = 0;
    (void)level;
#ifndef LOOPS
    INDEPENDENT
#endif
    for (int i = 0; i < BLOCK_LENGTH(IN); i++) {
        IN x[INPUTS];
        for (int k = 0; k < INPUTS; k++)
            x[k] = in[k][i];
        out[i] = ELEMENT(x, &events);
    }
    return events;
#endif
}

/* Blocks of which nothing but single numbers, the rows of copies, has to be copied: what most calls are. 35 cycles a block
 * of float32, where the search for what to copy makes them 45. */
INLINE unsigned JOIN(whole_, LOOP)(const fastops_elementwise *s, ptrdiff_t begin, ptrdiff_t blocks,
                                   IN copies[INPUTS][BLOCK_LENGTH(IN)], int *level)
{
    OUT *out = (OUT *)(s->out + begin * s->out_stride);
    const IN *in[INPUTS];
    unsigned events = 0;
    for (int k = 0; k < INPUTS; k++)
        in[k] = s->in_stride[k] ? (const IN *)(s->in[k] + begin * s->in_stride[k]) : copies[k];
    for (ptrdiff_t i = 0; i < blocks; i++, out += BLOCK_LENGTH(IN)) {
        events |= JOIN(block_, LOOP)(in, out, level);
        for (int k = 0; k < INPUTS; k++)
            in[k] += s->in_stride[k] ? BLOCK_LENGTH(IN) : 0;
    }
    return events;
}

static unsigned LOOP(const void *args, const fastops_part *part)
{
    enum { LENGTH = BLOCK_LENGTH(IN) };
    const fastops_elementwise *s = args;
    if (s->in_order)
        return JOIN(in_order_, LOOP)(s, part->begin, part->end);

    ptrdiff_t begin = part->begin;
    const ptrdiff_t end = part->end;
    const int out_dense = s->out_stride == (ptrdiff_t)sizeof(OUT), stream = s->stream && out_dense;
    int plain = out_dense && !stream, level = 0;
    unsigned events = 0;
    IN copies[INPUTS][LENGTH];
    _Alignas(64) OUT out_copy[LENGTH];
    for (int k = 0; k < INPUTS; k++) {
        IN fill = (IN)(HARMLESS);
        plain &= s->in_stride[k] == 0 || s->in_stride[k] == (ptrdiff_t)sizeof(IN);
        if (s->in_stride[k] == 0 && begin < end)
            memcpy(&fill, s->in[k], sizeof fill);
        for (int i = 0; i < LENGTH; i++)
            copies[k][i] = fill;
    }
    if (plain) {
        events = JOIN(whole_, LOOP)(s, begin, (end - begin) / LENGTH, copies, &level);
        begin += (end - begin) / LENGTH * LENGTH;
    }

    const char *at[INPUTS];
    char *out = s->out + begin * s->out_stride;
    ptrdiff_t to_aligned = stream ? (ptrdiff_t)(-(uintptr_t)out % 64 / sizeof(OUT)) : 0;
    for (int k = 0; k < INPUTS; k++)
        at[k] = s->in[k] + begin * s->in_stride[k];
    while (begin < end) {
        ptrdiff_t n = end - begin < LENGTH ? end - begin : LENGTH;
        if (to_aligned) {
            n = to_aligned < n ? to_aligned : n;
            to_aligned = 0;
        }
        const int whole = n == LENGTH, out_direct = whole && out_dense && !stream;
        const IN *in[INPUTS];
        for (int k = 0; k < INPUTS; k++) {
            const int direct = whole && s->in_stride[k] == (ptrdiff_t)sizeof(IN);
            in[k] = direct ? (const IN *)at[k] : copies[k];
            if (!direct && s->in_stride[k])
                for (ptrdiff_t i = 0; i < n; i++)
                    memcpy(&copies[k][i], at[k] + i * s->in_stride[k], sizeof(IN));
            at[k] += n * s->in_stride[k];
        }
        events |= JOIN(block_, LOOP)(in, out_direct ? (OUT *)out : out_copy, &level);
        if (whole && stream)
            stream_copy(out, out_copy, sizeof out_copy);
        else if (!out_direct)
            for (ptrdiff_t i = 0; i < n; i++)
                memcpy(out + i * s->out_stride, &out_copy[i], sizeof(OUT));
        begin += n, out += n * s->out_stride;
    }
    if (stream)
        stream_end();
    return events;
}

#undef LOOP
#undef INPUTS
#undef IN
#undef OUT
#undef ELEMENT
#undef BLOCK
#undef LOOPS
#undef HARMLESS
