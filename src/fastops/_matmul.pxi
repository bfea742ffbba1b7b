# SPDX-License-Identifier: BSD-3-Clause
# mitchell.matmul

_MATMUL_METHODS = ("mitchell", "offset", "lmul", "mbm")
cdef double _LMUL_OFFSET = 0.0625  # 2**-4: that of all formats of more than 4 bits


def mitchell_matmul(a, b, /, out=None, *, method="mitchell", offset=0.0):
    """Return the matrix product of a and b with Mitchell's products.

    Parameters
    ----------
    a, b : ndarray of float32, float64, float16, bfloat16, int8, uint8 or int16, of one dtype
        Shapes as for `numpy.matmul`: (..., m, k) and (..., k, n) with leading axes that broadcast; a 1-D operand is a
        row (`a`) or a column (`b`) whose axis the result lacks.
    out : ndarray, optional
        Where to write. Must not overlap an input.
    method : {"mitchell", "offset", "lmul", "mbm"}
        Which product: that of `multiply`, `multiply_offset`, `multiply_lmul` or `multiply_mbm`. Integers have the first
        only.
    offset : float
        The constant of "offset", in the log domain, rounded to the operands' type. It costs no time.

    Returns
    -------
    ndarray
        `out`, or a new array: of the same type for floats, int32 for int8 and uint8, int64 for int16.

    Raises
    ------
    TypeError
        If an operand is not an array, or dtypes differ or are not supported.
    ValueError
        If shapes do not fit, `method` is unknown or not for this type, `offset` is not finite or given with another
        method, or `out` is read-only or overlaps an input. Nothing is written then.
    MemoryError
        If there is no memory for the result or for packing (less than 16 MB).

    Notes
    -----
    Products of floats are those of the ufunc, special values included, and are added in the operands' type, float32 for
    16-bit floats: along k in blocks of 512, each from its first product on in order of k; the sums of the blocks are
    added in order. So the bits are the same on every instruction set and for any number of threads. A sum that is not
    a number is the one quiet NaN. Products of 16-bit floats have float32's range of exponents, and the sum is rounded
    once. Integers are exact, modulo 2**32 or 2**64.

    On sums of products of one sign the result is about 3.8 % too small: Mitchell's product never exceeds the true one.

    Source: J. N. Mitchell, Computer multiplication and division using binary logarithms (1962); for the other methods
    see their ufuncs.

    Examples
    --------
    >>> import numpy as np
    >>> from fastops import mitchell
    >>> a = np.array([[1.5, 2.0]], dtype=np.float32)
    >>> mitchell.matmul(a, a.T)  # 2 + 4, where 2.25 + 4 is true
    array([[6.]], dtype=float32)
    """
    cdef cnp.ndarray left = _array("a", a), right = _array("b", b), result
    cdef fastops_type type = _type("a", left, fastops_kernel_mitchell_matmul)
    cdef Batch batch
    cdef fastops_matmul s
    cdef int d, sum_type
    _type("b", right, fastops_kernel_mitchell_matmul)
    if cnp.PyArray_TYPE(left) != cnp.PyArray_TYPE(right):
        raise TypeError(f"b has dtype {right.dtype}; {left.dtype} is needed, as a has")
    _choose_product(&s, type, left, method, offset)
    _fit_operands(&s, &batch, left, right)
    shape = tuple([batch.counts[d] for d in range(batch.axes)])
    if left.ndim > 1:
        shape += (s.m,)
    if right.ndim > 1:
        shape += (s.n,)
    sum_type = (cnp.NPY_INT32 if type in (fastops_i8, fastops_u8) else cnp.NPY_INT64 if type == fastops_i16
                else cnp.PyArray_TYPE(left))
    result = _result(out, shape, sum_type, (("a", left), ("b", right)))
    s.c, s.c_row, s.c_column = <char *>cnp.PyArray_DATA(result), 0, 0
    for d in range(batch.axes):
        batch.c[d] = cnp.PyArray_STRIDE(result, d)
    d = batch.axes
    if left.ndim > 1:
        s.c_row = cnp.PyArray_STRIDE(result, d)
        d += 1
    if right.ndim > 1:
        s.c_column = cnp.PyArray_STRIDE(result, d)
    if cnp.PyArray_SIZE(result) > 0:
        if s.k > 0:
            _multiply_matrices(type, &s, &batch)
        else:
            result[...] = 0
    return result if shape or out is not None else result[()]


# Leading axes: how many, their lengths, and the operands' and the result's strides.
ctypedef struct Batch:
    int axes
    ptrdiff_t counts[64]
    ptrdiff_t a[64]
    ptrdiff_t b[64]
    ptrdiff_t c[64]


cdef int _choose_product(fastops_matmul *s, fastops_type type, cnp.ndarray a, method, offset) except -1:
    cdef int index = _choice("method", method, _MATMUL_METHODS)
    s.offset, s.mbm = 0, False
    if index == 0 and offset == 0.0:
        return 0
    if index != 0 and type in (fastops_i8, fastops_u8, fastops_i16):
        raise ValueError(f"method {method!r} is for floats; a has dtype {a.dtype}, which has 'mitchell' only")
    if not isinstance(offset, (int, float, np.floating, np.integer)):
        raise TypeError(f"offset must be a number, got {_described(offset)}")
    if index != 1 and offset != 0:
        raise ValueError(f"offset goes with method 'offset', got {offset} with method {method!r}")
    with np.errstate(over="ignore"):
        s.offset = float(np.asarray(offset).astype(a.dtype))  # as the ufunc has it
    if not -INFINITY < s.offset < INFINITY:
        raise ValueError(f"offset must be finite as {a.dtype}, got {offset}")
    if index == 2:
        s.offset = _LMUL_OFFSET
    s.mbm = index == 3
    return 0


cdef int _fit_operands(fastops_matmul *s, Batch *batch, cnp.ndarray a, cnp.ndarray b) except -1:
    """Shapes and strides of the operands, a 1-D one as a row or column."""
    cdef int a_axes = cnp.PyArray_NDIM(a), b_axes = cnp.PyArray_NDIM(b), d, a_axis, b_axis
    cdef ptrdiff_t a_count, b_count
    if a_axes == 0 or b_axes == 0:
        raise _shape_error("b" if a_axes else "a", b if a_axes else a, "at least one axis is needed")
    s.a, s.b = <char *>cnp.PyArray_DATA(a), <char *>cnp.PyArray_DATA(b)
    s.m, s.a_row, s.n, s.b_column = 1, 0, 1, 0
    if a_axes > 1:
        s.m, s.a_row = cnp.PyArray_DIM(a, a_axes - 2), cnp.PyArray_STRIDE(a, a_axes - 2)
    if b_axes > 1:
        s.n, s.b_column = cnp.PyArray_DIM(b, b_axes - 1), cnp.PyArray_STRIDE(b, b_axes - 1)
    s.k, s.a_column = cnp.PyArray_DIM(a, a_axes - 1), cnp.PyArray_STRIDE(a, a_axes - 1)
    d = b_axes - 2 if b_axes > 1 else 0
    s.b_row = cnp.PyArray_STRIDE(b, d)
    if cnp.PyArray_DIM(b, d) != s.k:
        raise _shape_error("b", b, f"its axis of products must be {s.k} long, as the last one of a")
    batch.axes = max(a_axes, b_axes, 2) - 2
    for d in range(batch.axes):
        a_axis, b_axis = d - batch.axes + a_axes - 2, d - batch.axes + b_axes - 2
        a_count = cnp.PyArray_DIM(a, a_axis) if a_axis >= 0 else 1
        b_count = cnp.PyArray_DIM(b, b_axis) if b_axis >= 0 else 1
        if a_count != b_count and a_count != 1 and b_count != 1:
            raise _shape_error("b", b, f"its leading axes must broadcast against those of a, {(<object>a).shape[:-2]}")
        batch.counts[d] = b_count if a_count == 1 else a_count
        batch.a[d] = cnp.PyArray_STRIDE(a, a_axis) if a_count != 1 else 0
        batch.b[d] = cnp.PyArray_STRIDE(b, b_axis) if b_count != 1 else 0
    return 0


cdef int _multiply_matrices(fastops_type type, fastops_matmul *s, Batch *batch) except -1:
    """c = a b for every index of the batch. No size is 0."""
    cdef ptrdiff_t[64] index
    cdef int d, threads = fastops_plan(fastops_kernel_mitchell_matmul, s.m * s.n * s.k)
    cdef void *memory
    cdef void *scratch
    for d in range(batch.axes):
        index[d] = 0
    _allocate(fastops_kernel_mitchell_matmul, type, s, threads, &memory, &scratch)
    with nogil:
        d = 0
        while d >= 0:
            fastops_run(fastops_kernel_mitchell_matmul, type, s, 0, threads, scratch)
            d = batch.axes - 1
            while d >= 0:
                s.a += batch.a[d]
                s.b += batch.b[d]
                s.c += batch.c[d]
                index[d] += 1
                if index[d] < batch.counts[d]:
                    break
                index[d] = 0
                s.a -= batch.counts[d] * batch.a[d]
                s.b -= batch.counts[d] * batch.b[d]
                s.c -= batch.counts[d] * batch.c[d]
                d -= 1
    free(memory)
    return 0
