# SPDX-License-Identifier: BSD-3-Clause
"""Multiplication and division in Mitchell's binary logarithms, in plain NumPy.

A positive number 2**n * (1 + x) with 0 <= x < 1 has the approximate logarithm n + x, whose
antilogarithm is that number again. Products add logarithms, quotients subtract them.
The bit pattern of a normal float, without its sign, is its logarithm as a fixed-point number plus
the pattern of 1.0, so one integer addition does all of it.

References
----------
J. N. Mitchell, "Computer Multiplication and Division Using Binary Logarithms", IRE Transactions on
Electronic Computers, EC-11, 1962, pages 512-517.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._mitchell_formats import FORMATS, INTEGERS, Format, operands, put_nans
from ._mitchell_logarithms import (
    divide_offset,
    exp2,
    log2,
    multiply_ilm,
    multiply_lmul,
    multiply_mbm,
    multiply_offset,
    multiply_realm,
    power,
    rsqrt,
    sqrt,
)

__all__ = [
    "divide",
    "divide_offset",
    "exp2",
    "log2",
    "matmul",
    "multiply",
    "multiply_ilm",
    "multiply_lmul",
    "multiply_mbm",
    "multiply_offset",
    "multiply_realm",
    "power",
    "reciprocal",
    "rsqrt",
    "sqrt",
    "square",
]


def multiply(x: ArrayLike, y: ArrayLike) -> Any:
    """Mitchell's product, at most 1/9 too small in magnitude and never too large.

    Parameters
    ----------
    x, y : array_like
        Numbers of the same dtype: float16, float32, float64, bfloat16, float8_e4m3fn,
        float8_e5m2 or any integer. Their shapes broadcast.

    Returns
    -------
    ndarray or scalar
        The dtype of ``x``; for integers of n < 64 bits the integer of 2n bits. 64-bit products
        wrap modulo 2**64. Special values are in the notes.

    Notes
    -----
    With fractions a and b the significand of the product is 1 + a + b, or 2 (a + b) where the sum
    carries. Subnormal operands count as 0 and results under the smallest normal become 0; overflow
    gives infinity (NaN in float8_e4m3fn). A NaN comes back quiet, ``x`` before ``y``; 0 * inf is
    the positive NaN. The sign is the exclusive or of the signs, also of 0 and infinity.

    Examples
    --------
    >>> float(multiply(1.5, 1.5))
    2.0
    >>> int(multiply(np.int8(-3), np.int8(3)))
    -8
    """
    (x, y), shape = operands(x, y)
    name = x.dtype.name
    if name in FORMATS:
        product = _multiply_floats(x, y, FORMATS[name])
    else:
        wide, detour = INTEGERS[name]
        if detour:
            product = _multiply_floats(x.astype(detour), y.astype(detour), FORMATS[detour.__name__])
            product = product.astype(wide)
        else:
            product = _multiply_64_bits(x, y)
    return product.reshape(shape)[()]


def divide(x: ArrayLike, y: ArrayLike) -> Any:
    """Mitchell's quotient, at most 1/8 too large in magnitude and never too small.

    Parameters
    ----------
    x, y : array_like
        As in `multiply`.

    Returns
    -------
    ndarray or scalar
        The dtype of ``x``. Integer quotients are truncated toward zero; the smallest integer
        divided by -1 wraps to itself.

    Warns
    -----
    RuntimeWarning
        Where an integer is divided by zero, which gives 0. `numpy.errstate` governs it.

    Notes
    -----
    With fractions a and b the significand of the quotient is 1 + a - b, or (2 + a - b) / 2 where
    the difference borrows. Ranges and NaN as in `multiply`; x / 0 is infinity (NaN in
    float8_e4m3fn); 0 / 0 and inf / inf are the positive NaN.

    Examples
    --------
    >>> float(divide(1.0, 1.5))
    0.75
    >>> int(divide(np.int8(-100), np.int8(7)))
    -14
    """
    (x, y), shape = operands(x, y)
    name = x.dtype.name
    if name in FORMATS:
        quotient = _divide_floats(x, y, FORMATS[name])
    else:
        by_zero = y == 0
        if by_zero.any():
            np.divide(np.ones(1), np.zeros(1))  # so that errstate decides what becomes of it
        wide, detour = INTEGERS[name]
        if detour:
            quotient = _divide_floats(x.astype(detour), y.astype(detour), FORMATS[detour.__name__])
            quotient = np.where(by_zero, 0, quotient).astype(wide).astype(x.dtype)
        else:
            quotient = _divide_64_bits(x, y)
    return quotient.reshape(shape)[()]


def square(x: ArrayLike) -> Any:
    """Mitchell's square: the product of x and x, with the types of `multiply`."""
    return multiply(x, x)


def reciprocal(x: ArrayLike) -> Any:
    """Mitchell's reciprocal: the quotient of 1 and x."""
    x = np.asarray(x)
    return divide(np.ones_like(x), x)


def matmul(a: NDArray[Any], b: NDArray[Any], *, method: str = "mitchell", offset: float = 0.0) -> Any:
    """Matrix product with Mitchell's products, one outer product after the other.

    Within a block of 512 steps along k the sum starts at the block's first product and goes on in order of k; the sums
    of the blocks are added in order. 16-bit floats are multiplied and summed as float32, without subnormal operands,
    and rounded once; integers are exact.

    Parameters
    ----------
    a, b : ndarray of float32, float64, float16, bfloat16, int8, uint8 or int16, shapes (..., m, k) and (..., k, n)
        Leading axes broadcast.
    method : {"mitchell", "offset", "lmul", "mbm"}
        Which product; integers have the first only.
    offset : float
        That of "offset".

    Returns
    -------
    ndarray, shape (..., m, n)
        Of the same type, int32 for 8-bit integers, int64 for int16; a sum that is not a number is the quiet NaN of
        positive sign.

    References
    ----------
    J. N. Mitchell, 1962: see the module.
    """
    dtype, steps = a.dtype, a.shape[-1]
    if dtype.kind in "iu":
        wide, block = np.dtype(np.int64 if dtype == np.int16 else np.int32), max(steps, 1)
    else:
        wide, block = np.dtype(np.float32) if dtype.itemsize == 2 else dtype, 512
        a, b = _normal(a).astype(wide), _normal(b).astype(wide)
    multiplied = _product(method, offset, dtype, wide)
    total = np.zeros(np.broadcast_shapes(a.shape[:-2], b.shape[:-2]) + (a.shape[-2], b.shape[-1]), wide)
    with np.errstate(all="ignore"):
        for k in range(steps):
            product = multiplied(a[..., :, k, None], b[..., None, k, :]).astype(wide)
            if k % block == 0:
                block_sum = product
            else:
                block_sum += product
            if k % block == block - 1 or k == steps - 1:
                total = block_sum if k < block else total + block_sum
        if dtype.kind in "iu":
            return total
        total = total.astype(dtype)
    total[np.isnan(total)] = np.nan
    return total


def _product(method: str, offset: float, dtype: np.dtype[Any], wide: np.dtype[Any]) -> Callable[[Any, Any], Any]:
    """The product of numbers of dtype that are held in a wide type, to the last place of dtype."""
    if method == "mitchell":
        return multiply
    last, most = (FORMATS[kind.name].normal.bit_length() - 1 for kind in (dtype, wide))  # bits of the fractions
    if method == "mbm":
        fmt = FORMATS[wide.name]
        kept = fmt.unsigned(2 * fmt.sign - (1 << (most - last)))
        return lambda x, y: (multiply_mbm(x, y).view(fmt.unsigned) & kept).view(wide)
    c = float(np.asarray(offset).astype(dtype)) if method == "offset" else 2.0**-4
    return partial(multiply_offset, c=np.rint(c * 2.0**last).astype(wide) / wide.type(2.0**last))


def _normal(x: NDArray[Any]) -> NDArray[Any]:
    """x with zeros of the same sign for its subnormal numbers."""
    fmt = FORMATS[x.dtype.name]
    pattern = x.view(fmt.unsigned)
    return np.where((pattern & (fmt.sign - 1)) < fmt.normal, pattern & fmt.sign, pattern).view(x.dtype)


def _multiply_floats(x: NDArray[Any], y: NDArray[Any], fmt: Format) -> NDArray[Any]:
    a, b, sign = _magnitudes(x, y, fmt)
    # Two patterns, or one and that of 1.0, fit the unsigned type: nothing wraps before it is tested.
    result: NDArray[Any] = a + b
    small, large = np.minimum(a, b), np.maximum(a, b, out=a)
    kept = result >= fmt.one + fmt.normal
    kept &= small >= fmt.normal
    np.minimum(result, fmt.one + fmt.top, out=result)
    result -= fmt.one
    result *= kept
    special = large >= fmt.top
    if special.any():
        result[special] = fmt.top
        result |= sign
        put_nans(result, special & (small < fmt.normal), fmt, x, y)
    else:
        result |= sign
    return result.view(x.dtype)


def _divide_floats(x: NDArray[Any], y: NDArray[Any], fmt: Format) -> NDArray[Any]:
    a, b, sign = _magnitudes(x, y, fmt)
    result = a + fmt.one
    kept = result >= b + fmt.normal
    kept &= a >= fmt.normal
    result -= b  # wraps where it is not kept
    np.minimum(result, fmt.top, out=result)
    result *= kept
    by_zero, of_top, by_top = b < fmt.normal, a >= fmt.top, b >= fmt.top
    if (by_zero | of_top | by_top).any():
        result[by_zero | of_top] = fmt.top
        result[by_top] = 0
        result |= sign
        put_nans(result, (by_zero & (a < fmt.normal)) | (of_top & by_top), fmt, x, y)
    else:
        result |= sign
    return result.view(x.dtype)


def _magnitudes(x: NDArray[Any], y: NDArray[Any], fmt: Format) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """The patterns of x and y without their signs, and the sign of the result."""
    a, b = x.view(fmt.unsigned), y.view(fmt.unsigned)
    return a & (fmt.sign - 1), b & (fmt.sign - 1), (a ^ b) & fmt.sign


def _multiply_64_bits(x: NDArray[Any], y: NDArray[Any]) -> NDArray[Any]:
    a, b = _unsigned_magnitude(x), _unsigned_magnitude(y)
    (m, f), (n, g) = _logarithm(a), _logarithm(b)
    power = (np.uint64(1) << m) << n
    product = (a << n) + (b << m) - power  # 2**(m + n) (1 + f + g), modulo 2**64 as all that follows
    carries = f + g < f
    product = np.where(carries, (product - power) << np.uint64(1), product)  # 2**(m + n + 1) (f + g)
    product = np.where((a == 0) | (b == 0), 0, product)
    return _signed(product, x, y)


def _divide_64_bits(x: NDArray[Any], y: NDArray[Any]) -> NDArray[Any]:
    a, b = _unsigned_magnitude(x), _unsigned_magnitude(y)
    (m, f), (n, g) = _logarithm(a), _logarithm(b)
    down = n + (f < g)  # the quotient is 2**(m - down) (1 + (f - g modulo 1))
    drop = np.uint64(63) + down - m  # bits of f - g, less one, that fall below the binary point
    quotient = (np.uint64(1) << (m - down)) + (((f - g) >> np.uint64(1)) >> drop)
    quotient = np.where((a == 0) | (b == 0) | (m < down), 0, quotient)
    return _signed(quotient, x, y)


def _unsigned_magnitude(x: NDArray[Any]) -> NDArray[np.uint64]:
    magnitude: NDArray[np.uint64] = np.abs(x).view(np.uint64)
    return magnitude  # abs leaves -2**63 as it is, whose pattern is 2**63


def _logarithm(a: NDArray[np.uint64]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """The place n of the leading one of a, and the bits below it as a fraction of 2**64; 0, 0 of 0."""
    # Without the bit after the leading one the float cannot round up to the next power of two.
    exponent = (a & ~(a >> np.uint64(1))).astype(np.float64).view(np.uint64) >> np.uint64(52)
    n: NDArray[np.uint64] = np.maximum(exponent, 1023) - np.uint64(1023)
    return n, (a << (np.uint64(63) - n)) << np.uint64(1)


def _signed(magnitude: NDArray[np.uint64], x: NDArray[Any], y: NDArray[Any]) -> NDArray[Any]:
    negative = (x < 0) ^ (y < 0)
    return np.where(negative, np.uint64(0) - magnitude, magnitude).view(x.dtype)
