# SPDX-License-Identifier: BSD-3-Clause
"""Mitchell's roots, logarithm, powers and corrected products, in plain NumPy.

A number 2**n * (1 + f / 2**M), with M mantissa bits, is held as its sign and the integers n and f, so that its
logarithm is n + f / 2**M. All operations are on these; nothing can overflow.
"""

from collections.abc import Callable
from fractions import Fraction
from math import log
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._mitchell_formats import FORMATS, INTEGERS, Format, operands, put_nans

Bools = NDArray[np.bool_]
Integers = NDArray[np.int64]


class _Logarithm(NamedTuple):
    """sign * 2**(n + f / 2**M), unless it is zero or infinite."""

    negative: Bools
    n: Integers
    f: Integers
    zero: Bools
    infinite: Bools


def _bits(fmt: Format) -> int:
    """M, the number of mantissa bits."""
    return fmt.normal.bit_length() - 1


def _read(x: NDArray[Any], fmt: Format) -> _Logarithm:
    pattern = x.view(fmt.unsigned)
    magnitude = (pattern & (fmt.sign - 1)).astype(np.int64)
    n = (magnitude >> _bits(fmt)) - (fmt.one >> _bits(fmt))
    zero, infinite = magnitude < fmt.normal, (magnitude == fmt.top) & (fmt.top != fmt.first_nan)
    return _Logarithm(pattern >= fmt.sign, n, magnitude % fmt.normal, zero, infinite)


def _write(result: _Logarithm, invalid: Bools, fmt: Format, *given: NDArray[Any]) -> NDArray[Any]:
    """The numbers; f of any size and sign. NaN where invalid, or where one of the operands given is."""
    exponent = result.n + (result.f >> _bits(fmt)) + (fmt.one >> _bits(fmt))
    largest = fmt.top >> _bits(fmt)
    pattern = (np.clip(exponent, 0, largest) << _bits(fmt)) + result.f % fmt.normal
    pattern = np.where(exponent > largest, fmt.top, np.where(pattern < fmt.normal, 0, np.minimum(pattern, fmt.top)))
    pattern = np.where(result.infinite, fmt.top, np.where(result.zero, 0, pattern)).astype(fmt.unsigned)
    pattern |= result.negative * fmt.unsigned(fmt.sign)
    put_nans(pattern, invalid | (result.zero & result.infinite), fmt, *given)
    return pattern.view(given[0].dtype)


def _float_operands(*values: ArrayLike) -> tuple[list[NDArray[Any]], tuple[int, ...], Format]:
    arrays, shape = operands(*values)
    name = arrays[0].dtype.name
    if name not in FORMATS:
        raise TypeError(f"operands must be floats, got {arrays[0].dtype!r}")
    return arrays, shape, FORMATS[name]


def _wide(x: NDArray[Any]) -> NDArray[np.float64]:
    """As float64; 0 for NaNs, of which some give warnings."""
    with np.errstate(invalid="ignore"):
        wide: NDArray[np.float64] = x.astype(np.float64)
        wide[np.isnan(wide)] = 0
    return wide


# ---- roots ----------------------------------------------------------------------------------------------------------


def sqrt(x: ArrayLike) -> Any:
    """Mitchell's square root: half the logarithm, what is below the last bit truncated.

    Examples
    --------
    >>> float(sqrt(2.0))
    1.5
    """
    return _root(x, lambda units: units >> 1, inverse=False)


def rsqrt(x: ArrayLike) -> Any:
    """Mitchell's reciprocal square root: minus half the logarithm, what is below the last bit truncated.

    Examples
    --------
    >>> float(rsqrt(2.0))
    0.75
    """
    return _root(x, lambda units: -units >> 1, inverse=True)


def _root(x: ArrayLike, halve: Callable[[Any], Any], inverse: bool) -> Any:
    (x,), shape, fmt = _float_operands(x)
    a = _read(x, fmt)
    zero, infinite = (a.infinite, a.zero) if inverse else (a.zero, a.infinite)
    halved = _Logarithm(a.negative, np.zeros_like(a.n), halve((a.n << _bits(fmt)) + a.f), zero, infinite)
    return _write(halved, a.negative & ~a.zero, fmt, x).reshape(shape)[()]


# ---- logarithm and powers -------------------------------------------------------------------------------------------


def log2(x: ArrayLike) -> Any:
    """Mitchell's binary logarithm: n + f / 2**M, rounded to the type.

    Examples
    --------
    >>> float(log2(12.0))
    3.5
    """
    (x,), shape, fmt = _float_operands(x)
    a = _read(x, fmt)
    value = (a.n + a.f / fmt.normal).astype(x.dtype)
    value[a.infinite] = np.inf
    value[a.zero] = -np.inf
    pattern = value.view(fmt.unsigned)
    put_nans(pattern, a.negative & ~a.zero, fmt, x)
    return pattern.view(x.dtype).reshape(shape)[()]


def exp2(x: ArrayLike) -> Any:
    """Mitchell's antilogarithm: 2**n * (1 + f) of x = n + f, rounded to a multiple of 2**-M.

    Examples
    --------
    >>> float(exp2(-1.5))
    0.375
    """
    (x,), shape, fmt = _float_operands(x)
    n, f, zero, infinite = _exponent(x, fmt)
    positive = np.zeros(x.shape, np.bool_)
    return _write(_Logarithm(positive, n, f, zero, infinite), positive, fmt, x).reshape(shape)[()]


def _exponent(c: NDArray[Any], fmt: Format) -> tuple[Integers, Integers, Bools, Bools]:
    """c as an integer n and f / 2**M, and where 2**c is 0 or infinite because c is."""
    wide = _wide(c)
    near = np.clip(wide, -(2**14), 2**14)  # which is beyond any exponent
    n = np.trunc(near)
    f = np.rint((near - n) * fmt.normal)  # the difference and its product with a power of two are exact
    return n.astype(np.int64), f.astype(np.int64), wide == -np.inf, wide == np.inf


def power(x: ArrayLike, y: ArrayLike) -> Any:
    """Mitchell's power: the antilogarithm of y times the logarithm of x, rounded to a multiple of 2**-M.

    Products of a float64 and a logarithm have 115 bits: fractions hold them. Special values are those of `numpy.power`.

    Examples
    --------
    >>> float(power(3.0, 0.5))
    1.75
    """
    (x, y), shape, fmt = _float_operands(x, y)
    a, b = _read(x, fmt), _read(y, fmt)
    wide = np.where(b.zero, 0, _wide(y))
    ordinary = np.isfinite(wide) & ~a.zero & ~a.infinite
    units = np.zeros(x.shape, np.int64)
    for i in np.flatnonzero(ordinary):  # a logarithm in units of 2**-M
        exact = Fraction(float(wide.flat[i])) * ((int(a.n.flat[i]) << _bits(fmt)) + int(a.f.flat[i]))
        units.flat[i] = min(max(round(exact), -(2**63)), 2**63 - 1)
    above_one, is_one = (a.n >= 0) & ~a.zero, (a.n == 0) & (a.f == 0)
    extreme = ~ordinary & ~(is_one & np.isinf(wide))
    grows = above_one ^ (wide < 0)
    integer = wide == np.trunc(wide)
    odd = np.abs(np.fmod(np.where(np.isfinite(wide), wide, 0), 2)) == 1
    result = _Logarithm(a.negative & odd, np.zeros_like(a.n), units, extreme & ~grows, extreme & grows)
    invalid = a.negative & ~a.zero & ~a.infinite & ~integer
    value = _write(result, invalid, fmt, x, y)
    value[b.zero | (is_one & ~a.negative)] = 1
    return value.reshape(shape)[()]


# ---- products and quotients with something added --------------------------------------------------------------------


def multiply_offset(x: ArrayLike, y: ArrayLike, c: ArrayLike) -> Any:
    """Mitchell's product with c, rounded to a multiple of 2**-M, added to its logarithm.

    Examples
    --------
    >>> float(multiply_offset(1.5, 1.5, 0.0625))
    2.125
    """
    (x, y, c), shape, fmt = _float_operands(x, y, c)
    a, b = _read(x, fmt), _read(y, fmt)
    return _offset(a, b, x, y, c, fmt).reshape(shape)[()]


def divide_offset(x: ArrayLike, y: ArrayLike, c: ArrayLike) -> Any:
    """Mitchell's quotient with c, rounded to a multiple of 2**-M, added to its logarithm.

    Examples
    --------
    >>> float(divide_offset(1.0, 1.5, -0.0625))
    0.71875
    """
    (x, y, c), shape, fmt = _float_operands(x, y, c)
    a, b = _read(x, fmt), _read(y, fmt)
    inverse = _Logarithm(b.negative, -b.n, -b.f, b.infinite, b.zero)
    return _offset(a, inverse, x, y, c, fmt).reshape(shape)[()]


def _offset(a: _Logarithm, b: _Logarithm, x: Any, y: Any, c: Any, fmt: Format) -> NDArray[Any]:
    n, f, zero, infinite = _exponent(c, fmt)
    zero, infinite = a.zero | b.zero | zero, a.infinite | b.infinite | infinite
    result = _Logarithm(a.negative ^ b.negative, a.n + b.n + n, a.f + b.f + f, zero, infinite)
    return _write(result, np.zeros(x.shape, np.bool_), fmt, x, y, c)


def multiply_lmul(x: ArrayLike, y: ArrayLike) -> Any:
    """Mitchell's product with 2**-l(M) added to its logarithm: l(M) = M up to 3, 3 for 4, 4 above.

    Examples
    --------
    >>> float(multiply_lmul(1.5, 1.5))
    2.125
    """
    (x, y), shape, fmt = _float_operands(x, y)
    m = _bits(fmt)
    offset = fmt.normal >> (m if m <= 3 else 3 if m == 4 else 4)
    a, b = _read(x, fmt), _read(y, fmt)
    zero, infinite = a.zero | b.zero, a.infinite | b.infinite
    result = _Logarithm(a.negative ^ b.negative, a.n + b.n, a.f + b.f + offset, zero, infinite)
    return _write(result, np.zeros(x.shape, np.bool_), fmt, x, y).reshape(shape)[()]


def multiply_mbm(x: ArrayLike, y: ArrayLike) -> Any:
    """Mitchell's product with 5/64 added to the significand, half of it where the fractions carry.

    Examples
    --------
    >>> float(multiply_mbm(1.5, 1.5))
    2.078125
    """
    return _corrected(x, y, lambda a, b, one: np.full_like(a.f, 5 * one // 64))


def multiply_realm(x: ArrayLike, y: ArrayLike) -> Any:
    """As `multiply_mbm`, with a correction for each of 16 x 16 segments of the fractions, a multiple of 1/64.

    Examples
    --------
    >>> float(multiply_realm(1.5, 1.5))
    2.21875
    """
    segments = _realm_table()
    return _corrected(x, y, lambda a, b, one: segments[16 * a.f // one, 16 * b.f // one] * (one // 64))


def _corrected(x: ArrayLike, y: ArrayLike, correction: Callable[[_Logarithm, _Logarithm, int], Integers]) -> Any:
    """Significands in units of 2**-M; what passes 2 is normalised, but dropped where the fractions carried before."""
    (x, y), shape, fmt = _float_operands(x, y)
    a, b = _read(x, fmt), _read(y, fmt)
    one = fmt.normal
    carries, c = a.f + b.f >= one, correction(a, b, one)
    plain = np.where(carries, a.f + b.f - one, a.f + b.f)
    f = plain + np.where(carries, c // 2, c)
    f = np.where(f < one, f, np.where(carries, plain, one + (f - one) // 2))
    result = _Logarithm(a.negative ^ b.negative, a.n + b.n + carries, f, a.zero | b.zero, a.infinite | b.infinite)
    return _write(result, np.zeros(x.shape, np.bool_), fmt, x, y).reshape(shape)[()]


def _realm_table() -> Integers:
    """Corrections in units of 1/64: minus the mean of Mitchell's relative error in a segment of x and y over that of
    1 / ((1 + x) (1 + y)); the first at the midpoints of 64 x 64 squares."""
    points = (np.arange(16 * 64) + 0.5) / (16 * 64)
    x, y = points[:, None], points[None, :]
    error = np.where(x + y < 1, 1 + x + y, 2 * (x + y)) / ((1 + x) * (1 + y)) - 1
    mean = error.reshape(16, 64, 16, 64).mean((1, 3))
    widths = np.array([log((17 + i) / (16 + i)) for i in range(16)]) * 16
    units: Integers = np.rint(-64 * mean / (widths[:, None] * widths[None, :])).astype(np.int64)
    return units


# ---- integers -------------------------------------------------------------------------------------------------------


def multiply_ilm(x: ArrayLike, y: ArrayLike, k: ArrayLike) -> Any:
    """Babic's product: 2**(m + n) + r 2**n + s 2**m of x = 2**m + r and y = 2**n + s, then k times more of r and s.

    Examples
    --------
    >>> [int(multiply_ilm(np.uint8(255), np.uint8(255), np.uint8(k))) for k in range(3)]
    [48896, 61056, 64064]
    """
    if np.asarray(x).dtype.name not in INTEGERS:
        raise TypeError(f"x must be integers, got {np.asarray(x).dtype}")
    shape = np.broadcast_shapes(*(np.shape(value) for value in (x, y, k)))
    x, y, corrections = (np.atleast_1d(np.broadcast_to(value, shape)) for value in (x, y, np.asarray(k)))
    (x, y), _ = operands(x, y)
    if (corrections < 0).any():
        raise ValueError("k must not be negative, and one element of it is")
    a, b = (np.abs(v.astype(np.int64)).view(np.uint64) if v.dtype.kind == "i" else v.astype(np.uint64) for v in (x, y))
    product = np.zeros(x.shape, np.uint64)
    for done in range(min(64, int(corrections.max(initial=0)) + 1)):
        going = (a != 0) & (b != 0) & (corrections >= done)
        p, q = _highest_bit(a), _highest_bit(b)
        product += np.where(going, p * q + (a - p) * q + (b - q) * p, np.uint64(0))
        a, b = np.where(going, a - p, a), np.where(going, b - q, b)
    product = np.where((x < 0) ^ (y < 0), np.uint64(0) - product, product)
    return product.astype(INTEGERS[x.dtype.name][0]).reshape(shape)[()]


def _highest_bit(a: NDArray[np.uint64]) -> NDArray[np.uint64]:
    filled = a.copy()
    for shift in (1, 2, 4, 8, 16, 32):
        filled |= filled >> np.uint64(shift)
    return filled - (filled >> np.uint64(1))
