# SPDX-License-Identifier: BSD-3-Clause
"""Sinusoidal position encodings in plain NumPy.

References
----------
A. Vaswani et al., "Attention Is All You Need", 2017, arXiv:1706.03762.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

__all__ = ["correlation", "correlation_limit", "encode", "encode_grid", "shift_matrix"]


def encode(
    positions: ArrayLike,
    dim: int,
    base: float = 10000.0,
    layout: str = "interleaved",
    shift: float = 0,
    padding_index: int | None = None,
    dtype: DTypeLike = np.float32,
) -> NDArray[Any]:
    """Sines and cosines of positions times ``base ** (-i / (dim / 2 - shift))``.

    Parameters
    ----------
    positions : array_like, shape (...)
    dim : int
        Of an odd one, the interleaved layout has no last cosine, the others a last zero.
    base : float
    layout : {"interleaved", "sin_cos", "cos_sin"}
    shift : float
    padding_index : int, optional
        A position whose encoding is zero.
    dtype : dtype

    Returns
    -------
    ndarray, shape (..., dim)

    Examples
    --------
    >>> encode(0, 4)
    array([0., 1., 0., 1.], dtype=float32)
    """
    positions = np.asarray(positions)
    half = dim / 2 if layout == "interleaved" else dim // 2
    i = np.arange(np.ceil(half))
    angle = positions[..., np.newaxis].astype(np.float64) * base ** (-i / (half - shift or 1))
    parts = {"interleaved": (np.sin, np.cos), "sin_cos": (np.sin, np.cos), "cos_sin": (np.cos, np.sin)}[layout]
    first, second = (function(angle) for function in parts)
    encoded = np.zeros((*positions.shape, dim))
    if layout == "interleaved":
        encoded[..., 0::2], encoded[..., 1::2] = first, second[..., : dim // 2]
    else:
        encoded[..., : i.size], encoded[..., i.size : 2 * i.size] = first, second
    if padding_index is not None:
        encoded[positions == padding_index] = 0
    return encoded.astype(dtype)


def encode_grid(
    height: int,
    width: int,
    dim: int,
    base: float = 10000.0,
    layout: str = "interleaved",
    shift: float = 0,
    order: str = "row_column",
    dtype: DTypeLike = np.float32,
) -> NDArray[Any]:
    """The encodings of row and column, each in half of the lanes.

    Examples
    --------
    >>> encode_grid(1, 1, 4)
    array([[[0., 1., 0., 1.]]], dtype=float32)
    """
    row, column = np.indices((height, width))
    first, second = (row, column) if order == "row_column" else (column, row)
    return np.concatenate([encode(x, dim // 2, base, layout, shift, dtype=dtype) for x in (first, second)], axis=-1)


def shift_matrix(
    k: float, dim: int, base: float = 10000.0, layout: str = "interleaved", shift: float = 0
) -> NDArray[Any]:
    """The matrix that takes the encoding of m to that of m + k: a rotation of each sine and its cosine.

    Examples
    --------
    >>> shift_matrix(0, 2) + 0.0
    array([[1., 0.],
           [0., 1.]])
    """
    matrix = np.zeros((dim, dim))
    for i in range(dim // 2):
        sine, cosine = {
            "interleaved": (2 * i, 2 * i + 1),
            "sin_cos": (i, i + dim // 2),
            "cos_sin": (i + dim // 2, i),
        }[layout]
        angle = k * base ** (-i / (dim / 2 - shift))
        matrix[sine, sine] = matrix[cosine, cosine] = np.cos(angle)
        matrix[sine, cosine], matrix[cosine, sine] = np.sin(angle), -np.sin(angle)
    return matrix


def correlation(distance: ArrayLike, dim: int, base: float = 10000.0, shift: float = 0) -> NDArray[Any]:
    """Inner product of two encodings, over that of one with itself.

    Examples
    --------
    >>> float(correlation(0, 8))
    1.0
    """
    here, there = (encode(x, dim, base, "sin_cos", shift, dtype=np.float64) for x in (np.zeros(()), distance))
    return np.asarray((here * there).sum(axis=-1) / (dim / 2))


def correlation_limit(distance: ArrayLike, base: float = 10000.0, steps: int = 1 << 16) -> NDArray[Any]:
    """The integral of ``cos(distance * base**-t)`` over t from 0 to 1, by the trapezoidal rule.

    Examples
    --------
    >>> float(correlation_limit(0.0).round(9))
    1.0
    """
    t = np.linspace(0, 1, steps + 1)
    values = np.cos(np.asarray(distance, np.float64)[..., np.newaxis] * base**-t)
    return np.asarray(np.trapezoid(values, t, axis=-1))
