# SPDX-License-Identifier: BSD-3-Clause
# rope.table, rope.rotate, rope.rotate_qk

cdef extern from "numpy/arrayobject.h":
    cnp.ndarray PyArray_NewLikeArray(cnp.ndarray prototype, cnp.NPY_ORDER order, void *descr, int subok)

cdef double _ANGLE_LIMIT = 2147483648.0
cdef double _EXACT_INTEGERS = 9007199254740992.0


def rope_table(positions, frequencies, *, axes=None, dtype=np.float32, out=None):
    """Cosines and sines of one frequency a pair: the part of `fastops.rope.table` that is a kernel."""
    cdef fastops_rope_table s
    cdef cnp.ndarray position_array, inverse_array, axis_array, cosine, sine
    cdef fastops_type element
    cdef ptrdiff_t rows
    cdef int threads
    source = np.asarray(positions)
    if source.dtype.kind not in "iuf":
        raise TypeError(f"positions has dtype {source.dtype}; integers or real floats are needed")
    if not hasattr(frequencies, "inverse"):
        raise TypeError(f"frequencies must be a Frequencies object, got {type(frequencies).__name__}")
    inverse = np.asarray(frequencies.inverse)
    if inverse.ndim != 1 or inverse.dtype not in (np.float32, np.float64):
        raise ValueError(f"frequencies.inverse has shape {inverse.shape} and dtype {inverse.dtype}; "
                         "one axis of float64 or float32 is needed")
    table_dtype = np.dtype(dtype)
    if table_dtype not in (np.float32, np.float64):
        raise TypeError(f"dtype must be float32 or float64, got {table_dtype}")
    element = fastops_f32 if table_dtype == np.float32 else fastops_f64
    position_array = np.require(source, np.float64, ["C", "A"])
    inverse_array = np.require(inverse, np.float64, ["C", "A"])
    s.axes, s.coordinates = NULL, 1
    shape = source.shape
    if axes is not None:
        axis_array = _pair_axes(axes, source, inverse)
        s.axes, s.coordinates = <const ptrdiff_t *>cnp.PyArray_DATA(axis_array), shape[len(shape) - 1]
        shape = shape[:-1]
    _need_small_angles(source, position_array, inverse_array, None if axes is None else axis_array)
    cosine, sine = _table_results(out, shape + inverse.shape, table_dtype)
    s.positions = <const double *>cnp.PyArray_DATA(position_array)
    s.inverse = <const double *>cnp.PyArray_DATA(inverse_array)
    s.cos, s.sin = cnp.PyArray_DATA(cosine), cnp.PyArray_DATA(sine)
    s.pairs = cnp.PyArray_SIZE(inverse_array)
    rows = cnp.PyArray_SIZE(cosine) // s.pairs if s.pairs else 0
    s.factor = frequencies.attention_factor
    s.angle_in_f32 = inverse.dtype == np.float32
    with nogil:
        threads = fastops_plan(fastops_kernel_rope_table, rows * s.pairs * 8)
        fastops_run(fastops_kernel_rope_table, element, &s, rows, threads, NULL)
    return cosine, sine


cdef tuple _table_results(out, tuple shape, dtype):
    """The two arrays of out, if they can hold tables, or new ones."""
    if out is None:
        return np.empty(shape, dtype=dtype), np.empty(shape, dtype=dtype)
    if not isinstance(out, tuple) or len(out) != 2:
        raise TypeError(f"out must be a tuple of two arrays, got {_described(out)}")
    for name, array in zip(("out[0]", "out[1]"), out):
        _array(name, array)
        if array.dtype != dtype:
            raise TypeError(f"{name} has dtype {array.dtype}; {dtype} is needed")
        if array.shape != shape or not (array.flags.c_contiguous and array.flags.aligned):
            raise _shape_error(name, array, f"{shape} is needed, in C order and aligned")
        _need_writable(array, name)
    _need_apart(out[0], "out[0]", out[1], "out[1]")
    return out


cdef cnp.ndarray _pair_axes(axes, positions, inverse):
    """For each pair the coordinate that turns it."""
    axes = np.asarray(axes)
    if positions.ndim == 0:
        raise ValueError("positions has shape (); its last axis must hold the coordinates")
    if axes.dtype.kind not in "iu" and axes.size:
        raise TypeError(f"axes has dtype {axes.dtype}; integers are needed")
    if axes.shape != inverse.shape:
        raise ValueError(f"axes has shape {axes.shape}; {inverse.shape} is needed, one coordinate for each pair")
    if axes.size and not 0 <= axes.min() <= axes.max() < positions.shape[-1]:
        raise ValueError(f"axes goes from {axes.min()} to {axes.max()}; positions has {positions.shape[-1]} "
                         "coordinates")
    return np.require(axes, np.intp, ["C", "A"])


cdef int _need_small_angles(source, positions, inverse, axes) except -1:
    """Angles are below 2**31, and integers are held by float64."""
    if not positions.size or not inverse.size:
        return 0
    farthest = np.abs(positions).reshape(-1, 1 if axes is None else positions.shape[-1]).max(axis=0)
    if farthest.max() >= _EXACT_INTEGERS and source.dtype.kind != "f":
        raise ValueError(f"positions go up to {farthest.max()}: integers must be below 2**53, as float64 holds them")
    with np.errstate(over="ignore", invalid="ignore"):
        limit = np.max((farthest if axes is None else farthest[axes]) * np.abs(inverse))
    if not limit < _ANGLE_LIMIT:
        raise ValueError(f"positions go up to {farthest.max()}: position * frequency must be finite and below 2**31, "
                         f"got {limit}")
    return 0


# ---- rotate ---------------------------------------------------------------------------------------------------------

cdef ptrdiff_t _MOST_LANES = 1 << 40  # more than an array can have, few enough to be added up

ctypedef struct Rotation:
    # One array's call: the kernel's arguments and what run() needs beside them.
    fastops_rope_rotate args
    fastops_type type
    ptrdiff_t rows
    int threads
    void *memory
    void *scratch

ctypedef struct Table:
    # Cosines and sines; the last axis is that of pairs (or lanes).
    const char *cos
    const char *sin
    int cos_type, sin_type, ndim
    ptrdiff_t shape[64]
    ptrdiff_t cos_strides[64]
    ptrdiff_t sin_strides[64]


cdef int _fill_table(Table *t, cnp.ndarray cos, cnp.ndarray sin) except -1:
    cdef int d
    t.ndim, t.cos_type, t.sin_type = cnp.PyArray_NDIM(cos), cnp.PyArray_TYPE(cos), cnp.PyArray_TYPE(sin)
    if t.ndim == 0:
        raise _shape_error("cos", cos, "at least one axis is needed, the last one over pairs")
    if not cnp.PyArray_SAMESHAPE(cos, sin):
        raise _shape_error("sin", sin, f"{(<object>cos).shape} is needed, as cos has")
    t.cos, t.sin = <const char *>cnp.PyArray_DATA(cos), <const char *>cnp.PyArray_DATA(sin)
    for d in range(t.ndim):
        t.shape[d] = cnp.PyArray_DIM(cos, d)
        t.cos_strides[d], t.sin_strides[d] = cnp.PyArray_STRIDE(cos, d), cnp.PyArray_STRIDE(sin, d)
    return 0


cdef _table_shape(const Table *t):
    return tuple([t.shape[d] for d in range(t.ndim)])


cdef bint _is_interleaved(layout) except -1:
    return layout is not "half" and _choice("layout", layout, ("half", "interleaved"))


cdef int _rotation_options(Rotation *r, const Table *t, bint interleaved, start, bint inverse,
                           bint full_width) except -1:
    """Check what does not depend on the array that is rotated."""
    cdef ptrdiff_t width = t.shape[t.ndim - 1]
    if full_width and width % 2:
        raise ValueError(f"cos has shape {_table_shape(t)}; with full_width its last axis must be even, two lanes a "
                         "pair")
    r.args.interleaved, r.args.full_width, r.args.transpose = interleaved, full_width, inverse
    r.args.pairs = width // 2 if full_width else width
    first = start if type(start) is int else _integer("start", start)
    if first < 0:
        raise ValueError(f"start must be at least 0, got {start}")
    r.args.start = min(first, _MOST_LANES)
    return 0


cdef cnp.ndarray _rotation_of(Rotation *r, str name, cnp.ndarray x, str out_name, out, const Table *t):
    """Check one array against the tables, fill the rest of r, return the output."""
    cdef cnp.ndarray target
    cdef int ndim = cnp.PyArray_NDIM(x), wide, d
    cdef ptrdiff_t length, end = r.args.start + 2 * r.args.pairs
    r.type = _type(name, x, fastops_kernel_rope_rotate)
    wide = cnp.NPY_DOUBLE if r.type == fastops_f64 else cnp.NPY_FLOAT
    if t.cos_type != wide or t.sin_type != wide:
        which, other = ("cos", t.cos_type) if t.cos_type != wide else ("sin", t.sin_type)
        raise TypeError(f"{which} has dtype {cnp.PyArray_DescrFromType(other)}; "
                        f"{cnp.PyArray_DescrFromType(wide)} is needed to rotate {x.dtype}")
    if ndim < t.ndim:
        raise _shape_error(name, x, f"at least {t.ndim} axes are needed, as cos has")
    r.args.lanes = cnp.PyArray_DIM(x, ndim - 1)
    if end > r.args.lanes:
        raise _shape_error(name, x, f"its last axis must have at least start + rotary_dim = {end} lanes")
    for d in range(t.ndim - 1):
        length = t.shape[d]
        if length != 1 and length != cnp.PyArray_DIM(x, ndim - t.ndim + d):
            raise ValueError(f"cos has shape {_table_shape(t)}; its leading axes must broadcast against "
                             f"{(<object>x).shape[:-1]}, those of {name}")
    if out is None:
        target = PyArray_NewLikeArray(x, cnp.NPY_KEEPORDER, NULL, 0)
    elif out is x:
        target = x
        _need_writable(target, out_name)
    else:
        target = _array(out_name, out)
        _need_out(target, x, out_name, name)
        if not _same_memory(target, x):
            _need_apart(target, out_name, x, name)
    _fill_rotation(r, x, target, t)
    return target


cdef void _fill_rotation(Rotation *r, cnp.ndarray x, cnp.ndarray out, const Table *table) noexcept:
    cdef fastops_rope_rotate *s = &r.args
    cdef int last = cnp.PyArray_NDIM(x) - 1, table_last = table.ndim - 1, d, t, n = 0
    cdef ptrdiff_t length, x_stride, out_stride, cos_stride, sin_stride
    s.x, s.out = <char *>cnp.PyArray_DATA(x), <char *>cnp.PyArray_DATA(out)
    s.cos, s.sin = table.cos, table.sin
    s.x_lane, s.out_lane = cnp.PyArray_STRIDE(x, last), cnp.PyArray_STRIDE(out, last)
    s.cos_lane, s.sin_lane = table.cos_strides[table_last], table.sin_strides[table_last]
    r.rows = 1
    # An axis that continues the one inside it in all four arrays is merged with it.
    for d in range(last):
        length = cnp.PyArray_DIM(x, d)
        r.rows *= length
        if length == 1:
            continue
        t = d - (last - table_last)
        x_stride, out_stride = cnp.PyArray_STRIDE(x, d), cnp.PyArray_STRIDE(out, d)
        cos_stride = sin_stride = 0
        if t >= 0 and table.shape[t] > 1:
            cos_stride, sin_stride = table.cos_strides[t], table.sin_strides[t]
        if (n and s.x_strides[n - 1] == length * x_stride and s.out_strides[n - 1] == length * out_stride
                and s.cos_strides[n - 1] == length * cos_stride and s.sin_strides[n - 1] == length * sin_stride):
            n -= 1
            length *= s.shape[n]
        s.shape[n] = length
        s.x_strides[n], s.out_strides[n] = x_stride, out_stride
        s.cos_strides[n], s.sin_strides[n] = cos_stride, sin_stride
        n += 1
    s.ndim = n


cdef int _run_rotations(Rotation *rotations, int count) except -1:
    """Run one or two of them; all scratch is there before anything is written."""
    cdef Rotation *r
    cdef int i
    for i in range(count):
        rotations[i].memory = NULL
    try:
        for i in range(count):
            r = &rotations[i]
            r.threads = fastops_plan(fastops_kernel_rope_rotate, r.rows * r.args.pairs * 4 * _TYPE_SIZES[<int>r.type])
            _allocate(fastops_kernel_rope_rotate, r.type, &r.args, r.threads, &r.memory, &r.scratch)
        with nogil:
            for i in range(count):
                r = &rotations[i]
                fastops_run(fastops_kernel_rope_rotate, r.type, &r.args, r.rows, r.threads, r.scratch)
    finally:
        for i in range(count):
            free(rotations[i].memory)
    return 0


cdef tuple _rotate_two(const Table *t, cnp.ndarray q, cnp.ndarray k, bint interleaved, start, bint inverse,
                       bint full_width, out, cnp.ndarray cos, cnp.ndarray sin):
    """Both arrays, all checked before one is written. cos and sin: what out must not overlap, or None."""
    cdef Rotation r[2]
    cdef cnp.ndarray q_target, k_target
    q_out = k_out = None
    if out is not None:
        if not isinstance(out, tuple) or len(out) != 2:
            raise TypeError(f"out must be a tuple of two arrays, got {_described(out)}")
        q_out, k_out = out
    _rotation_options(&r[0], t, interleaved, start, inverse, full_width)
    _rotation_options(&r[1], t, interleaved, start, inverse, full_width)
    q_target = _rotation_of(&r[0], "q", q, "out[0]", q_out, t)
    k_target = _rotation_of(&r[1], "k", k, "out[1]", k_out, t)
    if out is not None:
        _need_apart(q_target, "out[0]", k_target, "out[1]")
        if q_target is not q or k_target is not k:
            _need_apart(q_target, "out[0]", k, "k")
            _need_apart(k_target, "out[1]", q, "q")
        if cos is not None:
            for target, name in (q_target, "out[0]"), (k_target, "out[1]"):
                _need_apart(target, name, cos, "cos")
                _need_apart(target, name, sin, "sin")
    _run_rotations(r, 2)
    return q_target, k_target


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
    every instruction set and for any number of threads, but for what a NaN carries that comes out of arithmetic.

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
    cdef Rotation r
    cdef Table t
    cdef cnp.ndarray cosine = _array("cos", cos), sine = _array("sin", sin), target
    _fill_table(&t, cosine, sine)
    _rotation_options(&r, &t, _is_interleaved(layout), start, inverse, full_width)
    target = _rotation_of(&r, "x", _array("x", x), "out", out, &t)
    if out is not None:
        _need_apart(target, "out", cosine, "cos")
        _need_apart(target, "out", sine, "sin")
    _run_rotations(&r, 1)
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
    cdef Table t
    cdef cnp.ndarray cosine = _array("cos", cos), sine = _array("sin", sin)
    cdef cnp.ndarray queries = _array("q", q), keys = _array("k", k)
    _fill_table(&t, cosine, sine)
    return _rotate_two(&t, queries, keys, _is_interleaved(layout), start, inverse, full_width, out, cosine, sine)
