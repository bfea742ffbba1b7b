# SPDX-License-Identifier: BSD-3-Clause
"""Rotary position embeddings (J. Su et al., RoFormer, 2021)."""

import numbers

import numpy as np

from ._fastops_core import rope_rotate as rotate
from ._fastops_core import rope_rotate_qk as rotate_qk
from ._fastops_core import rope_table as table

__all__ = ["Frequencies", "Rotary", "frequencies", "rotate", "rotate_qk", "table"]


class Frequencies:
    """Angular frequencies of the pairs of a rotary embedding.

    Attributes
    ----------
    inverse : ndarray, shape (rotary_dim / 2,)
        Radians per position (the inverse of the wavelength over 2 pi). float64, or float32 to have angles rounded as
        frameworks that work in float32 round them.
    attention_factor : float
        What tables of cosines and sines are multiplied by.
    """

    __slots__ = ("attention_factor", "inverse")

    def __init__(self, inverse, attention_factor=1.0):
        self.inverse = inverse
        self.attention_factor = attention_factor

    def __repr__(self):
        return f"Frequencies({self.inverse!r}, attention_factor={self.attention_factor!r})"


def frequencies(rotary_dim, *, base=10000.0, precision="float64"):
    """Return the frequencies ``base ** (-2 i / rotary_dim)`` of pairs i.

    Parameters
    ----------
    rotary_dim : int
        Number of rotated lanes, even.
    base : float
        Ratio of the first frequency to the one after the last.
    precision : {"float64", "float32"}
        "float64" gives the frequencies right to float64, and angles that are computed in float64. "float32" repeats the
        float32 arithmetic of the common frameworks, in the frequencies and in the angles, which is off by 0.03 radians
        at position one million.

    Returns
    -------
    Frequencies

    Raises
    ------
    TypeError
        If `rotary_dim` is not an integer.
    ValueError
        If `rotary_dim` is odd or negative, `base` not positive and finite, or `precision` unknown.

    Examples
    --------
    >>> from fastops import rope
    >>> rope.frequencies(8).inverse
    array([1.   , 0.1  , 0.01 , 0.001])
    """
    dim = _index("rotary_dim", rotary_dim)
    if dim < 0 or dim % 2:
        raise ValueError(f"rotary_dim must be even and at least 0, got {dim}")
    if not isinstance(base, numbers.Real):
        raise TypeError(f"base must be a real number, got {type(base).__name__}")
    if not 0 < base < float("inf"):
        raise ValueError(f"base must be positive and finite, got {base!r}")
    if precision == "float64":
        return Frequencies(np.float64(base) ** (-np.arange(0, dim, 2) / max(dim, 1)))
    if precision == "float32":
        exponent = np.arange(0, dim, 2).astype(np.float32) / np.float32(max(dim, 1))
        return Frequencies(np.float32(1) / np.float32(base) ** exponent)
    raise ValueError(f"precision must be 'float64' or 'float32', got {precision!r}")


def _index(name, value):
    try:
        return value.__index__()
    except AttributeError:
        raise TypeError(f"{name} must be an integer, got {type(value).__name__}") from None


class Rotary:
    """A rotary embedding that keeps its tables.

    Parameters
    ----------
    head_dim : int
        Lanes of a head.
    rotary_dim : int, optional
        How many of them, from the first, are rotated; even. All by default.
    base : float
        As for `frequencies`.
    layout : {"half", "interleaved"}
        As for `rotate`.

    Raises
    ------
    TypeError, ValueError
        As for `frequencies`; if `rotary_dim` is above `head_dim`, or `layout` is unknown.

    Notes
    -----
    Tables grow on demand, up to `Rotary.TABLE_ROWS` positions; rows for other positions are computed when they are
    needed. An instance may be used from many threads, and pickles.

    Source: J. Su et al., RoFormer (2021).

    Examples
    --------
    >>> import numpy as np
    >>> from fastops import rope
    >>> rotary = rope.Rotary(64)
    >>> q, k = np.ones((2, 10, 8, 64), np.float32), np.ones((2, 10, 2, 64), np.float32)
    >>> q1, k1 = rotary(q, k)
    >>> q2 = rotary(q[:, 7:], offset=7)
    >>> np.array_equal(q1[:, 7:], q2)
    True
    """

    TABLE_ROWS = 1 << 16  # 32 MB of float32 tables at 128 lanes

    def __init__(self, head_dim, *, rotary_dim=None, base=10000.0, layout="half"):
        self.head_dim = _index("head_dim", head_dim)
        self.rotary_dim = self.head_dim if rotary_dim is None else _index("rotary_dim", rotary_dim)
        self.frequencies = frequencies(self.rotary_dim, base=base)
        if self.rotary_dim > self.head_dim:
            raise ValueError(f"rotary_dim must be at most head_dim = {self.head_dim}, got {self.rotary_dim}")
        if layout not in ("half", "interleaved"):
            raise ValueError(f"layout must be one of 'half', 'interleaved', got {layout!r}")
        self.base = base
        self.layout = layout
        self._tables = {}

    def __repr__(self):
        return f"Rotary({self.head_dim}, rotary_dim={self.rotary_dim}, base={self.base}, layout={self.layout!r})"

    def __getstate__(self):
        return {**self.__dict__, "_tables": {}}

    def __call__(self, q, k=None, *, positions=None, offset=0, heads_axis=-2, inverse=False, out=None):
        """Rotate q, and k if given, each token by its position.

        Parameters
        ----------
        q, k : ndarray, shape (..., tokens, heads, head_dim)
            Or (..., heads, tokens, head_dim) with ``heads_axis=-3``. Numbers of heads may differ.
        positions : array_like of int or float, shape (..., tokens), optional
            Default: 0, 1, 2, ...
        offset : int or array_like of int, shape (batch...)
            Added to all positions; one number, or one per row of the leading axes.
        heads_axis : {-2, -3}
            Which axis holds the heads.
        inverse : bool
            Rotate back.
        out : ndarray, or tuple of two where k is given
            Where to write; ``q``, or ``(q, k)``, rotates in place.

        Returns
        -------
        ndarray, or tuple of two where k is given

        Raises
        ------
        TypeError, ValueError
            As for `table` and `rotate`; if `q` has another head_dim or too few axes.
        """
        if heads_axis not in (-2, -3):
            raise ValueError(f"heads_axis must be -2 or -3, got {heads_axis!r}")
        tokens_axis = -5 - heads_axis
        for name, x in (("q", q), ("k", k)):
            if x is None and name == "k":
                continue
            if not isinstance(x, np.ndarray):
                raise TypeError(f"{name} must be a numpy.ndarray, got {type(x).__name__}")
            if x.ndim < 3 or x.shape[-1] != self.head_dim:
                raise ValueError(
                    f"{name} has shape {x.shape}; at least three axes are needed, the last {self.head_dim} long"
                )
        if k is not None and k.shape[tokens_axis] != q.shape[tokens_axis]:
            raise ValueError(f"k has shape {k.shape}; {q.shape[tokens_axis]} tokens are needed, as q has")
        cos, sin = self._rows(
            q.shape[tokens_axis], positions, offset, np.float64 if q.dtype == np.float64 else np.float32
        )
        if heads_axis == -2:
            cos, sin = cos[..., None, :], sin[..., None, :]
        elif cos.ndim > 2:
            cos, sin = cos[..., None, :, :], sin[..., None, :, :]
        if k is None:
            return rotate(q, cos, sin, layout=self.layout, inverse=inverse, out=out)
        return rotate_qk(q, k, cos, sin, layout=self.layout, inverse=inverse, out=out)

    def shift(self, k, delta, *, heads_axis=-2, out=None):
        """Move rotated keys to other positions: a key at p becomes the key at p + delta.

        Parameters
        ----------
        k : ndarray
            Keys as this object has rotated them; shape as for calls.
        delta : int or array_like of int, shape (batch...)
            How far, one number or one per row of the leading axes.
        heads_axis : {-2, -3}
            Which axis holds the heads.
        out : ndarray, optional
            Where to write; ``k`` shifts in place.

        Returns
        -------
        ndarray
        """
        tokens = k.shape[-5 - heads_axis] if isinstance(k, np.ndarray) and k.ndim >= 3 else 0
        return self(k, positions=np.zeros(tokens, np.int64), offset=delta, heads_axis=heads_axis, out=out)

    def _rows(self, tokens, positions, offset, dtype):
        """Tables of shape (..., tokens, rotary_dim / 2)."""
        if positions is None and isinstance(offset, int) and 0 <= offset <= self.TABLE_ROWS - tokens:
            cos, sin = self._table(offset + tokens, dtype)
            return cos[offset : offset + tokens], sin[offset : offset + tokens]
        offset = np.asarray(offset)
        if offset.dtype.kind not in "iu":
            raise TypeError(f"offset has dtype {offset.dtype}; integers are needed")
        positions = np.arange(tokens) if positions is None else np.asarray(positions)
        if positions.ndim == 0 or positions.shape[-1] != tokens:
            raise ValueError(f"positions has shape {positions.shape}; its last axis must have {tokens} tokens")
        return table(positions + offset[..., None], self.frequencies, dtype=dtype)

    def _table(self, rows, dtype):
        """At least the first rows of the table. Threads may both grow it: each uses the one that it made."""
        kept = self._tables.get(dtype)
        if kept is None or len(kept[0]) < rows:
            kept = table(np.arange(max(256, 1 << (rows - 1).bit_length())), self.frequencies, dtype=dtype)
            self._tables[dtype] = kept
        return kept
