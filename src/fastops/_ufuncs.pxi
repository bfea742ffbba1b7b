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
    int inputs
    ptrdiff_t in_size, out_size


cdef bint _meet(const char *a, ptrdiff_t a_stride, ptrdiff_t a_size, const char *b, ptrdiff_t b_stride,
                ptrdiff_t b_size, ptrdiff_t n) noexcept nogil:
    """Whether the byte ranges of two strided runs of n elements meet."""
    cdef const char *a_low = a if a_stride >= 0 else a + (n - 1) * a_stride
    cdef const char *b_low = b if b_stride >= 0 else b + (n - 1) * b_stride
    return (a_low < b_low + (n - 1) * (b_stride if b_stride >= 0 else -b_stride) + b_size and
            b_low < a_low + (n - 1) * (a_stride if a_stride >= 0 else -a_stride) + a_size)


cdef unsigned _run_loop(const Loop *loop, char *const *args, ptrdiff_t n, const cnp.npy_intp *steps) noexcept nogil:
    """Computes n elements; returns events."""
    cdef fastops_elementwise s
    cdef ptrdiff_t out_stride = steps[loop.inputs], bytes = loop.out_size * n
    cdef char *out = args[loop.inputs]
    cdef int k
    # NumPy hands over what it knows to be safe in order, such as reductions and outputs that run behind their inputs.
    cdef bint in_order = out_stride == 0
    for k in range(loop.inputs):
        s.in_[k], s.in_stride[k] = args[k], steps[k]
        in_order = in_order or ((args[k] != out or steps[k] != out_stride) and
                                _meet(args[k], steps[k], loop.in_size, out, out_stride, loop.out_size, n))
        bytes += n * loop.in_size if steps[k] else 0
    s.out, s.out_stride = out, out_stride
    s.in_order = n > 1 and in_order
    s.stream = bytes >= FASTOPS_STREAM_BYTES
    return fastops_run(loop.kernel, loop.type, &s, n, 1 if s.in_order else fastops_plan(loop.kernel, bytes), NULL)


cdef void _ufunc_loop(char **args, const cnp.npy_intp *dimensions, const cnp.npy_intp *steps,
                      void *data) noexcept nogil:
    if _run_loop(<Loop *>data, args, dimensions[0], steps) & FASTOPS_DIVIDE_BY_ZERO:
        feraiseexcept(FE_DIVBYZERO)


# ---- which loops: (NumPy's type numbers in, out), in the order in which NumPy tries them --------------------------

cdef enum:
    MAX_LOOPS = 16
    MAX_UFUNCS = 32
    CUSTOM_LOOPS = 3

ctypedef struct UFuncData:
    cnp.PyUFuncGenericFunction functions[MAX_LOOPS]
    void *data[MAX_LOOPS]
    char types[(FASTOPS_MAX_INPUTS + 1) * MAX_LOOPS]
    Loop loops[MAX_LOOPS]
    Loop custom_loops[CUSTOM_LOOPS]

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


cdef _set_loop(Loop *loop, fastops_kernel kernel, int inputs, int in_num, int out_num):
    loop.kernel = kernel
    loop.type = <fastops_type>_type_or_none(in_num)
    loop.inputs = inputs
    loop.in_size = _TYPE_SIZES[_type_or_none(in_num)]
    loop.out_size = _TYPE_SIZES[_type_or_none(out_num)]


cdef bytes _kept_doc(str doc):
    """A docstring without its indentation, kept for ever."""
    cdef bytes text = "\n".join([line.removeprefix("    ") for line in doc.strip().split("\n")]).encode()
    _ufunc_docs.append(text)
    return text


cdef _ufunc(fastops_kernel kernel, int inputs, list loops, str doc, int identity=PyUFunc_None):
    """The ufunc of a kernel, under the kernel's name: pandas has its own idea of what one called "multiply" does."""
    global _ufunc_count
    cdef UFuncData *u = &_ufunc_data[_ufunc_count]
    cdef int custom[FASTOPS_MAX_INPUTS + 1]
    cdef bytes text = _kept_doc(doc)
    _ufunc_count += 1
    for i, (in_num, out_num) in enumerate(loops):
        _set_loop(&u.loops[i], kernel, inputs, in_num, out_num)
        u.functions[i] = _ufunc_loop
        u.data[i] = &u.loops[i]
        for k in range(inputs):
            u.types[(inputs + 1) * i + k] = in_num
        u.types[(inputs + 1) * i + inputs] = out_num
    ufunc = cnp.PyUFunc_FromFuncAndData(u.functions, u.data, u.types, len(loops), inputs, 1, identity,
                                        fastops_kernel_name(kernel), text, 0)
    # Now, not at the first use: NumPy caches that a bfloat16 call went to float32.
    for i, type in enumerate([fastops_bf16, fastops_e4m3, fastops_e5m2]):
        if _ml_dtypes is not None and fastops_kernel_has(kernel, type):
            num = np.dtype(getattr(_ml_dtypes, _DTYPE_NAMES[<int>type])).num
            for k in range(inputs + 1):
                custom[k] = num
            _set_loop(&u.custom_loops[i], kernel, inputs, num, num)
            cnp.PyUFunc_RegisterLoopForType(ufunc, num, _ufunc_loop, custom, &u.custom_loops[i])
    return ufunc
