# SPDX-License-Identifier: BSD-3-Clause
# multiply_ilm: a ufunc whose loop may refuse a value. NumPy's older loops, which all others are, cannot raise.

cdef extern from "numpy/ndarraytypes.h":
    ctypedef struct PyArray_Descr:
        int type_num
    ctypedef enum NPY_CASTING:
        NPY_NO_CASTING
    ctypedef enum NPY_ARRAYMETHOD_FLAGS:
        NPY_METH_NO_FLOATINGPOINT_ERRORS

cdef extern from "numpy/dtype_api.h":
    ctypedef struct PyArray_DTypeMeta:
        pass
    ctypedef struct PyArrayMethod_Context:
        PyArray_Descr *const *descriptors
    ctypedef struct PyType_Slot:
        int slot
        void *pfunc
    ctypedef struct PyArrayMethod_Spec:
        const char *name
        int nin, nout
        NPY_CASTING casting
        NPY_ARRAYMETHOD_FLAGS flags
        PyArray_DTypeMeta **dtypes
        PyType_Slot *slots
    enum:
        NPY_METH_strided_loop

cdef extern from "numpy/ufuncobject.h":
    int PyUFunc_AddLoopFromSpec(object ufunc, PyArrayMethod_Spec *spec) except -1
    int PyUFunc_AddPromoter(object ufunc, object dtypes, object promoter) except -1

cdef extern from "numpy/arrayobject.h":
    PyArray_DTypeMeta PyArray_PyLongDType
    PyArray_DTypeMeta *PyArray_PromoteDTypeSequence(cnp.npy_intp length, PyArray_DTypeMeta **dtypes)

cdef extern from "Python.h":
    object PyCapsule_New(void *pointer, const char *name, void *destructor)
    void PyErr_Clear()
    void Py_IncRef(object)
    void Py_DecRef(PyObject *)


cdef bint _any_negative(const char *k, ptrdiff_t stride, fastops_type type, ptrdiff_t n) noexcept nogil:
    """Whether one of n integers of that type is negative."""
    cdef ptrdiff_t i
    cdef bint found = False
    for i in range(min(n, 1) if stride == 0 else n):
        if type == fastops_i8:
            found |= (<const int8_t *>(k + i * stride))[0] < 0
        elif type == fastops_i16:
            found |= (<const int16_t *>(k + i * stride))[0] < 0
        elif type == fastops_i32:
            found |= (<const int32_t *>(k + i * stride))[0] < 0
        elif type == fastops_i64:
            found |= (<const int64_t *>(k + i * stride))[0] < 0
    return found


cdef int _ilm_loop(PyArrayMethod_Context *context, char *const *args, const cnp.npy_intp *dimensions,
                   const cnp.npy_intp *steps, void *unused) except -1 nogil:
    cdef Loop loop
    cdef ptrdiff_t n = dimensions[0]
    loop.kernel, loop.inputs = fastops_kernel_mitchell_multiply_ilm, 3
    loop.type = <fastops_type>_type_of_num[context.descriptors[0].type_num]
    loop.in_size = _TYPE_SIZES[<int>loop.type]
    loop.out_size = _TYPE_SIZES[_type_of_num[context.descriptors[3].type_num]]
    if _any_negative(args[2], steps[2], loop.type, n):
        with gil:
            raise ValueError("k must not be negative, and one element of it is")
    _run_loop(&loop, args, n, steps)
    return 0


cdef int _ilm_promote(object ufunc, PyArray_DTypeMeta **given, PyArray_DTypeMeta **signature,
                      PyArray_DTypeMeta **wanted) noexcept:
    """All operands become of the type in which x, y and k meet; where the result's type is asked for, of the first type
    that has this result. -1 without an exception: NumPy then says that there is no such loop."""
    cdef PyArray_DTypeMeta *met = PyArray_PromoteDTypeSequence(3, given)
    cdef int i
    if met == NULL:
        PyErr_Clear()
        return -1
    asked = <object><void *>signature[3] if signature[3] != NULL else None
    wider = list(_ILM_TYPES)
    common = <object><void *>met
    Py_DecRef(<PyObject *>met)
    if common is <object><void *>&PyArray_PyLongDType:  # all are Python's
        common = type(np.dtype(int))
    elif common is type(np.dtype(bool)):
        common = type(np.dtype(np.int8))
    for dtype in wider[wider.index(common):] if common in _ILM_TYPES else ():
        if asked is None or _ILM_TYPES[dtype] is asked:
            for i in range(4):
                chosen = dtype if i < 3 else _ILM_TYPES[dtype]
                Py_IncRef(chosen)
                wanted[i] = <PyArray_DTypeMeta *><void *>chosen
            return 0
    return -1


cdef dict _ILM_TYPES = {}  # of the operands to that of the result, signed ones and then unsigned ones


cdef _ilm_ufunc(str doc):
    """The ufunc; registers its loops."""
    cdef PyArrayMethod_Spec spec
    cdef PyType_Slot[2] slots
    cdef PyArray_DTypeMeta *dtypes[4]
    cdef fastops_kernel kernel = fastops_kernel_mitchell_multiply_ilm
    cdef bytes text = _kept_doc(doc)
    ufunc = cnp.PyUFunc_FromFuncAndData(NULL, NULL, NULL, 0, 3, 1, PyUFunc_None, fastops_kernel_name(kernel),
                                        text, 0)
    slots[0].slot, slots[0].pfunc = NPY_METH_strided_loop, <void *>_ilm_loop
    slots[1].slot, slots[1].pfunc = 0, NULL
    spec.name, spec.nin, spec.nout, spec.casting = fastops_kernel_name(kernel), 3, 1, NPY_NO_CASTING
    spec.flags, spec.dtypes, spec.slots = NPY_METH_NO_FLOATINGPOINT_ERRORS, dtypes, slots
    loops = sorted(_WIDENING_INTEGER_LOOPS, key=lambda loop: (loop[0] - cnp.NPY_BYTE) % 2)
    for in_num, out_num in loops:
        operand, result = (type(np.dtype(cnp.PyArray_DescrFromType(num))) for num in (in_num, out_num))
        _ILM_TYPES[operand] = result
        dtypes[0] = dtypes[1] = dtypes[2] = <PyArray_DTypeMeta *><void *>operand
        dtypes[3] = <PyArray_DTypeMeta *><void *>result
        PyUFunc_AddLoopFromSpec(ufunc, &spec)
    PyUFunc_AddPromoter(ufunc, (np.dtype,) * 4, PyCapsule_New(<void *>_ilm_promote, "numpy._ufunc_promoter", NULL))
    return ufunc


mitchell_multiply_ilm = _ilm_ufunc(f"""
    The product of the integers x and y by Babic's iterative logarithmic multiplier, with k corrections.

    x = 2**m + r and y = 2**n + s have the first estimate 2**(m + n) + r * 2**n + s * 2**m. It lacks r * s; each
    correction adds an estimate of what is still lacking, of the same form. The error is never positive, at most
    4**-(k + 1), and 0 as soon as k + 1 is the number of ones in x or in y.

    Parameters
    ----------
    x, y : array_like of integers
    k : array_like of integers, not negative
        Corrections. All three are of one type, or cast to the one in which they meet.
    {_AS_UFUNC}

    Returns
    -------
    ndarray or scalar
        Integers of twice the size; 64 bits wrap, as NumPy's do. The sign is the exclusive or of the signs.

    Raises
    ------
    ValueError
        If an element of k is negative. Of a large array k, `out` may hold results of elements before it.

    Notes
    -----
    Unlike `multiply` there is no carry: the estimate without corrections is up to 1/4 too small.

    Source: Z. Babic, A. Avramovic, P. Bulic, An iterative logarithmic multiplier (2011).

    Examples
    --------
    >>> import numpy as np
    >>> from fastops import mitchell
    >>> mitchell.multiply_ilm(np.uint8(255), np.uint8(255), np.arange(8, dtype=np.uint8))
    array([48896, 61056, 64064, 64800, 64976, 65016, 65024, 65025], dtype=uint16)
    """)
