/* SPDX-License-Identifier: BSD-3-Clause
 * The loop of an elementwise binary kernel, included once per kernel and element type (it undefines its parameters):
 *   LOOP              name of the loop
 *   IN, OUT           element types
 *   ELEMENT(a, b, e)  one result; may or events into *e
 *   BLOCK(a, b, out)  BLOCK_LENGTH(IN) results from contiguous arrays, returns events; out may be a or b
 *   HARMLESS          an input of which no event and no special case comes, to fill a short block
 */

static unsigned LOOP(const void *args, const fastops_part *part)
{
    enum { LENGTH = BLOCK_LENGTH(IN) };
    const fastops_binary *s = args;
    ptrdiff_t begin = part->begin;
    const ptrdiff_t end = part->end;
    const char *a = s->a + begin * s->a_stride, *b = s->b + begin * s->b_stride;
    char *out = s->out + begin * s->out_stride;
    unsigned events = 0;

    if (s->in_order) {
        for (; begin < end; begin++, a += s->a_stride, b += s->b_stride, out += s->out_stride)
            *(OUT *)out = ELEMENT(*(const IN *)a, *(const IN *)b, &events);
        return events;
    }

    IN a_copy[LENGTH], b_copy[LENGTH];
    _Alignas(64) OUT out_copy[LENGTH];
    for (int i = 0; i < LENGTH; i++) {
        a_copy[i] = s->a_stride == 0 && begin < end ? *(const IN *)a : (IN)(HARMLESS);
        b_copy[i] = s->b_stride == 0 && begin < end ? *(const IN *)b : (IN)(HARMLESS);
    }
    const int out_dense = s->out_stride == (ptrdiff_t)sizeof(OUT);
    const int stream = s->stream && out_dense;
    ptrdiff_t to_aligned = stream ? (ptrdiff_t)(-(uintptr_t)out % 64 / sizeof(OUT)) : 0;

    while (begin < end) {
        ptrdiff_t n = end - begin < LENGTH ? end - begin : LENGTH;
        if (to_aligned) {
            n = to_aligned < n ? to_aligned : n;
            to_aligned = 0;
        }
        const int whole = n == LENGTH;
        const int a_direct = whole && s->a_stride == (ptrdiff_t)sizeof(IN);
        const int b_direct = whole && s->b_stride == (ptrdiff_t)sizeof(IN);
        const int out_direct = whole && out_dense && !stream;
        if (!a_direct && s->a_stride)
            for (ptrdiff_t i = 0; i < n; i++)
                a_copy[i] = *(const IN *)(a + i * s->a_stride);
        if (!b_direct && s->b_stride)
            for (ptrdiff_t i = 0; i < n; i++)
                b_copy[i] = *(const IN *)(b + i * s->b_stride);
        events |= BLOCK(a_direct ? (const IN *)a : a_copy, b_direct ? (const IN *)b : b_copy,
                        out_direct ? (OUT *)out : out_copy);
        if (whole && stream)
            stream_copy(out, out_copy, sizeof out_copy);
        else if (!out_direct)
            for (ptrdiff_t i = 0; i < n; i++)
                *(OUT *)(out + i * s->out_stride) = out_copy[i];
        begin += n, a += n * s->a_stride, b += n * s->b_stride, out += n * s->out_stride;
    }
    if (stream)
        stream_end();
    return events;
}

#undef LOOP
#undef IN
#undef OUT
#undef ELEMENT
#undef BLOCK
#undef HARMLESS
