# SPDX-License-Identifier: BSD-3-Clause
# Elementwise kernels as numpy.ufunc objects: one C loop for all, and the list of loops.

cdef extern from "numpy/ufuncobject.h":
    int PyUFunc_One, PyUFunc_None

cdef extern from "fenv.h" nogil:
    int FE_DIVBYZERO
    int feraiseexcept(int)

ctypedef struct Loop:
    fastops_kernel kernel
    fastops_type type
    ptrdiff_t in_size, out_size


cdef bint _meet(const char *a, ptrdiff_t a_stride, ptrdiff_t a_size, const char *b, ptrdiff_t b_stride,
                ptrdiff_t b_size, ptrdiff_t n) noexcept nogil:
    """Whether the byte ranges of two strided runs of n elements meet."""
    cdef const char *a_low = a if a_stride >= 0 else a + (n - 1) * a_stride
    cdef const char *b_low = b if b_stride >= 0 else b + (n - 1) * b_stride
    return (a_low < b_low + (n - 1) * (b_stride if b_stride >= 0 else -b_stride) + b_size and
            b_low < a_low + (n - 1) * (a_stride if a_stride >= 0 else -a_stride) + a_size)


cdef void _binary_loop(char **args, const cnp.npy_intp *dimensions, const cnp.npy_intp *steps,
                       void *data) noexcept nogil:
    cdef Loop *loop = <Loop *>data
    cdef fastops_binary s
    cdef ptrdiff_t n = dimensions[0], size = loop.in_size, out_size = loop.out_size, bytes
    cdef int threads
    s.a, s.b, s.out = args[0], args[1], args[2]
    s.a_stride, s.b_stride, s.out_stride = steps[0], steps[1], steps[2]
    # NumPy hands over what it knows to be safe in order, such as reductions and outputs that run behind their inputs.
    s.in_order = n > 1 and (
        s.out_stride == 0
        or ((s.a != s.out or s.a_stride != s.out_stride)
            and _meet(s.a, s.a_stride, size, s.out, s.out_stride, out_size, n))
        or ((s.b != s.out or s.b_stride != s.out_stride)
            and _meet(s.b, s.b_stride, size, s.out, s.out_stride, out_size, n)))
    bytes = n * ((size if s.a_stride else 0) + (size if s.b_stride else 0) + out_size)
    s.stream = bytes >= FASTOPS_STREAM_BYTES
    threads = 1 if s.in_order else fastops_plan(loop.kernel, bytes)
    if fastops_run(loop.kernel, loop.type, &s, n, threads, NULL) & FASTOPS_DIVIDE_BY_ZERO:
        feraiseexcept(FE_DIVBYZERO)


# ---- which loops: (NumPy's type numbers in, out), in the order in which NumPy tries them --------------------------

cdef enum:
    MAX_LOOPS = 16
    MAX_UFUNCS = 32

ctypedef struct UFuncData:
    cnp.PyUFuncGenericFunction functions[MAX_LOOPS]
    void *data[MAX_LOOPS]
    char types[3 * MAX_LOOPS]
    Loop loops[MAX_LOOPS]
    Loop custom_loops[3]
    int count

# NumPy keeps pointers into these for the life of the process.
cdef UFuncData _ufunc_data[MAX_UFUNCS]
cdef int _ufunc_count = 0
cdef list _ufunc_docs = []

_FLOAT_LOOPS = [(cnp.NPY_FLOAT16,) * 2, (cnp.NPY_FLOAT,) * 2, (cnp.NPY_DOUBLE,) * 2]
_SAME_INTEGER_LOOPS = [(t, t) for t in range(cnp.NPY_BYTE, cnp.NPY_ULONGLONG + 1)]


def _wider(typenum):
    """Type number of integers of twice the size, of the same sign; of the same size for the largest."""
    dtype = np.dtype(cnp.PyArray_DescrFromType(typenum))
    return np.dtype(f"{dtype.kind}{2 * dtype.itemsize}").num if dtype.itemsize < 8 else typenum


_WIDENING_INTEGER_LOOPS = [(t, _wider(t)) for t, _ in _SAME_INTEGER_LOOPS]


cdef _set_loop(Loop *loop, fastops_kernel kernel, int in_num, int out_num):
    loop.kernel = kernel
    loop.type = <fastops_type>_type_or_none(in_num)
    loop.in_size = _TYPE_SIZES[_type_or_none(in_num)]
    loop.out_size = _TYPE_SIZES[_type_or_none(out_num)]


cdef _binary_ufunc(fastops_kernel kernel, bytes name, loops, int identity, str doc):
    global _ufunc_count
    cdef UFuncData *u = &_ufunc_data[_ufunc_count]
    cdef int custom[3]
    cdef bytes text = "\n".join([line.removeprefix("    ") for line in doc.strip().split("\n")]).encode()
    _ufunc_count += 1
    _ufunc_docs.append(text)
    for i, (in_num, out_num) in enumerate(loops):
        _set_loop(&u.loops[i], kernel, in_num, out_num)
        u.functions[i] = _binary_loop
        u.data[i] = &u.loops[i]
        u.types[3 * i] = u.types[3 * i + 1] = in_num
        u.types[3 * i + 2] = out_num
    ufunc = cnp.PyUFunc_FromFuncAndData(u.functions, u.data, u.types, len(loops), 2, 1, identity, name, text, 0)
    if _ml_dtypes is not None:
        # Now, not at the first use: NumPy caches that a bfloat16 call went to float32.
        for i, dtype in enumerate([_ml_dtypes.bfloat16, _ml_dtypes.float8_e4m3fn, _ml_dtypes.float8_e5m2]):
            custom[0] = custom[1] = custom[2] = np.dtype(dtype).num
            _set_loop(&u.custom_loops[i], kernel, custom[0], custom[0])
            cnp.PyUFunc_RegisterLoopForType(ufunc, custom[0], _binary_loop, custom, &u.custom_loops[i])
    return ufunc


_OPERANDS = """
    Parameters
    ----------
    x, y : array_like
        float16, float32, float64, bfloat16, float8_e4m3fn, float8_e5m2 (the last three with ml_dtypes), or integers.
    out, where, dtype, ...
        As for every `numpy.ufunc`.
"""

# Names that no library knows: pandas computes a ufunc called "multiply" with its own multiplication.
mitchell_multiply = _binary_ufunc(
    fastops_kernel_mitchell_multiply, b"mitchell_multiply", _WIDENING_INTEGER_LOOPS + _FLOAT_LOOPS, PyUFunc_One,
    f"""
    Mitchell's product of x and y, element by element.

    With x = 2**n1 * (1 + x1) and y = 2**n2 * (1 + x2) it is 2**(n1 + n2) * (1 + x1 + x2) where x1 + x2 < 1, and
    2**(n1 + n2 + 1) * (x1 + x2) elsewhere.
    {_OPERANDS}
    Returns
    -------
    ndarray or scalar
        Floats of the same type; integers of twice the size (64 bits wrap, as NumPy's do), exact to the definition.

    Notes
    -----
    The special values are those of the module `fastops.mitchell`. No floating-point warning is given.

    Source: J. N. Mitchell, Computer multiplication and division using binary logarithms (1962).

    Examples
    --------
    >>> import numpy as np
    >>> from fastops import mitchell
    >>> mitchell.multiply(np.float32([1.5, 2, 3]), np.float32(1.5))
    array([2., 3., 4.], dtype=float32)
    >>> mitchell.multiply(np.int8(-128), np.int8(-128))
    np.int16(16384)
    """)

mitchell_divide = _binary_ufunc(
    fastops_kernel_mitchell_divide, b"mitchell_divide", _SAME_INTEGER_LOOPS + _FLOAT_LOOPS, PyUFunc_None,
    f"""
    Mitchell's quotient of x and y, element by element.

    With x = 2**n1 * (1 + x1) and y = 2**n2 * (1 + x2) it is 2**(n1 - n2) * (1 + x1 - x2) where x1 >= x2, and
    2**(n1 - n2 - 1) * (2 + x1 - x2) elsewhere.
    {_OPERANDS}
    Returns
    -------
    ndarray or scalar
        Of the same type. Quotients of integers are truncated towards zero; x / 0 is 0, with a RuntimeWarning as for
        `numpy.floor_divide`.

    Notes
    -----
    The special values are those of the module `fastops.mitchell`. No floating-point warning is given for floats.

    Source: J. N. Mitchell, Computer multiplication and division using binary logarithms (1962).

    Examples
    --------
    >>> import numpy as np
    >>> from fastops import mitchell
    >>> mitchell.divide(np.float32([1, 2, 3]), np.float32(1.5))
    array([0.75, 1.5 , 2.  ], dtype=float32)
    >>> mitchell.divide(7, 2)
    np.int64(3)
    """)
