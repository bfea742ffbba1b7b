# SPDX-License-Identifier: BSD-3-Clause
# What every function checks, and every message that says so: the argument's name, what came, what is needed.

_DTYPE_NAMES = ["float32", "float64", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2",
                "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"]

cdef ptrdiff_t[14] _TYPE_SIZES = [4, 8, 2, 2, 1, 1, 1, 1, 2, 2, 4, 4, 8, 8]

try:
    import ml_dtypes as _ml_dtypes
except ImportError:
    _ml_dtypes = None

# From NumPy's type numbers, which also tell int from long of one size, to ours; -1 for none. Those of ml_dtypes are
# given out as it registers them, the first at 256.
cdef enum:
    TYPE_NUMS = 512

cdef signed char _type_of_num[TYPE_NUMS]


cdef _fill_types():
    cdef int num
    for num in range(TYPE_NUMS):
        _type_of_num[num] = -1
    for num in range(cnp.NPY_BYTE, cnp.NPY_DOUBLE + 1):
        _type_of_num[num] = _DTYPE_NAMES.index(cnp.PyArray_DescrFromType(num).name)
    _type_of_num[<int>cnp.NPY_FLOAT16] = fastops_f16
    if _ml_dtypes is not None:
        for name in _DTYPE_NAMES[fastops_bf16], _DTYPE_NAMES[fastops_e4m3], _DTYPE_NAMES[fastops_e5m2]:
            num = np.dtype(getattr(_ml_dtypes, name)).num
            if not 0 <= num < TYPE_NUMS:
                raise ImportError(f"ml_dtypes.{name} has type number {num}, and only {TYPE_NUMS} are provided for")
            _type_of_num[num] = _DTYPE_NAMES.index(name)

_fill_types()


cdef inline int _type_or_none(int num) noexcept:
    return _type_of_num[num] if 0 <= num < TYPE_NUMS else -1


cdef _integer(str name, value):
    """A Python int of anything that is exactly an integer."""
    try:
        return value.__index__()
    except AttributeError:
        raise TypeError(f"{name} must be an integer, got {_described(value)}") from None


cdef str _described(value):
    return f"{type(value).__name__} {value!r}" if isinstance(value, (str, bool, int, float)) else type(value).__name__


cdef _choice(str name, value, tuple choices):
    """Index of value among choices."""
    try:
        return choices.index(value)
    except ValueError:
        pass
    raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, got {value!r}")


cdef cnp.ndarray _array(str name, value):
    """value, if it is an array whose elements are where and how its strides say."""
    if not isinstance(value, cnp.ndarray):
        raise TypeError(f"{name} must be a numpy.ndarray, got {type(value).__name__}")
    cdef cnp.ndarray array = value
    if not cnp.PyArray_ISNOTSWAPPED(array):
        raise TypeError(f"{name} is byte-swapped (dtype {array.dtype.str!r}): convert it to native byte order first")
    return array


cdef _dtype_error(str name, cnp.ndarray array, types):
    supported = ", ".join(_DTYPE_NAMES[t] for t in types)
    return TypeError(f"{name} has dtype {array.dtype}; supported: {supported}")


cdef fastops_type _type(str name, cnp.ndarray array, fastops_kernel kernel) except <fastops_type>-1:
    """Element type of an array that the kernel has a loop for."""
    cdef int type = _type_or_none(cnp.PyArray_TYPE(array))
    if type >= 0 and fastops_kernel_has(kernel, <fastops_type>type):
        return <fastops_type>type
    types = [t for t in range(fastops_type_count) if fastops_kernel_has(kernel, <fastops_type>t)]
    raise _dtype_error(name, array, types)


cdef _shape_error(str name, cnp.ndarray array, needed):
    return ValueError(f"{name} has shape {(<object>array).shape}; {needed}")


cdef int _need_out(cnp.ndarray out, cnp.ndarray x, str name, str like) except -1:
    """out can hold a result with the shape and dtype of x."""
    if cnp.PyArray_TYPE(out) != cnp.PyArray_TYPE(x):
        raise TypeError(f"{name} has dtype {out.dtype}; {x.dtype} is needed, as {like} has")
    if not cnp.PyArray_SAMESHAPE(out, x):
        raise _shape_error(name, out, f"{(<object>x).shape} is needed, as {like} has")
    return _need_writable(out, name)


cdef int _need_writable(cnp.ndarray out, str name) except -1:
    cdef int d
    if not cnp.PyArray_ISWRITEABLE(out):
        raise ValueError(f"{name} is read-only")
    if cnp.PyArray_SIZE(out) == 0:  # strides of empty arrays mean nothing
        return 0
    for d in range(cnp.PyArray_NDIM(out)):
        if cnp.PyArray_STRIDE(out, d) == 0 and cnp.PyArray_DIM(out, d) > 1:
            raise ValueError(f"{name} is broadcast along axis {d}: several of its elements are one place in memory")
    return 0


cdef bint _same_memory(cnp.ndarray a, cnp.ndarray b):
    """Whether a and b, of one shape and dtype, are the same elements in the same order."""
    cdef int d
    if cnp.PyArray_DATA(a) != cnp.PyArray_DATA(b):
        return False
    for d in range(cnp.PyArray_NDIM(a)):
        if cnp.PyArray_STRIDE(a, d) != cnp.PyArray_STRIDE(b, d) and cnp.PyArray_DIM(a, d) > 1:
            return False
    return True


cdef void _extent(cnp.ndarray a, char **low, char **high) noexcept:
    cdef int d
    low[0] = <char *>cnp.PyArray_DATA(a)
    high[0] = low[0] + cnp.PyArray_ITEMSIZE(a)
    for d in range(cnp.PyArray_NDIM(a)):
        if cnp.PyArray_STRIDE(a, d) < 0:
            low[0] += (cnp.PyArray_DIM(a, d) - 1) * cnp.PyArray_STRIDE(a, d)
        else:
            high[0] += (cnp.PyArray_DIM(a, d) - 1) * cnp.PyArray_STRIDE(a, d)


cdef int _need_apart(cnp.ndarray out, str name, cnp.ndarray other, str other_name) except -1:
    """out and other share no byte."""
    cdef char *low
    cdef char *high
    cdef char *other_low
    cdef char *other_high
    if cnp.PyArray_SIZE(out) == 0 or cnp.PyArray_SIZE(other) == 0:
        return 0
    _extent(out, &low, &high)
    _extent(other, &other_low, &other_high)
    if low >= other_high or other_low >= high:
        return 0
    # Extents meet, as those of two views of one packed buffer do: only now is the exact answer worth its price.
    try:
        shared = np.shares_memory(out, other, max_work=1_000_000)
    except np.exceptions.TooHardError:
        shared = True
    if shared:
        raise ValueError(f"{name} overlaps {other_name} in memory without being the same array")
    return 0


cdef cnp.ndarray _result(out, tuple shape, int typenum, operands):
    """out, if it can hold a result of that shape and overlaps none of the operands; a new array where it is None."""
    cdef cnp.ndarray result
    if out is None:
        return np.empty(shape, dtype=cnp.PyArray_DescrFromType(typenum))
    result = _array("out", out)
    if cnp.PyArray_TYPE(result) != typenum:
        name, x = operands[0]
        raise TypeError(f"out has dtype {out.dtype}; {cnp.PyArray_DescrFromType(typenum)} is needed, "
                        f"as {name} has {x.dtype}")
    if out.shape != shape:
        raise _shape_error("out", result, f"{shape} is needed")
    _need_writable(result, "out")
    for name, x in operands:
        _need_apart(result, "out", x, name)
    return result
