# SPDX-License-Identifier: BSD-3-Clause
# What a call of rope.Rotary does for a token at a time: no Python frame, no view, no table but the one that is kept.

@cython.auto_pickle(False)
cdef class RotaryCall:
    """The calls of `fastops.rope.Rotary`: those that the kept table answers, at once; `_call` has the others."""

    cdef cnp.ndarray _cos, _sin
    cdef ptrdiff_t _lanes
    cdef bint _interleaved

    def _keep(self, ptrdiff_t lanes, layout, cnp.ndarray cos, cnp.ndarray sin):
        """Answer calls on float32 and 16-bit arrays from these rows, of the positions 0, 1, 2, ..."""
        with cython.critical_section(self):  # which only a Python without GIL needs
            self._lanes, self._interleaved, self._cos, self._sin = lanes, _is_interleaved(layout), cos, sin

    cdef bint _answers(self, cnp.ndarray x, int tokens_axis, ptrdiff_t tokens) noexcept:
        cdef int last = cnp.PyArray_NDIM(x) - 1
        return (last >= 2 and cnp.PyArray_DIM(x, last) == self._lanes and cnp.PyArray_TYPE(x) != cnp.NPY_DOUBLE
                and cnp.PyArray_DIM(x, last + 1 + tokens_axis) == tokens and cnp.PyArray_ISNOTSWAPPED(x))

    def __call__(self, q, k=None, *, positions=None, offset=0, sequence_length=None, heads_axis=-2, inverse=False,
                 out=None):
        cdef Table t
        cdef cnp.ndarray cos, sin
        cdef ptrdiff_t first, tokens
        cdef int axis
        with cython.critical_section(self):
            cos, sin = self._cos, self._sin  # held: another thread may put longer ones in their place
        if (positions is None and sequence_length is None and type(offset) is int and type(heads_axis) is int
                and isinstance(q, cnp.ndarray) and (k is None or isinstance(k, cnp.ndarray)) and cos is not None
                and -4 < heads_axis < -1 and cnp.PyArray_NDIM(q) > 2):
            axis = -5 - <int>heads_axis
            tokens = cnp.PyArray_DIM(q, cnp.PyArray_NDIM(q) + axis)
            if (0 <= offset <= cnp.PyArray_DIM(cos, 0) - tokens and self._answers(q, axis, tokens)
                    and (k is None or self._answers(k, axis, tokens))):
                first = offset
                _fill_rows(&t, cos, sin, first, tokens, axis)
                return _rotate_one_or_two(&t, q, k, self._interleaved, inverse, out)
        return self._call(q, k, positions, offset, sequence_length, heads_axis, inverse, out)


cdef void _fill_rows(Table *t, cnp.ndarray cos, cnp.ndarray sin, ptrdiff_t first, ptrdiff_t tokens, int axis) noexcept:
    """Rows [first, first + tokens) of a kept table, as they meet arrays whose tokens stand along that axis."""
    cdef ptrdiff_t row = cnp.PyArray_STRIDE(cos, 0), lane = cnp.PyArray_STRIDE(cos, 1)
    cdef int pairs = -1 - axis
    t.cos, t.sin = <const char *>cnp.PyArray_DATA(cos) + first * row, <const char *>cnp.PyArray_DATA(sin) + first * row
    t.cos_type = t.sin_type = cnp.NPY_FLOAT
    t.ndim = pairs + 1
    t.shape[0], t.cos_strides[0], t.sin_strides[0] = tokens, row, row
    t.shape[1], t.cos_strides[1], t.sin_strides[1] = 1, 0, 0  # heads, where they stand between tokens and lanes
    t.shape[pairs], t.cos_strides[pairs], t.sin_strides[pairs] = cnp.PyArray_DIM(cos, 1), lane, lane


cdef _rotate_one_or_two(const Table *t, cnp.ndarray q, cnp.ndarray k, bint interleaved, bint inverse, out):
    cdef Rotation r
    if k is not None:
        return _rotate_two(t, q, k, interleaved, 0, inverse, False, out, None, None)
    _rotation_options(&r, t, interleaved, 0, inverse, False)
    target = _rotation_of(&r, "q", q, "out", out, t)
    _run_rotations(&r, 1)
    return target
