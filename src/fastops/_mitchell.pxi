# SPDX-License-Identifier: BSD-3-Clause
# The ufuncs of mitchell: products and quotients. Those of one operand, and power, are in _mitchell_functions.pxi.

cdef str _AS_UFUNC = """out, where, dtype, ...
        As for every `numpy.ufunc`."""

cdef str _OPERANDS = f"""
    Parameters
    ----------
    x, y : array_like
        float16, float32, float64, bfloat16, float8_e4m3fn, float8_e5m2 (the last three with ml_dtypes), or integers.
    {_AS_UFUNC}
"""

cdef str _FLOAT_OPERANDS = f"""
    Parameters
    ----------
    x, y : array_like
        float16, float32, float64 or, with ml_dtypes, bfloat16. NumPy casts other numbers to these.
    {_AS_UFUNC}
"""

cdef str _FLOAT_RESULT = """
    Returns
    -------
    ndarray or scalar
        Of the operands' type.
"""

cdef str _SPECIAL = "The special values are those of the module `fastops.mitchell`. No floating-point warning is given."

cdef str _MITCHELL = "Source: J. N. Mitchell, Computer multiplication and division using binary logarithms (1962)."

mitchell_multiply = _ufunc(
    fastops_kernel_mitchell_multiply, 2, _WIDENING_INTEGER_LOOPS + _FLOAT_LOOPS, f"""
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
    {_SPECIAL}

    {_MITCHELL}

    Examples
    --------
    >>> import numpy as np
    >>> from fastops import mitchell
    >>> mitchell.multiply(np.float32([1.5, 2, 3]), np.float32(1.5))
    array([2., 3., 4.], dtype=float32)
    >>> mitchell.multiply(np.int8(-128), np.int8(-128))
    np.int16(16384)
    """, PyUFunc_One)

mitchell_divide = _ufunc(
    fastops_kernel_mitchell_divide, 2, _SAME_INTEGER_LOOPS + _FLOAT_LOOPS, f"""
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

    {_MITCHELL}

    Examples
    --------
    >>> import numpy as np
    >>> from fastops import mitchell
    >>> mitchell.divide(np.float32([1, 2, 3]), np.float32(1.5))
    array([0.75, 1.5 , 2.  ], dtype=float32)
    >>> mitchell.divide(7, 2)
    np.int64(3)
    """)

cdef str _OFFSET_OPERANDS = f"""
    Parameters
    ----------
    x, y, c : array_like
        float16, float32, float64 or, with ml_dtypes, bfloat16. NumPy casts other numbers to these. c is rounded to a
        multiple of 2**-M, of two ties to the even one; M is the number of the type's mantissa bits.
    {_AS_UFUNC}
"""

cdef str _OFFSET_NOTES = f"""
    Notes
    -----
    Where c is inf or -inf, it acts as the factor inf or 0. A finite c changes neither zeros nor infinities, but may
    take a finite result beyond the largest number, which gives inf. {_SPECIAL}
"""

mitchell_multiply_offset = _ufunc(
    fastops_kernel_mitchell_multiply_offset, 3, _FLOAT_LOOPS, f"""
    Mitchell's product of x and y with the constant c added to its logarithm.

    The antilogarithm of log2(x) + log2(y) + c, where log2(2**n * (1 + f)) is taken as n + f. It spreads the error of
    `multiply`, which is never positive, to both sides: c = 0.0566234 gives a mean error of 0, c = 0.068858 the least
    maximum, 6.886 %.
    {_OFFSET_OPERANDS}{_FLOAT_RESULT}{_OFFSET_NOTES}
    Source: {_MITCHELL[8:]}

    Examples
    --------
    >>> import numpy as np
    >>> from fastops import mitchell
    >>> mitchell.multiply_offset(np.float32([1.5, 2, 3]), np.float32(1.5), np.float32(0.0625))
    array([2.125, 3.125, 4.25 ], dtype=float32)
    """)

mitchell_divide_offset = _ufunc(
    fastops_kernel_mitchell_divide_offset, 3, _FLOAT_LOOPS, f"""
    Mitchell's quotient of x and y with the constant c added to its logarithm.

    The antilogarithm of log2(x) - log2(y) + c, where log2(2**n * (1 + f)) is taken as n + f. The error of `divide` is
    never negative: c = -0.057995 gives a mean error of 0.
    {_OFFSET_OPERANDS}{_FLOAT_RESULT}{_OFFSET_NOTES}
    {_MITCHELL}

    Examples
    --------
    >>> import numpy as np
    >>> from fastops import mitchell
    >>> mitchell.divide_offset(np.float32([1, 2, 3]), np.float32(1.5), np.float32(-0.0625))
    array([0.71875, 1.4375 , 1.9375 ], dtype=float32)
    """)

mitchell_multiply_lmul = _ufunc(
    fastops_kernel_mitchell_multiply_lmul, 2, _FLOAT_LOOPS, f"""
    L-Mul's product of x and y, element by element: `multiply_offset` with a constant that follows from the type.

    The constant is 2**-l(M), where M is the number of mantissa bits and l(M) = M for M <= 3, 3 for M = 4, 4 for M > 4.
    It is 1/16 for float16, float32, float64 and bfloat16, 1/8 for float8_e4m3fn, 1/4 for float8_e5m2.

    Parameters
    ----------
    x, y : array_like
        float16, float32, float64, bfloat16, float8_e4m3fn, float8_e5m2 (the last three with ml_dtypes). NumPy casts
        other numbers to these.
    {_AS_UFUNC}
    {_FLOAT_RESULT}
    Notes
    -----
    This is the form for hardware, one addition of bit patterns. The equation that the source prints, 1 + x1 + x2 +
    2**-l(M) without a carry into the exponent, is another function, whose error reaches -23 %. {_SPECIAL}

    Source: H. Luo, W. Sun, Addition is all you need for energy-efficient language models (2024).

    Examples
    --------
    >>> import numpy as np
    >>> from fastops import mitchell
    >>> mitchell.multiply_lmul(np.float32([1.5, 2, 3]), np.float32(1.5))
    array([2.125, 3.125, 4.25 ], dtype=float32)
    """)

mitchell_multiply_mbm = _ufunc(
    fastops_kernel_mitchell_multiply_mbm, 2, _FLOAT_LOOPS, f"""
    The product of x and y by the minimally biased multiplier: `multiply` with a constant added to the significand.

    With x = 2**n1 * (1 + x1) and y = 2**n2 * (1 + x2) it is 2**(n1 + n2) * (1 + x1 + x2 + c) where x1 + x2 < 1, and
    2**(n1 + n2) * (2 * (x1 + x2) + c) elsewhere, with c = 5/64, which is left out where that would reach
    2**(n1 + n2 + 2). The mean relative error is -0.1 %, the extreme ones are -7.64 % and 7.81 %.
    {_FLOAT_OPERANDS}{_FLOAT_RESULT}
    Notes
    -----
    What the type cannot hold is truncated. {_SPECIAL}

    Source: H. Saadat, H. Bokhari, S. Parameswaran, Minimally biased multipliers for approximate integer and
    floating-point multiplication (2018).

    Examples
    --------
    >>> import numpy as np
    >>> from fastops import mitchell
    >>> mitchell.multiply_mbm(np.float32([1.25, 1.5, 3]), np.float32(1.5))
    array([1.828125, 2.078125, 4.15625 ], dtype=float32)
    """)

mitchell_multiply_realm = _ufunc(
    fastops_kernel_mitchell_multiply_realm, 2, _FLOAT_LOOPS, f"""
    The product of x and y by REALM: `multiply` with a correction of the significand from a table of 16 x 16 segments.

    As `multiply_mbm`, but c depends on the 4 upper bits of the fractions x1 and x2, and is chosen for a mean relative
    error of 0 in each segment, as a multiple of 1/64. The mean relative error is 0.009 %, that of its magnitude
    0.42 %, the extreme ones are -2.09 % and 1.79 %.
    {_FLOAT_OPERANDS}{_FLOAT_RESULT}
    Notes
    -----
    What the type cannot hold is truncated. {_SPECIAL}

    Source: H. Saadat, H. Javaid, A. Ignjatovic, S. Parameswaran, REALM: reduced-error approximate log-based integer
    multiplier (2020).

    Examples
    --------
    >>> import numpy as np
    >>> from fastops import mitchell
    >>> mitchell.multiply_realm(np.float32([1.25, 1.5, 3]), np.float32(1.5))
    array([1.90625, 2.21875, 4.4375 ], dtype=float32)
    """)
