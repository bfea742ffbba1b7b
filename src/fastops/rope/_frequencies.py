# SPDX-License-Identifier: BSD-3-Clause
"""Frequencies of rotary embeddings: from a base, from a base and a scaling, for grids, from a model's configuration."""

import numpy as np

from .._arguments import choice, even, integer, positive
from ._scaling import Scaling, powers

_KINDS = {"float64": np.float64, "float32": np.float32}


class Frequencies:
    """Angular frequencies of the pairs of a rotary embedding.

    Attributes
    ----------
    inverse : ndarray, shape (rotary_dim / 2,)
        Radians per position (the inverse of the wavelength over 2 pi). float64, or float32 to have angles rounded as
        frameworks that work in float32 round them. With shape (..., coordinates, pairs) each pair has a frequency for
        each coordinate of a position, and leading axes, for heads, if there are any; see `table`.
    attention_factor : float
        What tables of cosines and sines are multiplied by.
    """

    __module__ = "fastops.rope"
    __slots__ = ("attention_factor", "inverse")

    def __init__(self, inverse, attention_factor=1.0):
        self.inverse = inverse
        self.attention_factor = attention_factor

    def __repr__(self):
        return f"Frequencies({self.inverse!r}, attention_factor={self.attention_factor!r})"


def frequencies(rotary_dim, *, base=10000.0, scaling=None, sequence_length=None, precision="float64"):
    """Return the frequencies ``base ** (-2 i / rotary_dim)`` of pairs i, scaled for longer sequences if asked.

    Parameters
    ----------
    rotary_dim : int
        Number of rotated lanes, even.
    base : float
        Ratio of the first frequency to the one after the last.
    scaling : Linear, NTK, DynamicNTK, YaRN, Llama3, LongRoPE or Proportional, optional
        How frequencies change for sequences longer than those of the training.
    sequence_length : int, optional
        Length of the sequences, for `DynamicNTK` and `LongRoPE`. Default: not longer than the original ones.
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
        If `rotary_dim` or `sequence_length` is not an integer, or `scaling` none of these.
    ValueError
        If `rotary_dim` is odd or negative, `base` not positive and finite, or `precision` unknown; if the scaling does
        not fit `rotary_dim` or `base`.

    Examples
    --------
    >>> from fastops import rope
    >>> rope.frequencies(8).inverse
    array([1.   , 0.1  , 0.01 , 0.001])
    >>> rope.frequencies(8, scaling=rope.Linear(2)).inverse
    array([0.5   , 0.05  , 0.005 , 0.0005])
    """
    dim, base = even("rotary_dim", rotary_dim), positive("base", base)
    length = None if sequence_length is None else integer("sequence_length", sequence_length, 0)
    kind = _KINDS[choice("precision", precision, tuple(_KINDS))]
    if scaling is None:
        return Frequencies(powers(dim, base, kind))
    if not isinstance(scaling, Scaling):
        raise TypeError(f"scaling must be one of the scalings of fastops.rope, got {type(scaling).__name__}")
    return Frequencies(scaling._inverse(dim, base, length, kind), scaling._attention_factor())


def frequencies_grid(dims, *, base=10000.0, precision="float64"):
    """Return the frequencies of a grid: those of each coordinate's own lanes, one after the other.

    Parameters
    ----------
    dims : sequence of int
        Even numbers of lanes, one for each coordinate. The pairs of coordinate a are those that
        ``axes_chunked([dim / 2 for dim in dims])`` gives to it.
    base, precision
        As for `frequencies`.

    Returns
    -------
    Frequencies

    Raises
    ------
    TypeError, ValueError
        As for `frequencies`.

    Notes
    -----
    Source: J. Su, Transformer upgrades 4 (2-D RoPE, kexue.fm 8397, 2021).

    Examples
    --------
    >>> from fastops import rope
    >>> rope.frequencies_grid([4, 4]).inverse
    array([1.  , 0.01, 1.  , 0.01])
    """
    parts = [frequencies(even("dims", dim), base=base, precision=precision).inverse for dim in dims]
    return Frequencies(np.concatenate([np.empty(0, choice("precision", precision, tuple(_KINDS))), *parts]))


def frequencies_pixel(rotary_dim, *, max_frequency=10.0):
    """Return evenly spaced frequencies from pi to ``pi * max_frequency / 2``, for positions from -1 to 1.

    Parameters
    ----------
    rotary_dim : int
        Number of rotated lanes of one coordinate, even.
    max_frequency : float
        Twice the number of turns that the last pair makes from -1 to 1.

    Returns
    -------
    Frequencies
        float64.

    Raises
    ------
    TypeError
        If `rotary_dim` is not an integer or `max_frequency` not a real number.
    ValueError
        If `rotary_dim` is odd or negative, or `max_frequency` not positive and finite.

    Notes
    -----
    Source: P. Wang, rotary-embedding-torch (2021).

    Examples
    --------
    >>> from fastops import rope
    >>> (rope.frequencies_pixel(4, max_frequency=10).inverse / 3.141592653589793).tolist()
    [1.0, 5.0]
    """
    pairs, last = even("rotary_dim", rotary_dim) // 2, positive("max_frequency", max_frequency) / 2
    return Frequencies(np.linspace(1.0, last, pairs) * np.pi)


def from_config(config, *, layer_type=None, sequence_length=None, precision="float64"):
    """Return the frequencies that a model's ``config.json`` asks for.

    Parameters
    ----------
    config : dict
        What a Hugging Face ``config.json`` holds; of a model with images or sound, the text part is taken. Both styles
        are read: `rope_parameters`, and `rope_theta` with `rope_scaling`.
    layer_type : str, optional
        Which layers, such as "full_attention" or "sliding_attention"; needed where the configuration has frequencies
        for each type of layer.
    sequence_length : int, optional
        As for `frequencies`.
    precision : {"float64", "float32"}
        As for `frequencies`.

    Returns
    -------
    Frequencies
        Their number tells the rotated lanes: rotary_dim is twice as many.

    Raises
    ------
    TypeError
        If `config` is not a dictionary, or a field has another type than it needs.
    ValueError
        If a field is missing or makes no sense, or the type of scaling is unknown; the message names the field.

    Notes
    -----
    What the configuration leaves out is what the model's code assumes. The layout is not part of it: Cohere's models,
    DeepSeek's, ERNIE 4.5, GLM-4, GPT-J, Helium and Llama 4 are interleaved, most others half. DeepSeek's softmax scale
    changes with YaRN, which is not part of the tables either.

    Source: Hugging Face transformers 5.23, whose results these are.

    Examples
    --------
    >>> from fastops import rope
    >>> config = {"head_dim": 4, "rope_theta": 500000.0, "rope_scaling": {"type": "linear", "factor": 2.0}}
    >>> rope.from_config(config).inverse.round(6)
    array([0.5     , 0.000707])
    """
    from ._config import read  # tables of defaults that few programs need

    dim, base, scaling = read(config, layer_type)
    return frequencies(dim, base=base, scaling=scaling, sequence_length=sequence_length, precision=precision)
