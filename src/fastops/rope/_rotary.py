# SPDX-License-Identifier: BSD-3-Clause
"""A rotary embedding that keeps its tables."""

import numpy as np

from .._arguments import choice, integer, integers
from .._fastops_core import RotaryCall, rope_rotate, rope_rotate_qk, rope_table  # type: ignore[import-not-found]
from ._frequencies import Frequencies, frequencies


class Rotary(RotaryCall):
    """A rotary embedding that keeps its tables.

    Parameters
    ----------
    head_dim : int
        Lanes of a head.
    rotary_dim : int, optional
        How many of them, from the first, are rotated; even. All by default.
    base : float
        As for `frequencies`.
    scaling : Linear, NTK, DynamicNTK, YaRN, Llama3, LongRoPE or Proportional, optional
        As for `frequencies`.
    layout : {"half", "interleaved"}
        As for `rotate`.

    Raises
    ------
    TypeError, ValueError
        As for `frequencies`; if `rotary_dim` is above `head_dim`, or `layout` is unknown.

    Notes
    -----
    A call, ``rotary(q, k=None, *, positions=None, offset=0, sequence_length=None, heads_axis=-2, inverse=False,
    out=None)``, rotates `q`, and `k` if given, each token by its position, and returns one array or both:

    q, k : ndarray, shape (..., tokens, heads, head_dim)
        Or (..., heads, tokens, head_dim) with ``heads_axis=-3``. Numbers of heads may differ.
    positions : array_like of int or float, shape (..., tokens), optional
        Default: 0, 1, 2, ...
    offset : int or array_like of int, shape (batch...)
        Added to all positions; one number, or one per row of the leading axes.
    sequence_length : int, optional
        For scalings that depend on it; by default the largest position plus one.
    heads_axis : {-2, -3}
        Which axis holds the heads.
    inverse : bool
        Rotate back. Where a scaling has an attention factor, this is the transpose, as for `rotate`.
    out : ndarray, or tuple of two where k is given
        Where to write; ``q``, or ``(q, k)``, rotates in place.

    It raises what `table` and `rotate` raise, and ValueError if `q` has another head_dim or too few axes.

    Tables grow on demand, up to `Rotary.TABLE_ROWS` positions; rows for other positions are computed when they are
    needed. An instance may be used from many threads, and pickles.

    `DynamicNTK` and `LongRoPE` take other frequencies for longer sequences. Each call takes those of `sequence_length`,
    by default the largest position of the call plus one, as the common frameworks do while a sequence grows. Keys that
    were kept from a shorter sequence have its frequencies: to have the same for all, give the same `sequence_length` to
    all calls.

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

    __module__ = "fastops.rope"
    TABLE_ROWS = 1 << 16  # 32 MB of float32 tables at 128 lanes

    def __init__(self, head_dim, *, rotary_dim=None, base=10000.0, scaling=None, layout="half"):
        self.head_dim = integer("head_dim", head_dim)
        self.rotary_dim = self.head_dim if rotary_dim is None else integer("rotary_dim", rotary_dim)
        self.frequencies = frequencies(self.rotary_dim, base=base, scaling=scaling)
        if self.rotary_dim > self.head_dim:
            raise ValueError(f"rotary_dim must be at most head_dim = {self.head_dim}, got {self.rotary_dim}")
        self.base = base
        self.scaling = scaling
        self.layout = choice("layout", layout, ("half", "interleaved"))
        # Whether frequencies depend on the length: they do if one that is longer than any original changes them.
        self._by_length = scaling is not None and scaling._length(1 << 62) is not None
        self._tables = {}
        self._grown = None, None  # the last length that was longer than the original, and its frequencies

    def __repr__(self):
        scaling = "" if self.scaling is None else f", scaling={self.scaling}"
        return (
            f"Rotary({self.head_dim}, rotary_dim={self.rotary_dim}, base={self.base}{scaling}, layout={self.layout!r})"
        )

    def __getstate__(self):
        return {**self.__dict__, "_tables": {}, "_grown": (None, None)}

    def _call(self, q, k, positions, offset, sequence_length, heads_axis, inverse, out):
        """What the kept table has no answer for, and wrong arguments."""
        tokens = self._tokens(q, k, heads_axis)
        cos, sin = self._rows(tokens, positions, offset, sequence_length, _table_type(q))
        return self._rotate(q, k, cos, sin, heads_axis, inverse, out)

    def shift(self, k, delta, *, sequence_length=None, heads_axis=-2, out=None):
        """Move rotated keys to other positions: a key at p becomes the key at p + delta.

        Parameters
        ----------
        k : ndarray
            Keys as this object has rotated them; shape as for calls.
        delta : int or array_like of int, shape (batch...)
            How far, one number or one per row of the leading axes.
        sequence_length : int, optional
            The one with which the keys were rotated; needed for scalings that depend on it.
        heads_axis : {-2, -3}
            Which axis holds the heads.
        out : ndarray, optional
            Where to write; ``k`` shifts in place.

        Returns
        -------
        ndarray

        Raises
        ------
        TypeError, ValueError
            As for calls; if `sequence_length` is needed and not given.
        """
        tokens = self._tokens(k, None, heads_axis, "k")
        if self._by_length and sequence_length is None:
            raise ValueError(f"sequence_length must be given: the frequencies of {self.scaling} depend on it")
        delta = integers("delta", delta)[..., None] + np.zeros(tokens, np.int64)
        # The attention factor is in the keys already.
        turning = Frequencies(self._frequencies(sequence_length).inverse)
        cos, sin = rope_table(delta, turning, dtype=_table_type(k))
        return self._rotate(k, None, cos, sin, heads_axis, False, out)

    def _tokens(self, q, k, heads_axis, name="q"):
        """Number of tokens, of arrays that fit."""
        if heads_axis not in (-2, -3):
            raise ValueError(f"heads_axis must be -2 or -3, got {heads_axis!r}")
        for label, x in ((name, q), ("k", k)):
            if x is None and x is k:
                continue
            if not isinstance(x, np.ndarray):
                raise TypeError(f"{label} must be a numpy.ndarray, got {type(x).__name__}")
            if x.ndim < 3 or x.shape[-1] != self.head_dim:
                raise ValueError(
                    f"{label} has shape {x.shape}; at least three axes are needed, the last {self.head_dim} long"
                )
        tokens = q.shape[-5 - heads_axis]
        if k is not None and k.shape[-5 - heads_axis] != tokens:
            raise ValueError(f"k has shape {k.shape}; {tokens} tokens are needed, as q has")
        return tokens

    def _rotate(self, q, k, cos, sin, heads_axis, inverse, out):
        if heads_axis == -2:
            cos, sin = cos[..., None, :], sin[..., None, :]
        elif cos.ndim > 2:
            cos, sin = cos[..., None, :, :], sin[..., None, :, :]
        if k is None:
            return rope_rotate(q, cos, sin, layout=self.layout, inverse=inverse, out=out)
        return rope_rotate_qk(q, k, cos, sin, layout=self.layout, inverse=inverse, out=out)

    def _rows(self, tokens, positions, offset, sequence_length, dtype):
        """Tables of shape (..., tokens, rotary_dim / 2)."""
        in_table = positions is None and isinstance(offset, int) and 0 <= offset <= self.TABLE_ROWS - tokens
        if in_table and (not self._by_length or (sequence_length is None and self._is_short(offset + tokens))):
            cos, sin = self._table(offset + tokens, dtype)
            return cos[offset : offset + tokens], sin[offset : offset + tokens]
        offset = integers("offset", offset)
        places = np.arange(tokens) if positions is None else np.asarray(positions)
        if places.ndim == 0 or places.shape[-1] != tokens:
            raise ValueError(f"positions has shape {places.shape}; its last axis must have {tokens} tokens")
        if places.dtype.kind in "iu":
            places = integers("positions", places)
        elif places.dtype.kind != "f":
            raise TypeError(f"positions has dtype {places.dtype}; integers or real floats are needed")
        places = places + offset[..., None]
        if self._by_length and sequence_length is None and places.size:
            last = float(places.max())
            sequence_length = int(last) + 1 if -1 < last < float("inf") else None  # the table refuses the others
        return rope_table(places, self._frequencies(sequence_length), dtype=dtype)

    def _is_short(self, length):
        """Whether sequences of that length have the frequencies that are kept."""
        return not self._by_length or self.scaling._length(length) is None

    def _frequencies(self, sequence_length):
        length = None if sequence_length is None else integer("sequence_length", sequence_length, 0)
        if self._is_short(length):
            return self.frequencies
        length, (kept_length, kept) = self.scaling._length(length), self._grown
        if length != kept_length:
            kept = frequencies(self.rotary_dim, base=self.base, scaling=self.scaling, sequence_length=length)
            self._grown = length, kept  # at once: threads may both do so
        return kept

    def _table(self, rows, dtype):
        """At least the first rows of the table. Threads may both grow it: each uses the one that it made."""
        kept = self._tables.get(dtype)
        if kept is None or len(kept[0]) < rows:
            kept = rope_table(np.arange(max(256, 1 << (rows - 1).bit_length())), self.frequencies, dtype=dtype)
            self._tables[dtype] = kept
            if dtype == np.float32:
                rows = self.scaling.original_max_position_embeddings if self._by_length else len(kept[0])
                self._keep(self.head_dim, self.layout, *(table[:rows] for table in kept))
        return kept


def _table_type(x):
    return np.float64 if x.dtype == np.float64 else np.float32
