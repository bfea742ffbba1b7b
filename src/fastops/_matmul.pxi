# SPDX-License-Identifier: BSD-3-Clause
# mitchell.matmul

def mitchell_matmul(a, b, /, out=None, *, method="mitchell"):
    """Return the matrix product of a and b with Mitchell's products.

    Parameters
    ----------
    a, b : ndarray of float32 or float64, of one dtype
        Shapes as for `numpy.matmul`: (..., m, k) and (..., k, n) with leading axes that broadcast; a 1-D operand is a
        row (`a`) or a column (`b`) whose axis the result lacks.
    out : ndarray, optional
        Where to write. Must not overlap an input.
    method : {"mitchell"}
        Which product.

    Returns
    -------
    ndarray
        `out`, or a new array.

    Raises
    ------
    TypeError
        If an operand is not an array, or dtypes differ or are not supported.
    ValueError
        If shapes do not fit, `method` is unknown, or `out` is read-only or overlaps an input. Nothing is written then.
    MemoryError
        If there is no memory for the result or for packing (less than 16 MB).

    Notes
    -----
    Products are those of `multiply`, special values included, and are added in the operands' type: along k in blocks of
    512, each from its first product on in order of k; the sums of the blocks are added in order. So the bits are the
    same on every instruction set and for any number of threads. A sum that is not a number is the one quiet NaN.

    On sums of products of one sign the result is about 3.8 % too small: Mitchell's product never exceeds the true one.

    Source: J. N. Mitchell, Computer multiplication and division using binary logarithms (1962).

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
    _choice("method", method, ("mitchell",))
    _type("b", right, fastops_kernel_mitchell_matmul)
    if cnp.PyArray_TYPE(left) != cnp.PyArray_TYPE(right):
        raise TypeError(f"b has dtype {right.dtype}; {left.dtype} is needed, as a has")
    if left.ndim == 0 or right.ndim == 0:
        raise _shape_error("b" if left.ndim else "a", right if left.ndim else left, "at least one axis is needed")
    rows = left.reshape((1, -1)) if left.ndim == 1 else left
    columns = right.reshape((-1, 1)) if right.ndim == 1 else right
    if rows.shape[-1] != columns.shape[-2]:
        raise _shape_error("b", right, f"its axis of products must be {rows.shape[-1]} long, as the last one of a")
    try:
        batch = np.broadcast_shapes(rows.shape[:-2], columns.shape[:-2])
    except ValueError:
        raise _shape_error("b", right, f"its leading axes must broadcast against those of a, "
                                       f"{rows.shape[:-2]}") from None
    full = batch + (rows.shape[-2], columns.shape[-1])
    shape = batch + full[len(batch):][left.ndim == 1:2 - (right.ndim == 1)]
    result = _result(out, shape, left, "a", (("a", left), ("b", right)))
    # reshape puts in axes of length one, where an operand lacked them: always a view
    _multiply_matrices(type, np.broadcast_to(rows, batch + rows.shape[-2:]),
                       np.broadcast_to(columns, batch + columns.shape[-2:]), result.reshape(full))
    return result if shape or out is not None else result[()]


cdef _multiply_matrices(fastops_type type, cnp.ndarray a, cnp.ndarray b, cnp.ndarray c):
    """c = a b for operands of equal numbers of axes and equal leading axes."""
    cdef fastops_matmul s
    cdef int last = cnp.PyArray_NDIM(c) - 1, d, threads
    cdef ptrdiff_t matrices = 1, i
    cdef ptrdiff_t[64] index
    cdef void *memory
    cdef void *scratch
    s.a, s.b, s.c = <char *>cnp.PyArray_DATA(a), <char *>cnp.PyArray_DATA(b), <char *>cnp.PyArray_DATA(c)
    s.m, s.n, s.k = cnp.PyArray_DIM(c, last - 1), cnp.PyArray_DIM(c, last), cnp.PyArray_DIM(a, last)
    s.a_row, s.a_column = cnp.PyArray_STRIDE(a, last - 1), cnp.PyArray_STRIDE(a, last)
    s.b_row, s.b_column = cnp.PyArray_STRIDE(b, last - 1), cnp.PyArray_STRIDE(b, last)
    s.c_row, s.c_column = cnp.PyArray_STRIDE(c, last - 1), cnp.PyArray_STRIDE(c, last)
    for d in range(last - 1):
        index[d] = 0
        matrices *= cnp.PyArray_DIM(c, d)
    if matrices == 0 or s.m == 0 or s.n == 0:
        return
    if s.k == 0:
        c[...] = 0
        return
    threads = fastops_plan(fastops_kernel_mitchell_matmul, s.m * s.n * s.k)
    _allocate(fastops_kernel_mitchell_matmul, type, &s, threads, &memory, &scratch)
    with nogil:
        for i in range(matrices):
            fastops_run(fastops_kernel_mitchell_matmul, type, &s, 0, threads, scratch)
            d = last - 2
            while d >= 0:
                s.a += cnp.PyArray_STRIDE(a, d)
                s.b += cnp.PyArray_STRIDE(b, d)
                s.c += cnp.PyArray_STRIDE(c, d)
                index[d] += 1
                if index[d] < cnp.PyArray_DIM(c, d):
                    break
                index[d] = 0
                s.a -= cnp.PyArray_DIM(c, d) * cnp.PyArray_STRIDE(a, d)
                s.b -= cnp.PyArray_DIM(c, d) * cnp.PyArray_STRIDE(b, d)
                s.c -= cnp.PyArray_DIM(c, d) * cnp.PyArray_STRIDE(c, d)
                d -= 1
    free(memory)
