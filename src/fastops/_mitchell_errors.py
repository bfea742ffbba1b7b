# SPDX-License-Identifier: BSD-3-Clause
"""Statistics of the errors of Mitchell's arithmetic."""

from typing import NamedTuple

import numpy as np

from . import mitchell
from ._arguments import choice, integer, real

__all__ = ["ErrorStatistics", "error_statistics"]

# Method -> the ufunc that is measured, and what it approximates.
_METHODS = {
    "mitchell": ("multiply", np.multiply),
    "offset": ("multiply_offset", np.multiply),
    "lmul": ("multiply_lmul", np.multiply),
    "mbm": ("multiply_mbm", np.multiply),
    "realm": ("multiply_realm", np.multiply),
    "ilm": ("multiply_ilm", np.multiply),
    "divide": ("divide", np.divide),
    "divide_offset": ("divide_offset", np.divide),
    "square": ("square", np.square),
    "sqrt": ("sqrt", np.sqrt),
    "reciprocal": ("reciprocal", np.reciprocal),
    "rsqrt": ("rsqrt", lambda x: 1 / np.sqrt(x)),
    "log2": ("log2", np.log2),
    "exp2": ("exp2", np.exp2),
}

# Element types -> bits of the fraction. All pairs of significands are tried up to _FEW bits.
_FLOATS = {"float64": 52, "float32": 23, "float16": 10, "bfloat16": 7}
_FLOATS_OF_8_BITS = {"float8_e4m3fn": 3, "float8_e5m2": 2}
_INTEGERS = dict.fromkeys(("int8", "uint8", "int16", "uint16"), 0)
_FEW = 10

_TYPES = dict.fromkeys(_METHODS, _FLOATS) | {
    "mitchell": _FLOATS | _FLOATS_OF_8_BITS | _INTEGERS,
    "lmul": _FLOATS | _FLOATS_OF_8_BITS,
    "divide": _FLOATS | _FLOATS_OF_8_BITS | _INTEGERS,
    "square": _FLOATS | _INTEGERS,
    "ilm": _INTEGERS,
}

# Cells along an axis of the grid of the other types. With 1024 no figure is more than 5e-7 from that with 4096.
_CELLS = 1024

# Integers at a time. Arrays of 64 KB come from the heap; with mappings of their own, uint16 takes 26 s instead of 3.5.
_BLOCK = 1 << 13


class ErrorStatistics(NamedTuple):
    """Statistics of relative errors, result / exact - 1.

    Attributes
    ----------
    bias : float
        Mean.
    mean_absolute : float
        Mean of the magnitudes.
    rms : float
        Root of the mean of the squares.
    minimum, maximum : float
        The least and the largest error.
    """

    bias: float
    mean_absolute: float
    rms: float
    minimum: float
    maximum: float


def error_statistics(method, dtype, *, offset=0.0, corrections=0):
    """Return how wrong a method is in an element type, over all its operands.

    Parameters
    ----------
    method : str
        A product: "mitchell" (that of `multiply`), "offset", "lmul", "mbm", "realm", "ilm"; a quotient: "divide",
        "divide_offset"; or a function of one number: "square", "sqrt", "reciprocal", "rsqrt", "log2", "exp2".
    dtype : dtype
        float32, float64, float16 or bfloat16; for "mitchell", "lmul" and "divide" also float8_e4m3fn and float8_e5m2;
        int8, uint8, int16 or uint16 for "mitchell", "divide", "square" and "ilm", which has no others.
    offset : float
        The constant c of "offset" and "divide_offset".
    corrections : int
        The number k of "ilm".

    Returns
    -------
    ErrorStatistics
        Of relative errors; of absolute ones for "log2".

    Raises
    ------
    TypeError
        If the method does not have the dtype, or an option is not a number.
    ValueError
        If the method is unknown, or an option is given that is not one of the method or has no meaning for it.

    Notes
    -----
    Floats: significands are uniform in [1, 2), arguments of "sqrt" and "rsqrt" in [1, 4), of "exp2" in [0, 1). With 16
    bits or less each one is tried, in all pairs; means of float32 and float64 are taken with the midpoint rule on
    1024 x 1024 pairs or 2**18 numbers, the extremes also along the lines where the results have a kink. Exact results
    are computed in float64.

    Integers: all pairs without a 0; for "divide" those whose quotient, truncated as that of `divide` is, is not 0.
    Pairs of 16 bits take seconds.

    Examples
    --------
    >>> from fastops import mitchell
    >>> errors = mitchell.error_statistics("mitchell", "float32")
    >>> f"{errors.bias:.5f} {errors.minimum:.5f} {errors.maximum:.5f}"
    '-0.03849 -0.11111 0.00000'
    """
    dtype = _checked_dtype(method, dtype)
    options = _checked_options(method, dtype, offset, corrections)
    name, exact = _METHODS[method]
    ufunc = getattr(mitchell, name)

    def measured(*operands):
        return ufunc(*operands, *options)

    sums = _Sums(relative=method != "log2")
    if dtype.name in _INTEGERS:
        _add_integers(sums, dtype, measured, method)
    elif ufunc.nin - len(options) == 1:
        _add_functions(sums, dtype, measured, exact, method)
    else:
        _add_pairs(sums, dtype, measured, exact, *map(float, options))
    return sums.statistics()


def _checked_dtype(method, dtype):
    choice("method", method, _METHODS)
    try:
        found = np.dtype(dtype)
    except TypeError:
        raise TypeError(f"dtype must be a dtype or the name of one, got {dtype!r}") from None
    if found.name not in _TYPES[method] or dtype is None:
        raise TypeError(f"dtype of method {method!r} must be one of {', '.join(_TYPES[method])}, got {dtype!r}")
    return found.newbyteorder("=")


def _checked_options(method, dtype, offset, corrections):
    """What the ufunc of a method takes beside its operands, in their type."""
    constant, count = real("offset", offset), integer("corrections", corrections, least=0)
    if count and method != "ilm":
        raise ValueError(f"corrections must be 0 for method {method!r}, got {count}")
    if method.endswith("offset"):
        with np.errstate(over="ignore"):
            constant = dtype.type(constant)
        if not np.isfinite(constant):
            raise ValueError(f"offset must be finite in {dtype}, got {offset!r}")
        return (constant,)
    if constant:
        raise ValueError(f"offset must be 0 for method {method!r}, got {offset!r}")
    if method == "ilm":
        # Products are exact from one correction less than there are bits on.
        return (_unsigned(dtype).type(min(count, 8 * dtype.itemsize)),)
    return ()


class _Sums:
    """Weighted sums of errors, added block by block."""

    def __init__(self, relative):
        self._relative = relative
        self._sums = np.zeros(4)  # of weights, errors, magnitudes, squares
        self._low, self._high = np.inf, -np.inf

    def add(self, result, exact, weights=None):
        """Add the errors of results; weights have their shape, 1 by default."""
        error = self.extremes(result, exact)
        if weights is None:
            sums = error.size, error.sum(), np.abs(error).sum(), np.square(error).sum()
        else:
            sums = weights.sum(), weights @ error, weights @ np.abs(error), weights @ np.square(error)
        self._sums += sums

    def add_exact(self, weight):
        """Add results without an error."""
        self._sums[0] += weight
        self._low, self._high = min(self._low, 0.0), max(self._high, 0.0)

    def extremes(self, result, exact):
        """Count errors for the extremes only, and return them."""
        error = result.astype(np.float64)
        error -= exact
        if self._relative:
            error /= exact
        self._low, self._high = min(self._low, error.min()), max(self._high, error.max())
        return error

    def statistics(self):
        bias, mean_absolute, square = (self._sums[1:] / self._sums[0]).tolist()
        return ErrorStatistics(bias, mean_absolute, square**0.5, float(self._low), float(self._high))


# ---- floats --------------------------------------------------------------------------------------------------------


def _grid(dtype, cells):
    """Numbers in [0, 1): all multiples of the type's last place, or midpoints; and whether these are all."""
    bits = _TYPES["mitchell"][dtype.name]
    if bits <= _FEW:
        return np.arange(1 << bits) / (1 << bits), True
    return (np.arange(cells) + 0.5) / cells, False


def _edges(dtype, cells):
    """Ends of the cells of [0, 1), from both sides: results jump there, or have a kink."""
    edges = np.arange(1, cells + 1) / cells
    return np.concatenate([edges - 1 / cells, edges - float(np.finfo(dtype).eps)])


def _add_functions(sums, dtype, measured, exact, method):
    """Errors of functions of one number."""
    fraction, complete = _grid(dtype, _CELLS * _CELLS // 4)

    def evaluated(x):
        x = x.astype(dtype)
        return measured(x), exact(x.astype(np.float64))

    first = 0 if method == "exp2" else 1
    sums.add(*evaluated(first + fraction))
    if method in ("sqrt", "rsqrt"):  # of arguments in [2, 4), which are as dense as those in [1, 2)
        sums.add(*evaluated(2 + 2 * fraction), np.full(fraction.size, 2.0))
    if not complete:
        edges = _edges(dtype, _CELLS * _CELLS // 4)
        sums.extremes(*evaluated(first + edges))
        if method in ("sqrt", "rsqrt"):
            sums.extremes(*evaluated(2 + 2 * edges))


def _add_pairs(sums, dtype, measured, exact, offset=0.0):
    """Errors of functions of two numbers."""

    def evaluated(x, y):
        x, y = (1 + x).astype(dtype), (1 + y).astype(dtype)
        return measured(x, y), exact(x.astype(np.float64), y.astype(np.float64))

    fraction, complete = _grid(dtype, _CELLS)
    sums.add(*evaluated(fraction[:, np.newaxis], fraction))
    if not complete:
        x = _edges(dtype, _CELLS // 2)
        sums.extremes(*evaluated(x[:, np.newaxis], x))
        # On these lines x + y + offset, or x - y + offset, is a whole number; and the last place below and above them.
        sign = 1 if exact is np.multiply else -1
        place = float(np.finfo(dtype).eps) * np.arange(-1, 2)[:, np.newaxis, np.newaxis]
        whole = np.arange(-1, 4)[:, np.newaxis] - offset
        for line, swapped in ((sign * (whole - x), False), (whole - sign * x, True)):
            line = line + place
            inside = (line >= 0) & (line < 1)
            pair = np.broadcast_to(x, line.shape)[inside], line[inside]
            sums.extremes(*evaluated(*(pair[::-1] if swapped else pair)))


# ---- integers ------------------------------------------------------------------------------------------------------


def _unsigned(dtype):
    return np.dtype(f"u{dtype.itemsize}")


def _magnitudes(dtype):
    """All magnitudes but 0, and how many numbers have each: what is done to them does not depend on their signs."""
    info = np.iinfo(dtype)
    magnitudes = np.arange(1, max(info.max, -info.min) + 1, dtype=_unsigned(dtype))
    counts = np.full(magnitudes.size, 2.0 if info.min else 1.0)
    counts[info.max :] = 1
    return magnitudes, counts


def _add_integers(sums, dtype, measured, method):
    magnitudes, counts = _magnitudes(dtype)
    if method == "square":
        sums.add(measured(magnitudes), magnitudes.astype(np.float64) ** 2, counts)
    elif method == "divide":
        _add_quotients(sums, measured, magnitudes, counts)
    else:
        _add_products(sums, measured, magnitudes, counts)


def _add_products(sums, measured, magnitudes, counts):
    # The relative error stays when an operand is doubled, or when both change places: pairs of odd numbers will do.
    odd, weights = magnitudes[::2], counts[::2].copy()
    doubled = 2
    while doubled <= magnitudes.size:
        of_doubled = counts[doubled - 1 :: 2 * doubled]
        weights[: of_doubled.size] += of_doubled
        doubled *= 2
    wide = odd.astype(np.float64)
    for i, x in enumerate(odd):
        for some in _blocks(i, odd.size):
            w = 2 * weights[i] * weights[some]
            if some.start == i:
                w[0] /= 2
            sums.add(measured(odd[some], x), wide[some] * wide[i], w)


def _add_quotients(sums, measured, magnitudes, counts):
    for y, count in zip(magnitudes, counts, strict=True):
        # Below 2 y the quotient is 1, and so is Mitchell's: his logarithm of x is less than that of 2 y.
        double = 2 * int(y)
        sums.add_exact(count * counts[int(y) - 1 : double - 1].sum())
        for some in _blocks(double - 1, magnitudes.size):
            x = magnitudes[some]
            sums.add(measured(x, y), x // y, count * counts[some])


def _blocks(begin, end):
    """Slices that cover a range."""
    return [slice(i, min(i + _BLOCK, end)) for i in range(begin, end, _BLOCK)]
