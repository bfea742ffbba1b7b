# SPDX-License-Identifier: BSD-3-Clause
"""Scalings that treat all pairs alike, or that change the base."""

from .._arguments import positive, real
from ._scaling import Scaling, original_length, powers


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

    __module__ = "fastops.rope"
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

    __module__ = "fastops.rope"
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

    __module__ = "fastops.rope"
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

    __module__ = "fastops.rope"
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
