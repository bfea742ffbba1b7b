# SPDX-License-Identifier: BSD-3-Clause
# rope.table, rope.rotate, rope.rotate_qk

cdef extern from "numpy/arrayobject.h":
    cnp.ndarray PyArray_NewLikeArray(cnp.ndarray prototype, cnp.NPY_ORDER order, void *descr, int subok)

cdef double _ANGLE_LIMIT = 2147483648.0


def rope_table(positions, frequencies, *, dtype=np.float32):
    """Return the cosines and sines of a rotary embedding, one row a position.

    Parameters
    ----------
    positions : array_like of int or float, shape (...)
        Token positions; negative and fractional ones are allowed.
    frequencies : Frequencies
        As `frequencies` returns them.
    dtype : {float32, float64}
        Element type of the tables. Angles are reduced in float64 in both cases.

    Returns
    -------
    cos, sin : ndarray, shape positions.shape + (rotary_dim / 2,)
        Multiplied by ``frequencies.attention_factor``.

    Raises
    ------
    TypeError
        If `positions` are not real numbers, or `dtype` is another one.
    ValueError
        If a position is not finite, or an angle would be 2**31 or more.

    Notes
    -----
    Angles are ``positions * frequencies.inverse``. With float32 frequencies they are rounded to float32 before cosine
    and sine are taken, which is what most frameworks compute; with float64 frequencies the tables are right to
    float32's rounding for any position below 2**24.

    Source: J. Su et al., RoFormer (2021).

    Examples
    --------
    >>> import numpy as np
    >>> from fastops import rope
    >>> cos, sin = rope.table(np.arange(3), rope.frequencies(4))
    >>> cos.shape
    (3, 2)
    >>> sin[:, 0].round(4).tolist()
    [0.0, 0.8414999842643738, 0.9093000292778015]
    """
    cdef fastops_rope_table s
    cdef cnp.ndarray position_array, inverse_array, cosine, sine
    cdef fastops_type type
    cdef ptrdiff_t rows
    cdef int threads
    source = np.asarray(positions)
    if source.dtype.kind not in "iuf":
        raise TypeError(f"positions has dtype {source.dtype}; integers or real floats are needed")
    inverse = np.asarray(frequencies.inverse)
    if inverse.ndim != 1 or inverse.dtype not in (np.float32, np.float64):
        raise ValueError(f"frequencies.inverse has shape {inverse.shape} and dtype {inverse.dtype}; "
                         "one axis of float64 or float32 is needed")
    table_dtype = np.dtype(dtype)
    if table_dtype not in (np.float32, np.float64):
        raise TypeError(f"dtype must be float32 or float64, got {table_dtype}")
    type = fastops_f32 if table_dtype == np.float32 else fastops_f64
    position_array = np.ascontiguousarray(source, dtype=np.float64)
    inverse_array = np.ascontiguousarray(inverse, dtype=np.float64)
    if position_array.size and inverse_array.size:
        limit = np.abs(position_array).max() * np.abs(inverse_array).max()
        if not limit < _ANGLE_LIMIT:
            raise ValueError(f"positions go up to {np.abs(position_array).max()}: position * frequency must be finite "
                             f"and below 2**31, got {limit}")
    cosine = np.empty(source.shape + inverse.shape, dtype=table_dtype)
    sine = np.empty(source.shape + inverse.shape, dtype=table_dtype)
    rows = cnp.PyArray_SIZE(position_array)
    s.positions = <const double *>cnp.PyArray_DATA(position_array)
    s.inverse = <const double *>cnp.PyArray_DATA(inverse_array)
    s.cos, s.sin = cnp.PyArray_DATA(cosine), cnp.PyArray_DATA(sine)
    s.pairs = cnp.PyArray_SIZE(inverse_array)
    s.factor = frequencies.attention_factor
    s.angle_in_f32 = inverse.dtype == np.float32
    with nogil:
        threads = fastops_plan(fastops_kernel_rope_table, rows * s.pairs * 8)
        fastops_run(fastops_kernel_rope_table, type, &s, rows, threads, NULL)
    return cosine, sine


cdef class _Rotation:
    """The options and tables of one call: checked once, for one or two arrays."""
    cdef cnp.ndarray cos, sin
    cdef ptrdiff_t start, rotary_dim
    cdef bint interleaved, full_width, transpose
    cdef int table_dims

    def __cinit__(self, cos, sin, layout, start, inverse, full_width):
        self.cos, self.sin = _array("cos", cos), _array("sin", sin)
        self.table_dims = cnp.PyArray_NDIM(self.cos)
        if self.table_dims == 0:
            raise _shape_error("cos", self.cos, "at least one axis is needed, the last one over pairs")
        if not cnp.PyArray_SAMESHAPE(self.cos, self.sin):
            raise _shape_error("sin", self.sin, f"{cos.shape} is needed, as cos has")
        self.interleaved = layout == "interleaved" or (layout != "half" and _choice("layout", layout, ("half", "interleaved")))
        self.full_width = full_width
        self.transpose = inverse
        self.rotary_dim = cnp.PyArray_DIM(self.cos, self.table_dims - 1)
        if not self.full_width:
            self.rotary_dim *= 2
        elif self.rotary_dim % 2:
            raise _shape_error("cos", self.cos, "with full_width its last axis must be even, two lanes a pair")
        start_index = _integer("start", start)
        if start_index < 0:
            raise ValueError(f"start must be at least 0, got {start_index}")
        self.start = start_index

    cdef cnp.ndarray prepare(self, str name, x, out, str out_name, fastops_rope_rotate *s, fastops_type *type,
                             ptrdiff_t *rows):
        """Check one array against the tables, fill the kernel's arguments, return the output."""
        cdef cnp.ndarray source = _array(name, x), target
        cdef int ndim = cnp.PyArray_NDIM(source), wide, d, table_axis
        type[0] = _type(name, source, fastops_kernel_rope_rotate)
        wide = cnp.NPY_DOUBLE if type[0] == fastops_f64 else cnp.NPY_FLOAT
        if cnp.PyArray_TYPE(self.cos) != wide or cnp.PyArray_TYPE(self.sin) != wide:
            _need_dtype("cos", self.cos, wide, f"to rotate {source.dtype}")
            _need_dtype("sin", self.sin, wide, f"to rotate {source.dtype}")
        if ndim < self.table_dims:
            raise _shape_error(name, source, f"at least {self.table_dims} axes are needed, as cos has")
        s.lanes = cnp.PyArray_DIM(source, ndim - 1)
        if self.start + self.rotary_dim > s.lanes:
            raise _shape_error(name, source, f"its last axis must be at least start + rotary_dim = "
                                             f"{self.start + self.rotary_dim} long")
        for d in range(self.table_dims - 1):
            table_axis = cnp.PyArray_DIM(self.cos, d)
            if table_axis != 1 and table_axis != cnp.PyArray_DIM(source, ndim - self.table_dims + d):
                raise _shape_error("cos", self.cos, f"its leading axes must broadcast against those of {name}, "
                                                    f"{x.shape[:-1]}")
        if out is None:
            target = PyArray_NewLikeArray(source, cnp.NPY_KEEPORDER, NULL, 0)
        else:
            target = _array(out_name, out)
            _need_out(target, source, out_name, name)
            if not _same_memory(target, source):
                _need_apart(target, out_name, source, name)
            _need_apart(target, out_name, self.cos, "cos")
            _need_apart(target, out_name, self.sin, "sin")
        self.fill(source, target, s, rows)
        return target

    cdef void fill(self, cnp.ndarray x, cnp.ndarray out, fastops_rope_rotate *s, ptrdiff_t *rows):
        cdef int ndim = cnp.PyArray_NDIM(x), d, last = ndim - 1, t, n = 0, table_last = self.table_dims - 1
        cdef ptrdiff_t length, x_stride, out_stride, cos_stride, sin_stride
        s.x, s.out = <char *>cnp.PyArray_DATA(x), <char *>cnp.PyArray_DATA(out)
        s.cos, s.sin = <char *>cnp.PyArray_DATA(self.cos), <char *>cnp.PyArray_DATA(self.sin)
        s.start, s.pairs = self.start, self.rotary_dim // 2
        s.interleaved, s.full_width, s.transpose = self.interleaved, self.full_width, self.transpose
        s.x_lane, s.out_lane = cnp.PyArray_STRIDE(x, last), cnp.PyArray_STRIDE(out, last)
        s.cos_lane, s.sin_lane = cnp.PyArray_STRIDE(self.cos, table_last), cnp.PyArray_STRIDE(self.sin, table_last)
        rows[0] = 1
        # Innermost axis last; an axis that continues the one inside it in all four arrays is merged with it.
        for d in range(last):
            length = cnp.PyArray_DIM(x, d)
            rows[0] *= length
            if length == 1:
                continue
            t = d - (last - table_last)
            x_stride, out_stride = cnp.PyArray_STRIDE(x, d), cnp.PyArray_STRIDE(out, d)
            cos_stride = sin_stride = 0
            if t >= 0 and cnp.PyArray_DIM(self.cos, t) > 1:
                cos_stride, sin_stride = cnp.PyArray_STRIDE(self.cos, t), cnp.PyArray_STRIDE(self.sin, t)
            if (n and s.x_strides[n - 1] == length * x_stride and s.out_strides[n - 1] == length * out_stride
                    and s.cos_strides[n - 1] == length * cos_stride and s.sin_strides[n - 1] == length * sin_stride):
                n -= 1
                length *= s.shape[n]
            s.shape[n] = length
            s.x_strides[n], s.out_strides[n], s.cos_strides[n], s.sin_strides[n] = (
                x_stride, out_stride, cos_stride, sin_stride)
            n += 1
        s.ndim = n


cdef int _run_rotation(fastops_rope_rotate *s, fastops_type type, ptrdiff_t rows) except -1:
    cdef void *memory
    cdef void *scratch
    cdef ptrdiff_t size = 8 if type == fastops_f64 else 4 if type == fastops_f32 else 2
    cdef int threads = fastops_plan(fastops_kernel_rope_rotate, rows * s.pairs * 4 * size)
    _allocate(fastops_kernel_rope_rotate, type, s, threads, &memory, &scratch)
    with nogil:
        fastops_run(fastops_kernel_rope_rotate, type, s, rows, threads, scratch)
    free(memory)
    return 0


def rope_rotate(x, cos, sin, *, layout="half", start=0, inverse=False, full_width=False, out=None):
    """Rotate pairs of lanes of x by the angles whose cosines and sines are given.

    Parameters
    ----------
    x : ndarray of float32, float64, float16 or bfloat16, shape (..., d)
        Any strides.
    cos, sin : ndarray, shape (..., rotary_dim / 2)
        As `table` returns them; they broadcast against ``x[..., :rotary_dim // 2]``. float64 for float64 `x`, else
        float32.
    layout : {"half", "interleaved"}
        Lane i is paired with lane i + rotary_dim / 2 (GPT-NeoX, Llama in Hugging Face's layout), or lane 2 i with
        lane 2 i + 1 (GPT-J, RoFormer).
    start : int
        First of the rotary_dim lanes; lanes outside keep their bits.
    inverse : bool
        Apply the transpose: the gradient of the rotation, and its inverse where cos**2 + sin**2 = 1.
    full_width : bool
        `cos` and `sin` have one entry a lane instead of one a pair: rotary_dim is then ``cos.shape[-1]``.
    out : ndarray, optional
        Where to write; may be `x` itself. Must not overlap `x` otherwise.

    Returns
    -------
    ndarray
        `out`, or a new array like `x`.

    Raises
    ------
    TypeError
        If an argument is not an array or has another dtype.
    ValueError
        If shapes do not fit, `layout` is unknown, `out` is read-only or overlaps an input. Nothing is written then.
    MemoryError
        If there is no memory for the result.

    Notes
    -----
    16-bit elements are computed in float32 and rounded once. No fused multiply-add is used: the bits are the same on
    every instruction set and for any number of threads.

    Source: J. Su et al., RoFormer (2021).

    Examples
    --------
    >>> import numpy as np
    >>> from fastops import rope
    >>> x = np.ones((3, 4), dtype=np.float32)
    >>> cos, sin = rope.table(np.arange(3), rope.frequencies(4))
    >>> y = rope.rotate(x, cos, sin)
    >>> np.allclose(np.linalg.norm(y, axis=-1), 2)
    True
    >>> np.allclose(rope.rotate(y, cos, sin, inverse=True), x)
    True
    """
    cdef fastops_rope_rotate s
    cdef fastops_type type
    cdef ptrdiff_t rows
    cdef _Rotation rotation = _Rotation(cos, sin, layout, start, inverse, full_width)
    target = rotation.prepare("x", x, out, "out", &s, &type, &rows)
    _run_rotation(&s, type, rows)
    return target


def rope_rotate_qk(q, k, cos, sin, *, layout="half", start=0, inverse=False, full_width=False, out=None):
    """Rotate queries and keys by the same angles, in one call.

    Parameters
    ----------
    q : ndarray, shape (..., d)
    k : ndarray, shape (..., d)
        May differ from `q` in any leading axis against which `cos` broadcasts, such as the number of heads. Both may
        be views of one packed buffer.
    cos, sin, layout, start, inverse, full_width
        As for `rotate`.
    out : tuple of two ndarray, optional
        Where to write; ``(q, k)`` rotates in place.

    Returns
    -------
    q, k : ndarray
        The arrays of `out`, or new ones.

    Raises
    ------
    TypeError, ValueError, MemoryError
        As for `rotate`; nothing is written to either output then.

    Examples
    --------
    >>> import numpy as np
    >>> from fastops import rope
    >>> q, k = np.ones((5, 8, 64), np.float32), np.ones((5, 2, 64), np.float32)
    >>> cos, sin = rope.table(np.arange(5)[:, None], rope.frequencies(64))
    >>> q, k = rope.rotate_qk(q, k, cos, sin, out=(q, k))
    >>> np.array_equal(q[:, 0], k[:, 0])
    True
    """
    cdef fastops_rope_rotate sq, sk
    cdef fastops_type q_type, k_type
    cdef ptrdiff_t q_rows, k_rows
    cdef cnp.ndarray q_target, k_target
    cdef _Rotation rotation = _Rotation(cos, sin, layout, start, inverse, full_width)
    q_out = k_out = None
    if out is not None:
        if not isinstance(out, tuple) or len(out) != 2:
            raise TypeError(f"out must be a tuple of two arrays, got {type(out).__name__}")
        q_out, k_out = out
    q_target = rotation.prepare("q", q, q_out, "out[0]", &sq, &q_type, &q_rows)
    k_target = rotation.prepare("k", k, k_out, "out[1]", &sk, &k_type, &k_rows)
    if out is not None:
        _need_apart(q_target, "out[0]", k_target, "out[1]")
        _need_apart(q_target, "out[0]", k, "k")
        _need_apart(k_target, "out[1]", q, "q")
    _run_rotation(&sq, q_type, q_rows)
    _run_rotation(&sk, k_type, k_rows)
    return q_target, k_target
