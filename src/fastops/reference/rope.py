# SPDX-License-Identifier: BSD-3-Clause
"""Rotary position embeddings in plain NumPy.

Pair i of a vector at position p is turned by the angle p * base**(-2i / rotary_dim).

References
----------
J. Su, Y. Lu, S. Pan, A. Murtadha, B. Wen, Y. Liu, "RoFormer: Enhanced Transformer with Rotary
Position Embedding", 2021, arXiv:2104.09864.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

__all__ = ["frequencies", "rotate", "rotate_qk", "table"]


def frequencies(rotary_dim: int, base: float = 10000.0, precision: str = "float64") -> NDArray[Any]:
    """Angles by which one position turns each pair of lanes.

    Parameters
    ----------
    rotary_dim : int
        Even number of rotated lanes.
    base : float
    precision : {"float64", "float32"}
        "float32" takes every step in float32, as most frameworks do.

    Returns
    -------
    ndarray, shape (rotary_dim / 2,)
        Radians per position, in that precision.

    Examples
    --------
    >>> frequencies(4)
    array([1.  , 0.01])
    """
    if rotary_dim < 0 or rotary_dim % 2:
        raise ValueError(f"rotary_dim must be even and not negative, got {rotary_dim}")
    if precision == "float64":
        return np.float64(base) ** (-np.arange(0, rotary_dim, 2) / rotary_dim)
    if precision == "float32":
        exponent = np.arange(0, rotary_dim, 2, dtype=np.float32) / np.float32(rotary_dim)
        power = np.power(float(np.float32(base)), exponent.astype(np.float64))  # rounded once
        return np.float32(1) / power.astype(np.float32)
    raise ValueError(f'precision must be "float64" or "float32", got {precision!r}')


def table(
    positions: ArrayLike,
    inverse: ArrayLike,
    attention_factor: float = 1.0,
    dtype: DTypeLike = np.float32,
    axes: ArrayLike | None = None,
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Cosines and sines of all positions' angles, times the attention factor.

    Parameters
    ----------
    positions : array_like, shape (...)
        Integers or floats, negative ones too.
    inverse : array_like, shape (pairs,)
        What `frequencies` returns. Where it is float32, positions and angles are rounded to
        float32, as most frameworks do; cosine and sine are taken in float64 all the same.
    attention_factor : float
    dtype : dtype
        float32 or float64.
    axes : array_like of int, shape (pairs,), optional
        ``positions`` has shape (..., coordinates), and this says which of them each pair takes.

    Returns
    -------
    cos, sin : ndarray, shape (..., pairs)

    Examples
    --------
    >>> cos, sin = table([0, 1], [1.0])
    >>> cos.shape
    (2, 1)
    """
    inverse = np.asarray(inverse)
    precision = np.float32 if inverse.dtype == np.float32 else np.float64
    positions = np.asarray(positions).astype(precision)
    of_pairs = positions[..., np.newaxis] if axes is None else positions[..., np.asarray(axes)]
    angle = of_pairs * inverse.astype(precision)
    angle = angle.astype(np.float64)
    cos, sin = attention_factor * np.cos(angle), attention_factor * np.sin(angle)
    return cos.astype(dtype), sin.astype(dtype)


def rotate(
    x: ArrayLike,
    cos: ArrayLike,
    sin: ArrayLike,
    layout: str = "half",
    start: int = 0,
    inverse: bool = False,
    full_width: bool = False,
) -> NDArray[Any]:
    """Turn each pair of lanes of ``x`` by its angle.

    Parameters
    ----------
    x : ndarray, shape (..., head_dim)
        float16, bfloat16, float32 or float64. 16-bit numbers are computed in float32 and rounded
        once.
    cos, sin : array_like, shape (..., rotary_dim / 2)
        No wider than the precision of the computation. Their leading axes broadcast to those of
        ``x``.
    layout : {"half", "interleaved"}
        Lane i is paired with lane i + rotary_dim / 2, or lane 2i with lane 2i + 1.
    start : int
        The first rotated lane; lanes outside the rotated ones are copied.
    inverse : bool
        Turn the other way round (the transposed map).
    full_width : bool
        ``cos`` and ``sin`` have one entry per lane, shape (..., rotary_dim).

    Returns
    -------
    ndarray, shape and dtype of ``x``

    Examples
    --------
    >>> rotate(np.array([1.0, 2.0]), [0.0], [1.0])
    array([-2.,  1.])
    """
    x = np.asarray(x)
    if x.dtype.name not in ("float16", "bfloat16", "float32", "float64") or not x.dtype.isnative:
        raise TypeError(f"x must be float16, bfloat16, float32 or float64, got {x.dtype!r}")
    compute = np.float64 if x.dtype == np.float64 else np.float32
    cos, sin = _factors("cos", cos, compute), _factors("sin", sin, compute)
    if inverse:
        sin = -sin
    rotary_dim = _rotary_dim(x, cos, sin, start, full_width)
    lane0, lane1 = _lanes(layout, start, rotary_dim)
    if full_width:  # the tables are laid out as the lanes are
        of0, of1 = _lanes(layout, 0, rotary_dim)
        cos0, cos1, sin0, sin1 = cos[..., of0], cos[..., of1], sin[..., of0], sin[..., of1]
    else:
        cos0 = cos1 = cos
        sin0 = sin1 = sin
    x0, x1 = x[..., lane0].astype(compute, copy=False), x[..., lane1].astype(compute, copy=False)
    out = np.empty(x.shape, x.dtype)
    out[..., :start] = x[..., :start]
    with np.errstate(over="ignore", invalid="ignore"):  # infinities and overflow are values here
        out[..., lane0] = x0 * cos0 - x1 * sin0
        out[..., lane1] = x1 * cos1 + x0 * sin1
    out[..., start + rotary_dim :] = x[..., start + rotary_dim :]
    return out


def rotate_qk(
    q: ArrayLike,
    k: ArrayLike,
    cos: ArrayLike,
    sin: ArrayLike,
    layout: str = "half",
    start: int = 0,
    inverse: bool = False,
    full_width: bool = False,
) -> tuple[NDArray[Any], NDArray[Any]]:
    """`rotate` of queries and keys with the same tables; they may differ in the number of heads.

    Examples
    --------
    >>> rotate_qk(np.array([1.0, 2.0]), np.array([0.0, 1.0]), [0.0], [1.0])
    (array([-2.,  1.]), array([-1.,  0.]))
    """
    same = (cos, sin, layout, start, inverse, full_width)
    return rotate(q, *same), rotate(k, *same)


def _factors(name: str, values: ArrayLike, compute: type) -> NDArray[Any]:
    values = np.asarray(values)
    if not np.can_cast(values.dtype, compute, "safe"):
        raise TypeError(f"{name} must be at most {compute.__name__} here, got {values.dtype!r}")
    return values.astype(compute, copy=False)


def _lanes(layout: str, start: int, rotary_dim: int) -> tuple[slice, slice]:
    """Slices of the first and of the second lanes of all pairs."""
    stop = start + rotary_dim
    if layout == "half":
        middle = start + rotary_dim // 2
        return slice(start, middle), slice(middle, stop)
    if layout == "interleaved":
        return slice(start, stop, 2), slice(start + 1, stop, 2)
    raise ValueError(f'layout must be "half" or "interleaved", got {layout!r}')


def _rotary_dim(x: NDArray[Any], cos: NDArray[Any], sin: NDArray[Any], start: int, full_width: bool) -> int:
    if min(x.ndim, cos.ndim, sin.ndim) == 0 or cos.shape[-1] != sin.shape[-1]:
        raise ValueError(
            "x, cos and sin must have a last axis, that of cos equal to that of sin, "
            f"got shapes {x.shape}, {cos.shape} and {sin.shape}"
        )
    rotary_dim: int = cos.shape[-1] if full_width else 2 * cos.shape[-1]
    if rotary_dim % 2:
        raise ValueError(f"full-width cos and sin must have an even last axis, got {cos.shape}")
    if start < 0 or start + rotary_dim > x.shape[-1]:
        raise ValueError(f"lanes [{start}, {start + rotary_dim}) must lie within the last axis of x, got {x.shape}")
    return rotary_dim
