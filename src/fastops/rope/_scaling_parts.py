# SPDX-License-Identifier: BSD-3-Clause
"""Scalings that treat the pairs of lanes differently, by their wavelengths or one by one."""

import math

import numpy as np

from .._arguments import positive, real
from ._scaling import Scaling, original_length, powers


class YaRN(Scaling):
    """NTK by parts: high frequencies are kept, low ones divided by the factor, those between are mixed.

    Parameters
    ----------
    factor : float
        How many times longer sequences become.
    original_max_position_embeddings : int
        Length of the sequences that the model was first trained on.
    beta_fast, beta_slow : float
        Pairs with more turns than `beta_fast` in the original length are kept, those with fewer than `beta_slow`
        divided.
    mscale, mscale_all_dim : float, optional
        Where both are given and not 0, the attention factor is g(mscale) / g(mscale_all_dim) with
        g(m) = 0.1 m ln(factor) + 1; otherwise it is g(1).
    attention_factor : float, optional
        Given outright, instead.
    truncate : bool
        Whether the ends of the mixed range are rounded outwards to whole pairs.

    Notes
    -----
    Source: B. Peng et al., YaRN: Efficient Context Window Extension of Large Language Models (2023).

    Examples
    --------
    >>> from fastops import rope
    >>> found = rope.frequencies(64, base=150000.0, scaling=rope.YaRN(32, 4096, truncate=False))
    >>> round(found.attention_factor, 5)
    1.34657
    """

    __module__ = "fastops.rope"
    __slots__ = (
        "attention_factor",
        "beta_fast",
        "beta_slow",
        "factor",
        "mscale",
        "mscale_all_dim",
        "original_max_position_embeddings",
        "truncate",
    )
    attention_factor: float | None
    beta_fast: float
    beta_slow: float
    factor: float
    mscale: float | None
    mscale_all_dim: float | None
    original_max_position_embeddings: int
    truncate: bool

    def __init__(
        self,
        factor,
        original_max_position_embeddings,
        *,
        beta_fast=32.0,
        beta_slow=1.0,
        mscale=None,
        mscale_all_dim=None,
        attention_factor=None,
        truncate=True,
    ):
        self._set(
            factor=positive("factor", factor),
            original_max_position_embeddings=original_length(original_max_position_embeddings),
            beta_fast=positive("beta_fast", beta_fast),
            beta_slow=positive("beta_slow", beta_slow),
            mscale=None if mscale is None else real("mscale", mscale),
            mscale_all_dim=None if mscale_all_dim is None else real("mscale_all_dim", mscale_all_dim),
            attention_factor=None if attention_factor is None else positive("attention_factor", attention_factor),
            truncate=bool(truncate),
        )

    def _attention_factor(self):
        if self.attention_factor is not None:
            return self.attention_factor
        if self.mscale and self.mscale_all_dim:
            return self._temperature(self.mscale) / self._temperature(self.mscale_all_dim)
        return self._temperature(1)

    def _temperature(self, mscale):
        return 1.0 if self.factor <= 1 else 0.1 * mscale * math.log(self.factor) + 1.0

    def _inverse(self, dim, base, length, kind):
        if base <= 1:
            raise ValueError(f"base must be above 1 with YaRN, got {base}")
        # The pair, as a real number, that makes so many turns in the original length.
        low, high = (
            dim * math.log(self.original_max_position_embeddings / (turns * 2 * math.pi)) / (2 * math.log(base))
            for turns in (self.beta_fast, self.beta_slow)
        )
        if self.truncate:
            low, high = math.floor(low), math.ceil(high)
        low, high = max(low, 0), min(high, dim - 1)  # not dim / 2 - 1: so it is in the authors' code
        if low == high:
            high += 0.001
        kept = 1 - np.clip((np.arange(dim // 2).astype(kind) - low) / (high - low), 0, 1)
        return powers(dim, base, kind, self.factor) * (1 - kept) + powers(dim, base, kind) * kept


class Llama3(Scaling):
    """Llama 3.1's: long wavelengths are stretched by the factor, short ones kept, those between are mixed.

    Parameters
    ----------
    factor : float
        How many times longer sequences become.
    original_max_position_embeddings : int
        Length of the sequences that the model was first trained on.
    low_freq_factor, high_freq_factor : float
        Wavelengths above the original length over `low_freq_factor` are stretched, those below it over
        `high_freq_factor` kept.

    Notes
    -----
    Source: A. Dubey et al., The Llama 3 Herd of Models (2024), and its code.

    Examples
    --------
    >>> from fastops import rope
    >>> rope.frequencies(4, scaling=rope.Llama3(8, 128)).inverse
    array([1.     , 0.00125])
    """

    __module__ = "fastops.rope"
    __slots__ = ("factor", "high_freq_factor", "low_freq_factor", "original_max_position_embeddings")
    factor: float
    high_freq_factor: float
    low_freq_factor: float
    original_max_position_embeddings: int

    def __init__(self, factor, original_max_position_embeddings, *, low_freq_factor=1.0, high_freq_factor=4.0):
        low, high = positive("low_freq_factor", low_freq_factor), positive("high_freq_factor", high_freq_factor)
        if not low < high:
            raise ValueError(f"high_freq_factor must be above low_freq_factor = {low}, got {high}")
        self._set(
            factor=positive("factor", factor),
            original_max_position_embeddings=original_length(original_max_position_embeddings),
            low_freq_factor=low,
            high_freq_factor=high,
        )

    def _inverse(self, dim, base, length, kind):
        original, low, high = self.original_max_position_embeddings, self.low_freq_factor, self.high_freq_factor
        inverse = powers(dim, base, kind)
        wavelength = 2 * math.pi / inverse
        is_long, is_short = wavelength > original / low, wavelength < original / high
        stretched = np.where(is_long, inverse / self.factor, inverse)
        smooth = (original / wavelength - low) / (high - low)
        mixed = (1 - smooth) * stretched / self.factor + smooth * stretched
        return np.where(is_long | is_short, stretched, mixed)


class LongRoPE(Scaling):
    """A factor for each pair, from one of two lists by the length of the sequence.

    Parameters
    ----------
    short_factor, long_factor : sequence of float, length rotary_dim / 2
        What frequencies are divided by in sequences up to the original length, and above it.
    original_max_position_embeddings : int
        The length up to which `short_factor` counts.
    factor : float, optional
        How many times longer sequences become; needed where no `attention_factor` is given, which then is
        sqrt(1 + ln(factor) / ln(original_max_position_embeddings)), or 1 for factors up to 1.
    attention_factor : float, optional
        Given outright.

    Notes
    -----
    The list is chosen for all tokens of a sequence, and the attention factor is the same for both. Source: Y. Ding et
    al., LongRoPE (2024), and the code of Phi-3.

    Examples
    --------
    >>> from fastops import rope
    >>> scaling = rope.LongRoPE([1, 2], [4, 8], 4096, factor=32)
    >>> rope.frequencies(4, scaling=scaling, sequence_length=4097).inverse
    array([0.25   , 0.00125])
    """

    __module__ = "fastops.rope"
    __slots__ = ("attention_factor", "factor", "long_factor", "original_max_position_embeddings", "short_factor")
    attention_factor: float | None
    factor: float | None
    long_factor: tuple[float, ...]
    original_max_position_embeddings: int
    short_factor: tuple[float, ...]

    def __init__(
        self, short_factor, long_factor, original_max_position_embeddings, *, factor=None, attention_factor=None
    ):
        if factor is None and attention_factor is None:
            raise ValueError("factor or attention_factor must be given")
        original = original_length(original_max_position_embeddings)
        short = tuple(positive("short_factor", value) for value in short_factor)
        long = tuple(positive("long_factor", value) for value in long_factor)
        if len(short) != len(long):
            raise ValueError(f"long_factor has {len(long)} numbers; {len(short)} are needed, as short_factor has")
        factor = None if factor is None else positive("factor", factor)
        if attention_factor is not None:
            attention_factor = positive("attention_factor", attention_factor)
        elif factor > 1 and original == 1:
            raise ValueError("original_max_position_embeddings must be above 1 where no attention_factor is given")
        self._set(
            short_factor=short,
            long_factor=long,
            original_max_position_embeddings=original,
            factor=factor,
            attention_factor=attention_factor,
        )

    def _attention_factor(self):
        if self.attention_factor is not None:
            return self.attention_factor
        if self.factor <= 1:
            return 1.0
        return math.sqrt(1 + math.log(self.factor) / math.log(self.original_max_position_embeddings))

    def _length(self, length):
        original = self.original_max_position_embeddings
        return original + 1 if length is not None and length > original else None

    def _inverse(self, dim, base, length, kind):
        factors = self.short_factor if self._length(length) is None else self.long_factor
        if len(factors) != dim // 2:
            raise ValueError(f"scaling has {len(factors)} factors; rotary_dim / 2 = {dim // 2} are needed")
        return powers(dim, base, kind, np.array(factors, kind))
