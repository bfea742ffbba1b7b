# SPDX-License-Identifier: BSD-3-Clause
"""Ways to stretch the frequencies of a rotary embedding over longer sequences, as small immutable objects.

Their arithmetic is written once, for float64 and for float32: numbers are Python's until they meet an array, and the
operations stand in the order of the common frameworks, so that float32 rounds as it does there.
"""

import numpy as np

from ._arguments import integer, positive, real


def powers(dim, base, kind, times=1):
    """1 / (times * base ** (2 i / dim)) for pairs i, in float64 or in the float32 steps of the frameworks."""
    exponent = np.arange(0, dim, 2).astype(kind) / kind(max(dim, 1))
    if kind is np.float64:
        return np.float64(base) ** -exponent / times
    # The power rounded once is torch's in 99 of 100 entries, on every machine; NumPy's float32 power is in 80.
    power = np.float64(kind(base)) ** exponent.astype(np.float64)
    return kind(1) / (times * power.astype(kind))


def original_length(value):
    return integer("original_max_position_embeddings", value, 1)


class Scaling:
    """What all scalings share: equality, a hash, a repr that can be evaluated, and no changes."""

    __slots__ = ()

    def _set(self, **values):
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def __setattr__(self, name, value):
        raise AttributeError(f"{type(self).__name__} is immutable")

    def __delattr__(self, name):
        raise AttributeError(f"{type(self).__name__} is immutable")

    def _values(self):
        return tuple(getattr(self, name) for name in self.__slots__)

    def __eq__(self, other):
        return self._values() == other._values() if type(self) is type(other) else NotImplemented

    def __hash__(self):
        return hash((type(self), self._values()))

    def __repr__(self):
        values = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__slots__)
        return f"{type(self).__name__}({values})"

    def __getstate__(self):
        return self._values()

    def __setstate__(self, values):
        self._set(**dict(zip(self.__slots__, values, strict=True)))

    def _length(self, length):
        """The length that sets the frequencies of a sequence of that length; None if they are those of a short one."""
        return None

    def _attention_factor(self):
        return 1.0


class Linear(Scaling):
    """Position interpolation: all frequencies divided by one factor.

    Parameters
    ----------
    factor : float
        How many times longer sequences become.

    Notes
    -----
    Source: S. Chen et al., Extending Context Window of Large Language Models via Positional Interpolation (2023).

    Examples
    --------
    >>> from fastops import rope
    >>> rope.frequencies(4, scaling=rope.Linear(4)).inverse
    array([0.25  , 0.0025])
    """

    __slots__ = ("factor",)
    factor: float

    def __init__(self, factor):
        self._set(factor=positive("factor", factor))

    def _inverse(self, dim, base, length, kind):
        return powers(dim, base, kind) / self.factor


def _ntk(base, factor, dim):
    """The base that divides the last frequency by factor and keeps the first."""
    if dim == 2:
        raise ValueError("rotary_dim must not be 2 here: the only frequency cannot be both kept and divided")
    return base * factor ** (dim / (dim - 2))


class NTK(Scaling):
    """NTK-aware scaling: a larger base, which divides the last frequency by the factor and keeps the first.

    Parameters
    ----------
    factor : float
        How many times longer sequences become.

    Notes
    -----
    The base becomes ``base * factor ** (rotary_dim / (rotary_dim - 2))``. Source: bloc97, NTK-Aware Scaled RoPE (2023).

    Examples
    --------
    >>> from fastops import rope
    >>> rope.frequencies(4, scaling=rope.NTK(4)).inverse
    array([1.    , 0.0025])
    """

    __slots__ = ("factor",)
    factor: float

    def __init__(self, factor):
        self._set(factor=positive("factor", factor))

    def _inverse(self, dim, base, length, kind):
        return powers(dim, _ntk(base, self.factor, dim), kind)


class DynamicNTK(Scaling):
    """NTK-aware scaling by as much as a sequence is longer than the original ones.

    Parameters
    ----------
    factor : float
        How steeply the base grows.
    original_max_position_embeddings : int
        Up to this length nothing is scaled.

    Notes
    -----
    At length L above the original one O, this is `NTK` by ``factor * L / O - (factor - 1)``. All tokens of a sequence
    have the frequencies of its length; keys that were rotated when it was shorter have others. Source: emozilla,
    Dynamically Scaled RoPE (2023).

    Examples
    --------
    >>> from fastops import rope
    >>> scaling = rope.DynamicNTK(2, 2048)
    >>> rope.frequencies(4, scaling=scaling, sequence_length=4096).inverse.round(6)
    array([1.      , 0.003333])
    """

    __slots__ = ("factor", "original_max_position_embeddings")
    factor: float
    original_max_position_embeddings: int

    def __init__(self, factor, original_max_position_embeddings):
        original = original_length(original_max_position_embeddings)
        self._set(factor=positive("factor", factor), original_max_position_embeddings=original)

    def _length(self, length):
        return length if length is not None and length > self.original_max_position_embeddings else None

    def _inverse(self, dim, base, length, kind):
        original = self.original_max_position_embeddings
        length = original if length is None else max(length, original)
        stretch = (self.factor * length / original) - (self.factor - 1)
        if not stretch > 0:
            raise ValueError(f"factor = {self.factor} is too small for sequence_length = {length}")
        return powers(dim, _ntk(base, stretch, dim), kind)


class Proportional(Scaling):
    """The first part of the pairs is rotated, with the frequencies of all; the others stand still.

    Parameters
    ----------
    proportion : float
        Share of the pairs that is rotated, from 0 to 1, rounded down to whole pairs.
    factor : float
        What their frequencies are divided by.

    Notes
    -----
    Not the same as a smaller rotary_dim, which has frequencies and pairs of lanes of its own. Source: F. Barbero et
    al., Round and Round We Go! (p-RoPE, 2024); Gemma 4.

    Examples
    --------
    >>> from fastops import rope
    >>> rope.frequencies(8, scaling=rope.Proportional(0.5)).inverse
    array([1. , 0.1, 0. , 0. ])
    """

    __slots__ = ("factor", "proportion")
    factor: float
    proportion: float

    def __init__(self, proportion, factor=1.0):
        proportion = real("proportion", proportion)
        if not 0 <= proportion <= 1:
            raise ValueError(f"proportion must be from 0 to 1, got {proportion}")
        self._set(proportion=proportion, factor=positive("factor", factor))

    def _inverse(self, dim, base, length, kind):
        inverse = powers(dim, base, kind)
        inverse[int(self.proportion * dim // 2) :] = 0
        return inverse / self.factor
