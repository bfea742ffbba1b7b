# SPDX-License-Identifier: BSD-3-Clause
# The ufuncs of mitchell: squares, roots, logarithm, powers.

cdef str _OPERAND = f"""
    Parameters
    ----------
    x : array_like
        float16, float32, float64 or, with ml_dtypes, bfloat16. NumPy casts integers to the smallest float that holds
        them, as in `numpy.sqrt`.
    {_AS_UFUNC}
"""

mitchell_square = _ufunc(
    fastops_kernel_mitchell_square, 1, _WIDENING_INTEGER_LOOPS + _FLOAT_LOOPS, f"""
    Mitchell's square of x, element by element: ``multiply(x, x)``.

    Parameters
    ----------
    x : array_like
        float16, float32, float64, bfloat16 (with ml_dtypes), or integers.
    {_AS_UFUNC}

    Returns
    -------
    ndarray or scalar
        Floats of the same type; integers of twice the size (64 bits wrap, as NumPy's do), exact to the definition.

    Notes
    -----
    {_SPECIAL}

    {_MITCHELL}

    Examples
    --------
    >>> import numpy as np
    >>> from fastops import mitchell
    >>> mitchell.square(np.float32([1.5, 2, 3]))
    array([2., 4., 8.], dtype=float32)
    >>> mitchell.square(np.int8(-128))
    np.int16(16384)
    """)

mitchell_sqrt = _ufunc(
    fastops_kernel_mitchell_sqrt, 1, _FLOAT_LOOPS, f"""
    Mitchell's square root of x, element by element: half the logarithm.

    Never below the true root, and at most 6.07 % above it.
    {_OPERAND}{_FLOAT_RESULT}
    Notes
    -----
    A half unit in the last place is truncated. Negative numbers give NaN, -0 and negative subnormal numbers -0. No
    floating-point warning is given.

    {_MITCHELL}

    Examples
    --------
    >>> import numpy as np
    >>> from fastops import mitchell
    >>> mitchell.sqrt(np.float32([2, 4, 9]))
    array([1.5  , 2.   , 3.125], dtype=float32)
    """)

mitchell_reciprocal = _ufunc(
    fastops_kernel_mitchell_reciprocal, 1, _FLOAT_LOOPS, f"""
    Mitchell's reciprocal of x, element by element: ``divide(1, x)``.

    Never below the true one, and at most 1/8 above it.
    {_OPERAND}{_FLOAT_RESULT}
    Notes
    -----
    {_SPECIAL}

    {_MITCHELL}

    Examples
    --------
    >>> import numpy as np
    >>> from fastops import mitchell
    >>> mitchell.reciprocal(np.float32([1.5, 2, 3]))
    array([0.75 , 0.5  , 0.375], dtype=float32)
    """)

mitchell_rsqrt = _ufunc(
    fastops_kernel_mitchell_rsqrt, 1, _FLOAT_LOOPS, f"""
    Mitchell's reciprocal square root of x, element by element: minus half the logarithm.

    Never below the true one, up to one unit in the last place, and at most 8.87 % above it.
    {_OPERAND}{_FLOAT_RESULT}
    Notes
    -----
    A half unit in the last place is truncated. Negative numbers give NaN, 0 and -0 inf and -inf, inf gives 0. No
    floating-point warning is given.

    {_MITCHELL}

    Examples
    --------
    >>> import numpy as np
    >>> from fastops import mitchell
    >>> mitchell.rsqrt(np.float32([1, 2, 4]))
    array([1.  , 0.75, 0.5 ], dtype=float32)
    """)

mitchell_log2 = _ufunc(
    fastops_kernel_mitchell_log2, 1, _FLOAT_LOOPS, f"""
    Mitchell's binary logarithm of x, element by element: n + f of x = 2**n * (1 + f).

    Never above the true logarithm, and at most 0.0861 below it.
    {_OPERAND}{_FLOAT_RESULT}
    Notes
    -----
    n + f is rounded to the type once, of two ties to the even one. 0 and subnormal numbers give -inf, negative ones
    NaN, inf gives inf. No floating-point warning is given.

    {_MITCHELL}

    Examples
    --------
    >>> import numpy as np
    >>> from fastops import mitchell
    >>> mitchell.log2(np.float32([1, 1.5, 12]))
    array([0. , 0.5, 3.5], dtype=float32)
    """)

mitchell_exp2 = _ufunc(
    fastops_kernel_mitchell_exp2, 1, _FLOAT_LOOPS, f"""
    Mitchell's antilogarithm of x, element by element: 2**n * (1 + f) where x = n + f with an integer n.

    Never below 2**x, and at most 6.15 % above it.
    {_OPERAND}{_FLOAT_RESULT}
    Notes
    -----
    x is rounded to a multiple of 2**-M first, of two ties to the even one; M is the number of the type's mantissa
    bits.
    {_SPECIAL}

    {_MITCHELL}

    Examples
    --------
    >>> import numpy as np
    >>> from fastops import mitchell
    >>> mitchell.exp2(np.float32([0.5, 3, -1.5]))
    array([1.5  , 8.   , 0.375], dtype=float32)
    """)

mitchell_power = _ufunc(
    fastops_kernel_mitchell_power, 2, _FLOAT_LOOPS, f"""
    Mitchell's power: the antilogarithm of y times Mitchell's logarithm of x.

    With x = 2**n * (1 + f), it is 2**k * (1 + g) where y * (n + f) = k + g with an integer k. The product is exact; it
    is rounded once, to a multiple of 2**-M, of two ties to the even one, where M is the number of the type's mantissa
    bits.
    {_FLOAT_OPERANDS}{_FLOAT_RESULT}
    Notes
    -----
    Special values are those of `numpy.power`: x**0 and 1**y are 1, even of NaN; a negative x takes its sign from an
    integer y and gives NaN with any other; 0 to a negative power is inf. Subnormal numbers count as 0, also as y. No
    floating-point warning is given.

    {_MITCHELL}

    Examples
    --------
    >>> import numpy as np
    >>> from fastops import mitchell
    >>> mitchell.power(np.float32([1.5, 3, -2]), np.float32([2, 0.5, 3]))
    array([ 2.  ,  1.75, -8.  ], dtype=float32)
    """)
