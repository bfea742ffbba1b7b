# SPDX-License-Identifier: BSD-3-Clause
"""Multiplication and division by adding logarithms that are read off bit patterns (J. N. Mitchell, 1962).

The logarithm of 2**n * (1 + x), with 0 <= x < 1, is taken as n + x. For a binary float that is its bit pattern, up to a
constant, so a product is a sum of two patterns: never above the true product, at most 1/9 below it. A quotient is never
below the true one, at most 1/8 above it. Where an operand is a power of two, products are exact.

Special values, in every format: NaN propagates; inf * 0, 0 / 0 and inf / inf are NaN; the sign is the exclusive or of
the signs, also for 0 and inf; subnormal operands count as 0, and results below the smallest normal number are 0;
overflow is inf, and x / 0 is inf. float8_e4m3fn has no inf: where it would appear, the result is NaN.
"""

from ._fastops_core import mitchell_divide as divide
from ._fastops_core import mitchell_matmul as matmul
from ._fastops_core import mitchell_multiply as multiply

__all__ = ["divide", "matmul", "multiply"]

_DTYPES = """\
    x, y : array_like
        float16, float32, float64, bfloat16, float8_e4m3fn, float8_e5m2 (the last three with ml_dtypes), or integers.
    out, where, dtype, ...
        As for every `numpy.ufunc`."""

multiply.__doc__ = f"""multiply(x, y, /, out=None, *, where=True, dtype=None, ...)

    Mitchell's product of x and y, element by element.

    With x = 2**n1 * (1 + x1) and y = 2**n2 * (1 + x2) it is 2**(n1 + n2) * (1 + x1 + x2) where x1 + x2 < 1, and
    2**(n1 + n2 + 1) * (x1 + x2) elsewhere.

    Parameters
    ----------
{_DTYPES}

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
    """

divide.__doc__ = f"""divide(x, y, /, out=None, *, where=True, dtype=None, ...)

    Mitchell's quotient of x and y, element by element.

    With x = 2**n1 * (1 + x1) and y = 2**n2 * (1 + x2) it is 2**(n1 - n2) * (1 + x1 - x2) where x1 >= x2, and
    2**(n1 - n2 - 1) * (2 + x1 - x2) elsewhere.

    Parameters
    ----------
{_DTYPES}

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
    """
