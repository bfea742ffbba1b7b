# SPDX-License-Identifier: BSD-3-Clause
"""Sinusoidal position encodings (A. Vaswani et al., Attention Is All You Need, 2017) and their relative positions."""

import math

import numpy as np

from . import _arguments as _need
from ._fastops_core import rope_table as _rope_table  # type: ignore[import-not-found]
from .rope._frequencies import Frequencies as _FrequencyTable

__all__ = ["correlation", "correlation_limit", "encode", "encode_grid", "shift_matrix"]

_LAYOUTS = ("interleaved", "sin_cos", "cos_sin")
_TYPES = ("float32", "float64", "float16", "bfloat16")
_BLOCK = 1 << 20  # cosines at a time in `correlation`: 8 MB


def encode(
    positions, dim, *, base=10000.0, layout="interleaved", shift=0, padding_index=None, dtype=np.float32, out=None
):
    """Return the sinusoidal encodings of positions.

    Parameters
    ----------
    positions : array_like of int or float, shape (...)
        Negative and fractional ones are allowed, so timesteps of diffusion models too.
    dim : int
        Length of an encoding.
    base : float
        Ratio of the first frequency to the one after the last, where `shift` is 0.
    layout : {"interleaved", "sin_cos", "cos_sin"}
        sin, cos, sin, cos, ... (the article's); all sines, then all cosines (tensor2tensor, fairseq); or the other way
        round (`flip_sin_to_cos` of diffusers).
    shift : float
        Frequencies are ``base ** (-i / (dim / 2 - shift))``: with 1 the last one is 1 / base itself (fairseq,
        tensor2tensor; `downscale_freq_shift` of diffusers).
    padding_index : int, optional
        Positions equal to it are encoded as zeros (fairseq).
    dtype : {float32, float64, float16, bfloat16}
        Element type of the result.
    out : ndarray, shape positions.shape + (dim,), optional
        Where to write, of that dtype.

    Returns
    -------
    ndarray, shape positions.shape + (dim,)

    Raises
    ------
    TypeError
        If `positions` are not real numbers, `dim` is not an integer, `dtype` is another one, or `out` has not that one.
    ValueError
        If `dim` is negative, `shift` is dim / 2 or more, the layout is unknown, `out` has another shape or is
        read-only; if a position is not finite or an angle would be 2**31 or more.

    Notes
    -----
    Of an odd `dim`, "interleaved" leaves out the last cosine; the other layouts take dim - 1 and append a zero. Angles
    are computed and reduced in float64: float32 results are within 6e-8 of the true ones for positions below 2**24.
    16-bit results are rounded from float32.

    Sources: A. Vaswani et al., Attention Is All You Need (2017); J. Ho et al., Denoising Diffusion Probabilistic Models
    (2020).

    Examples
    --------
    >>> from fastops import sinusoidal
    >>> sinusoidal.encode([0, 1], 4).round(4)
    array([[0.    , 1.    , 0.    , 1.    ],
           [0.8415, 0.5403, 0.01  , 1.    ]], dtype=float32)
    >>> sinusoidal.encode(0.5, 4, layout="cos_sin", shift=1).round(4)
    array([0.8776, 1.    , 0.4794, 0.    ], dtype=float32)
    """
    dim, kind = _need.integer("dim", dim, 0), _dtype(dtype)
    _need.choice("layout", layout, _LAYOUTS)
    frequencies = _frequencies(dim, base, layout, shift)
    places = np.asarray(positions)
    if padding_index is not None:
        padding_index = _need.integer("padding_index", padding_index)
    shape = places.shape + (dim,)
    if out is not None:
        _check_out(out, shape, kind)
    cos, sin = _rope_table(places, frequencies, dtype=np.float64 if kind == np.float64 else np.float32)
    if padding_index is not None:
        cos[places == padding_index] = sin[places == padding_index] = 0
    if out is None:
        out = np.empty(shape, kind)
    _arrange(out, cos, sin, layout)
    return out


def _dtype(dtype):
    kind = np.dtype(dtype)
    if kind.name not in _TYPES or not kind.isnative:
        raise TypeError(f"dtype must be one of {', '.join(_TYPES)}, got {kind}")
    return kind


def _check_out(out, shape, kind):
    if not isinstance(out, np.ndarray):
        raise TypeError(f"out must be a numpy.ndarray, got {type(out).__name__}")
    if out.dtype != kind:
        raise TypeError(f"out has dtype {out.dtype}; {kind} is needed")
    if out.shape != shape:
        raise ValueError(f"out has shape {out.shape}; {shape} is needed")
    if not out.flags.writeable:
        raise ValueError("out is read-only")


def _frequencies(dim, base, layout="sin_cos", shift=0):
    """Those of the sines; there are as many cosines, or one less in the interleaved layout of an odd dim."""
    base, shift = _need.positive("base", base), _need.real("shift", shift)
    half = dim / 2 if layout == "interleaved" else dim // 2
    if dim > 1 and not shift < half:
        raise ValueError(f"shift must be below {half}, half of dim = {dim}, got {shift}")
    exponents = -np.arange(math.ceil(half)) / (half - shift if dim > 1 else 1)
    return _FrequencyTable(np.float64(base) ** exponents)


def _check_angles(name, places, frequencies):
    """For arguments that are not called positions, as the kernel's message has it."""
    if places.dtype.kind not in "iuf":
        raise TypeError(f"{name} has dtype {places.dtype}; integers or real floats are needed")
    if places.size and frequencies.inverse.size:
        largest = float(np.abs(places.astype(np.float64)).max()) * float(frequencies.inverse.max())
        if not largest < 2.0**31:
            raise ValueError(f"{name} times frequency must be finite and below 2**31, got {largest}")


def _arrange(out, cos, sin, layout):
    """Write tables of cosines and sines as the layout has them."""
    dim, pairs = out.shape[-1], cos.shape[-1]
    if layout == "interleaved":
        out[..., 0::2] = sin
        out[..., 1::2] = cos[..., : dim // 2]
        return
    first, second = (sin, cos) if layout == "sin_cos" else (cos, sin)
    out[..., :pairs] = first
    out[..., pairs : 2 * pairs] = second
    out[..., 2 * pairs :] = 0


def encode_grid(
    height, width, dim, *, base=10000.0, layout="interleaved", shift=0, order="row_column", dtype=np.float32, out=None
):
    """Return the sinusoidal encodings of the cells of an image: half of the lanes for each coordinate.

    Parameters
    ----------
    height, width : int
        Numbers of rows and columns.
    dim : int
        Length of an encoding, even; each coordinate is encoded by `encode` in dim / 2 lanes.
    base, layout, shift
        As for `encode`.
    order : {"row_column", "column_row"}
        Which coordinate has the first half. MAE's encoding is "column_row" with layout "sin_cos".
    dtype, out
        As for `encode`.

    Returns
    -------
    ndarray, shape (height, width, dim)

    Raises
    ------
    TypeError, ValueError
        As for `encode`; if `height` or `width` is negative, `dim` odd, or `order` unknown.

    Notes
    -----
    Source: K. He et al., Masked Autoencoders Are Scalable Vision Learners (2021).

    Examples
    --------
    >>> from fastops import sinusoidal
    >>> sinusoidal.encode_grid(2, 3, 4)[1, 2].round(4)
    array([ 0.8415,  0.5403,  0.9093, -0.4161], dtype=float32)
    """
    height, width, half = (
        _need.integer("height", height, 0),
        _need.integer("width", width, 0),
        _need.even("dim", dim) // 2,
    )
    _need.choice("order", order, ("row_column", "column_row"))
    shape = (height, width, 2 * half)
    kind = _dtype(dtype)
    if out is not None:
        _check_out(out, shape, kind)
    options = {"base": base, "layout": layout, "shift": shift, "dtype": kind}
    rows, columns = encode(np.arange(height), half, **options), encode(np.arange(width), half, **options)
    if out is None:
        out = np.empty(shape, kind)
    first, second = out[..., :half], out[..., half:]
    of_rows, of_columns = (first, second) if order == "row_column" else (second, first)
    of_rows[...] = rows[:, None]
    of_columns[...] = columns
    return out


def shift_matrix(k, dim, *, base=10000.0, layout="interleaved", shift=0):
    """Return the matrix that takes the encoding of any position m to that of m + k.

    Parameters
    ----------
    k : int or float
        How far.
    dim : int
        Length of an encoding, even.
    base, layout, shift
        As for `encode`.

    Returns
    -------
    ndarray of float64, shape (dim, dim)
        M with ``encode(m + k) = M @ encode(m)``; orthogonal, a rotation of each pair of sine and cosine.

    Raises
    ------
    TypeError, ValueError
        As for `encode`; if `dim` is odd, as the last sine has no cosine then.

    Notes
    -----
    Source: J. Su, Transformer upgrades 1 (kexue.fm 8231, 2021).

    Examples
    --------
    >>> from fastops import sinusoidal
    >>> sinusoidal.shift_matrix(1, 2).round(4)
    array([[ 0.5403,  0.8415],
           [-0.8415,  0.5403]])
    """
    k, dim = _need.real("k", k), _need.even("dim", dim)
    _need.choice("layout", layout, _LAYOUTS)
    frequencies = _frequencies(dim, base, layout, shift)
    _check_angles("k", np.float64(k), frequencies)
    cos, sin = _rope_table(k, frequencies, dtype=np.float64)
    pairs = np.arange(dim // 2)
    sines, cosines = {
        "interleaved": (2 * pairs, 2 * pairs + 1),
        "sin_cos": (pairs, pairs + dim // 2),
        "cos_sin": (pairs + dim // 2, pairs),
    }[layout]
    matrix = np.zeros((dim, dim))
    matrix[sines, sines] = matrix[cosines, cosines] = cos
    matrix[sines, cosines], matrix[cosines, sines] = sin, -sin
    return matrix


def correlation(distance, dim, *, base=10000.0, shift=0):
    """Return the inner product of two encodings that lie so far apart, over that of an encoding with itself.

    Parameters
    ----------
    distance : array_like of int or float, shape (...)
        Difference of the positions.
    dim : int
        Length of an encoding, even and not 0.
    base, shift
        As for `encode`.

    Returns
    -------
    ndarray of float64, shape (...)
        The mean of ``cos(distance * frequency)``: 1 at distance 0, for any layout.

    Raises
    ------
    TypeError, ValueError
        As for `encode`; if `dim` is odd or 0.

    Notes
    -----
    Source: J. Su, Transformer upgrades 1 (kexue.fm 8231, 2021).

    Examples
    --------
    >>> from fastops import sinusoidal
    >>> sinusoidal.correlation([0, 1, 10], 128).round(4)
    array([1.    , 0.9702, 0.6691])
    """
    if not _need.even("dim", dim):
        raise ValueError("dim must be at least 2, got 0")
    frequencies, places = _frequencies(_need.integer("dim", dim), base, shift=shift), np.asarray(distance)
    _check_angles("distance", places, frequencies)
    flat, result = places.reshape(-1), np.empty(places.size)
    rows = max(1, _BLOCK // frequencies.inverse.size)
    for begin in range(0, flat.size, rows):
        part = slice(begin, begin + rows)
        result[part] = _rope_table(flat[part], frequencies, dtype=np.float64)[0].mean(axis=-1)
    return result.reshape(places.shape)


def correlation_limit(distance, *, base=10000.0):
    """Return what `correlation` tends to as encodings get longer.

    Parameters
    ----------
    distance : array_like of int or float, shape (...)
        Difference of the positions.
    base : float
        As for `encode`; above 1.

    Returns
    -------
    ndarray of float64, shape (...)
        ``(Ci(x) - Ci(x / base)) / ln(base)`` of the cosine integral and x = |distance|; 1 at 0, and 0 at infinity.

    Raises
    ------
    TypeError
        If `distance` is not of real numbers.
    ValueError
        If `base` is not above 1 and finite.

    Notes
    -----
    This is the integral of ``cos(x base**-t)`` over t from 0 to 1, of which `correlation` is a Riemann sum: they differ
    by about 1 / dim. The absolute error is below 1e-15 + 1e-15 / ln(base).

    Sources: of the integral J. Su, Transformer upgrades 1 (kexue.fm 8231, 2021); of the continued fraction M.
    Abramowitz and I. A. Stegun, Handbook of Mathematical Functions (1964), 5.1.22.

    Examples
    --------
    >>> from fastops import sinusoidal
    >>> sinusoidal.correlation_limit([0, 1, 10, 1000]).round(4)
    array([1.    , 0.974 , 0.6824, 0.1877])
    """
    from ._sinusoidal_limit import cosine_integral_difference

    base = _need.positive("base", base)
    if not base > 1:
        raise ValueError(f"base must be above 1, got {base}")
    places = np.asarray(distance)
    if places.dtype.kind not in "iuf":
        raise TypeError(f"distance has dtype {places.dtype}; integers or real floats are needed")
    x = np.abs(places.astype(np.float64)).reshape(-1)
    return (cosine_integral_difference(x, base) / math.log(base)).reshape(places.shape)
