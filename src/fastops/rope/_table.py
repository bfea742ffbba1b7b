# SPDX-License-Identifier: BSD-3-Clause
"""Tables of cosines and sines: by the kernel, but for mixed frequencies, whose angles are summed before."""

import numpy as np

from .._arguments import positive, real
from .._fastops_core import rope_table  # type: ignore[import-not-found]
from ._frequencies import Frequencies


def table(positions, frequencies, *, axes=None, dtype=np.float32, out=None):
    """Return the cosines and sines of a rotary embedding, one row a position.

    Parameters
    ----------
    positions : array_like of int or float, shape (...)
        Token positions; negative and fractional ones are allowed. With `axes`, or with frequencies for each coordinate,
        shape (..., coordinates).
    frequencies : Frequencies
        As `frequencies` returns them.
    axes : array_like of int, shape (rotary_dim / 2,), optional
        For each pair the coordinate that turns it; see `axes_chunked`, `axes_interleaved`, `axes_grid`.
    dtype : {float32, float64}
        Element type of the tables. Angles are reduced in float64 in both cases.
    out : tuple of two ndarray, optional
        Where to write, in C order: memory that is new takes as long as the tables. Not for mixed frequencies.

    Returns
    -------
    cos, sin : ndarray, shape positions.shape + (rotary_dim / 2,)
        Multiplied by ``frequencies.attention_factor``. With several coordinates the shape is
        positions.shape[:-1] + (rotary_dim / 2,). Where ``frequencies.inverse`` has shape (heads, coordinates, pairs),
        it is positions.shape[:-1] + (heads, pairs).

    Raises
    ------
    TypeError
        If `positions` are not real numbers, `axes` not integers, or `dtype` is another one.
    ValueError
        If a position is not finite, or an integer of 2**53 or more, or an angle would be 2**31 or more; if shapes do
        not fit.

    Notes
    -----
    Angles are ``positions * frequencies.inverse``. With float32 frequencies they are rounded to float32 before cosine
    and sine are taken, which is what most frameworks compute; with float64 frequencies the tables are right to
    float32's rounding for any position below 2**24.

    A pair of several coordinates is turned by ``positions[..., axes[i]] * frequencies.inverse[i]``, with the bits of
    the one-dimensional table of that coordinate. With frequencies for each coordinate it is turned by the sum of
    their products (mixed, learned frequencies).

    Sources: J. Su et al., RoFormer (2021); B. Heo et al., Rotary Position Embedding for Vision Transformer (2024).

    Examples
    --------
    >>> import numpy as np
    >>> from fastops import rope
    >>> cos, sin = rope.table(np.arange(3), rope.frequencies(4))
    >>> cos.shape
    (3, 2)
    >>> sin[:, 0].round(4).tolist()
    [0.0, 0.8414999842643738, 0.9093000292778015]
    >>> cos, sin = rope.table([[3, 5], [3, 6]], rope.frequencies_grid([2, 2]), axes=[0, 1])
    >>> bool(cos[0, 0] == cos[1, 0]), bool(cos[0, 1] == cos[1, 1])
    (True, False)
    """
    if np.ndim(getattr(frequencies, "inverse", None)) < 2:
        return rope_table(positions, frequencies, axes=axes, dtype=dtype, out=out)
    if axes is not None:
        raise ValueError(
            f"frequencies.inverse has {frequencies.inverse.ndim} axes; with axes one is needed, a frequency for each "
            "pair"
        )
    if out is not None:
        raise ValueError("out must be None where frequencies.inverse has a frequency for each coordinate")
    positions = np.asarray(positions)
    if positions.ndim == 0:
        raise ValueError("positions has shape (); its last axis must hold the coordinates")
    return _mixed(positions, frequencies, dtype)


def _mixed(positions, frequencies, dtype):
    """Angles that are sums over the coordinates, in the precision of the frequencies."""
    inverse = np.asarray(frequencies.inverse)
    kind = inverse.dtype
    if kind not in (np.float32, np.float64):
        raise TypeError(f"frequencies.inverse has dtype {kind}; float64 or float32 is needed")
    rope_table(positions[..., :0], Frequencies(np.empty(0, kind)), dtype=dtype)  # checks the other types
    if inverse.shape[-2] != positions.shape[-1]:
        raise ValueError(
            f"positions has shape {positions.shape}; {inverse.shape[-2]} coordinates are needed, as "
            f"frequencies.inverse has, of shape {inverse.shape}"
        )
    places = positions.astype(kind).reshape(positions.shape[:-1] + (1,) * (inverse.ndim - 1) + positions.shape[-1:])
    angles = np.zeros(positions.shape[:-1] + inverse.shape[:-2] + inverse.shape[-1:], kind)
    with np.errstate(over="ignore", invalid="ignore"):  # the check that follows finds them
        for axis in range(inverse.shape[-2]):
            angles += places[..., axis] * inverse[..., axis, :]
    if angles.size and not np.abs(angles).max() < 2.0**31:
        raise ValueError("positions times frequencies must be finite and below 2**31")
    as_one_row = Frequencies(angles.astype(np.float64).reshape(-1), frequencies.attention_factor)
    return tuple(part.reshape(angles.shape) for part in rope_table(1.0, as_one_row, dtype=dtype))


def xpos_table(positions, frequencies, *, center=0.0, scale_base=512.0, dtype=np.float32):
    """Return the tables of xPos, which let scores fall with the distance: one for queries, one for keys.

    Parameters
    ----------
    positions : array_like of int or float, shape (...)
        As for `table`.
    frequencies : Frequencies
        As `frequencies` returns them.
    center : float
        The position that is not scaled. Scores do not depend on it, if queries and keys have the same.
    scale_base : float
        Positions over which pair i is scaled by ``(2 i + 0.4 rotary_dim) / (1.4 rotary_dim)``.
    dtype : {float32, float64}
        Element type of the tables.

    Returns
    -------
    for_queries, for_keys : tuple of two ndarray each, shape positions.shape + (rotary_dim / 2,)
        cos and sin, multiplied for queries by what they are divided by for keys.

    Raises
    ------
    TypeError
        As for `table`.
    ValueError
        As for `table`; if a scale would be too large or too small for `dtype`.

    Notes
    -----
    The reference codes differ in `center`: half the length of the sequence in some, 0 in the article. Computed in
    float64 and rounded once. Source: Y. Sun et al., A Length-Extrapolatable Transformer (2022).

    Examples
    --------
    >>> import numpy as np
    >>> from fastops import rope
    >>> (cos, sin), (key_cos, key_sin) = rope.xpos_table([0, 512], rope.frequencies(4))
    >>> (cos[1] / key_cos[1]).round(3)
    array([0.082, 0.413], dtype=float32)
    """
    center, scale_base = real("center", center), positive("scale_base", scale_base)
    rope_table(np.empty(0), frequencies, dtype=dtype)  # checks dtype and frequencies
    cos, sin = rope_table(positions, frequencies, dtype=np.float64)
    pairs = cos.shape[-1]
    scales = (2 * np.arange(pairs) + 0.8 * pairs) / (2.8 * pairs or 1)
    power = ((np.asarray(positions, np.float64) - center) / scale_base)[..., None] * np.log2(scales)
    limit = -np.finfo(dtype).minexp
    if power.size and not np.abs(power).max() < limit:
        raise ValueError(
            f"positions lie too far from center = {center}: the scale would be 2**{np.abs(power).max():.0f}, and must "
            f"be below 2**{limit}"
        )
    up, down = np.exp2(power), np.exp2(-power)
    return tuple(((cos * scale).astype(dtype), (sin * scale).astype(dtype)) for scale in (up, down))
