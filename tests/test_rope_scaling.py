# SPDX-License-Identifier: BSD-3-Clause
"""The scalings of rope against their formulas in mpmath; that they are values; every error."""

import copy
import pickle

import mpmath
import numpy as np
import pytest

import oracles
from fastops import rope

BASE = 500_000
FACTORS = [1 + i / 8 for i in range(32)]
LONG = [2 + i for i in range(32)]
SCALINGS = [
    rope.Linear(2.5),
    rope.NTK(8),
    rope.DynamicNTK(2, 4096),
    rope.YaRN(32, 4096, truncate=False),
    rope.YaRN(40, 4096, beta_fast=16, beta_slow=2, mscale=0.7, mscale_all_dim=1.25),
    rope.YaRN(4, 14, beta_fast=1, truncate=False, attention_factor=0.5),  # no range: one of 0.001, from pair 1.954
    rope.YaRN(4, 10**9),  # whose range ends beyond the last pair
    rope.Llama3(8, 8192),
    rope.Llama3(32, 1000, low_freq_factor=0.5, high_freq_factor=6),
    rope.LongRoPE(FACTORS, LONG, 4096, factor=32),
    rope.LongRoPE(FACTORS, LONG, 4096, attention_factor=1.25),
    rope.Proportional(0.3, 2.0),
]
every_scaling = pytest.mark.parametrize("scaling", SCALINGS, ids=lambda s: type(s).__name__)


# ---- truth ----------------------------------------------------------------------------------------------------------


def plain(dim, base=BASE):
    return [oracles.rope_angle(1, i, dim, base) for i in range(dim // 2)]


def yarn(s, dim):
    def pair_of(turns):
        wanted = s.original_max_position_embeddings / (turns * 2 * mpmath.pi)
        return dim * mpmath.log(wanted) / (2 * mpmath.log(BASE))

    low, high = pair_of(s.beta_fast), pair_of(s.beta_slow)
    if s.truncate:
        low, high = mpmath.floor(low), mpmath.ceil(high)
    low, high = max(low, 0), min(high, dim - 1)
    if low == high:
        high += mpmath.mpf("0.001")
    divided = [min(max((i - low) / (high - low), 0), 1) for i in range(dim // 2)]
    return [w / s.factor * d + w * (1 - d) for w, d in zip(plain(dim), divided, strict=True)]


def llama3(s, dim):
    def one(w):
        turns = s.original_max_position_embeddings * w / (2 * mpmath.pi)  # in the original length
        if turns < s.low_freq_factor:
            return w / s.factor
        if turns > s.high_freq_factor:
            return w
        kept = (turns - s.low_freq_factor) / (s.high_freq_factor - s.low_freq_factor)
        return (1 - kept) * w / s.factor + kept * w

    return [one(w) for w in plain(dim)]


def truth(s, dim, length):
    """Frequencies of a scaling, by its article."""
    if isinstance(s, rope.Linear):
        return [w / s.factor for w in plain(dim)]
    if isinstance(s, rope.NTK):
        return plain(dim, BASE * mpmath.mpf(s.factor) ** (mpmath.mpf(dim) / (dim - 2)))
    if isinstance(s, rope.DynamicNTK):
        original = s.original_max_position_embeddings
        alpha = mpmath.mpf(s.factor) * max(length or 0, original) / original - (s.factor - 1)
        return plain(dim, BASE * alpha ** (mpmath.mpf(dim) / (dim - 2)))
    if isinstance(s, rope.YaRN):
        return yarn(s, dim)
    if isinstance(s, rope.Llama3):
        return llama3(s, dim)
    if isinstance(s, rope.LongRoPE):
        factors = s.long_factor if length and length > s.original_max_position_embeddings else s.short_factor
        return [w / f for w, f in zip(plain(dim), factors, strict=True)]
    turning = int(s.proportion * dim / 2)
    return [w / s.factor if i < turning else mpmath.mpf(0) for i, w in enumerate(plain(dim))]


@every_scaling
@pytest.mark.parametrize("length", [None, 4096, 4097, 100_000])
def test_frequencies_are_right_to_float64(scaling, length):
    with mpmath.workdps(oracles.DIGITS):
        found = rope.frequencies(64, base=BASE, scaling=scaling, sequence_length=length)
        want = truth(scaling, 64, length)
        assert found.inverse.dtype == np.float64
        for got, exact in zip(found.inverse.tolist(), want, strict=True):
            assert abs(got - exact) <= 2e-15 * exact


@every_scaling
def test_tables_are_right_to_float32(scaling):
    positions = [1, 4097, 2**24 - 1]
    found = rope.frequencies(64, base=BASE, scaling=scaling, sequence_length=2**24)
    tables = rope.table(positions, found)
    with mpmath.workdps(oracles.DIGITS):
        exact = truth(scaling, 64, 2**24)
        for row, position in enumerate(positions):
            for pair, frequency in enumerate(exact):
                want = oracles.cos_sin(position * frequency, found.attention_factor)
                for got, entry in zip(tables, want, strict=True):
                    assert abs(float(got[row, pair]) - entry) <= 6e-8 * max(found.attention_factor, 1)


@every_scaling
def test_float32_frequencies_are_near(scaling):
    got, want = (rope.frequencies(64, base=BASE, scaling=scaling, precision=p) for p in ("float32", "float64"))
    assert got.inverse.dtype == np.float32
    assert got.attention_factor == want.attention_factor
    np.testing.assert_allclose(got.inverse, want.inverse, rtol=3e-6)


def test_what_the_scalings_do_to_the_ends():
    plain = rope.frequencies(64, base=BASE).inverse
    last_by = {type(s).__name__: s for s in (rope.NTK(8), rope.Linear(8), rope.YaRN(8, 4096), rope.Llama3(8, 8192))}
    for name, scaling in last_by.items():
        found = rope.frequencies(64, base=BASE, scaling=scaling).inverse
        assert found[-1] == pytest.approx(plain[-1] / 8, rel=1e-12), name
        assert found[0] == pytest.approx(1 / 8 if name == "Linear" else 1, rel=1e-12), name


def test_attention_factors():
    def factor(scaling):
        return rope.frequencies(64, base=BASE, scaling=scaling).attention_factor

    assert factor(rope.Linear(8)) == factor(rope.Llama3(8, 8192)) == factor(rope.NTK(8)) == 1
    assert factor(rope.YaRN(32, 4096)) == pytest.approx(1.3465735902799727)
    assert factor(rope.YaRN(0.5, 4096)) == 1
    assert factor(rope.YaRN(32, 4096, mscale=0.7)) == factor(rope.YaRN(32, 4096))  # one alone does nothing
    assert factor(rope.YaRN(40, 4096, mscale=1, mscale_all_dim=1)) == 1
    assert factor(rope.YaRN(40, 4096, mscale=1, mscale_all_dim=1, attention_factor=3)) == 3
    assert factor(rope.LongRoPE(FACTORS, LONG, 4096, factor=32)) == pytest.approx(1.1902380714238083)
    assert factor(rope.LongRoPE(FACTORS, LONG, 4096, factor=1)) == 1
    assert factor(rope.LongRoPE(FACTORS, LONG, 4096, factor=32, attention_factor=1.5)) == 1.5


@pytest.mark.parametrize("length", [None, 0, 1, 4095, 4096])
def test_short_sequences_have_the_frequencies_of_no_length(length):
    for scaling in (rope.DynamicNTK(2, 4096), rope.LongRoPE(FACTORS, LONG, 4096, factor=32)):
        got = rope.frequencies(64, scaling=scaling, sequence_length=length).inverse
        assert np.array_equal(got, rope.frequencies(64, scaling=scaling).inverse)
        assert not np.allclose(got, rope.frequencies(64, scaling=scaling, sequence_length=4097).inverse, rtol=1e-6)


@pytest.mark.parametrize("proportion", [0, 0.01, 0.25, 0.5, 0.99, 1])
def test_proportional_is_not_partial(proportion):
    found = rope.frequencies(64, scaling=rope.Proportional(proportion)).inverse
    turning = int(proportion * 32)
    assert np.array_equal(found[:turning], rope.frequencies(64).inverse[:turning])
    assert not found[turning:].any()
    assert found.shape == (32,)


# ---- values ---------------------------------------------------------------------------------------------------------


@every_scaling
def test_scalings_are_values(scaling):
    same = eval(repr(scaling), vars(rope))
    for other in (same, copy.copy(scaling), copy.deepcopy(scaling), *(
        pickle.loads(pickle.dumps(scaling, protocol)) for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1)
    )):  # fmt: skip
        assert type(other) is type(scaling)
        assert other == scaling
        assert hash(other) == hash(scaling)
    assert sum(scaling == other for other in SCALINGS) == 1
    assert scaling != repr(scaling)
    assert len({*SCALINGS, same}) == len(SCALINGS)


@every_scaling
def test_scalings_cannot_be_changed(scaling):
    name = scaling.__slots__[0]
    for change in (lambda: setattr(scaling, name, 1), lambda: delattr(scaling, name), lambda: setattr(scaling, "x", 1)):
        with pytest.raises(AttributeError):
            change()
    assert not hasattr(scaling, "__dict__")


def test_a_scaling_in_a_mapping_of_numpy_numbers():
    assert rope.Linear(np.float32(2)) == rope.Linear(2)
    assert rope.DynamicNTK(np.int64(2), np.int16(99)) == rope.DynamicNTK(2.0, 99)
    assert rope.LongRoPE(np.ones(2), np.full(2, 3.0), 99, factor=2).long_factor == (3.0, 3.0)


# ---- errors ---------------------------------------------------------------------------------------------------------

WITH = {  # with frequencies: rotary_dim, base, scaling, and what is wrong
    "ntk_one_pair": (2, 1e4, rope.NTK(2), "rotary_dim must not be 2"),
    "dynamic_one_pair": (2, 1e4, rope.DynamicNTK(2, 9), "rotary_dim must not be 2"),
    "yarn_base": (8, 1, rope.YaRN(2, 9), "base must be above 1 with YaRN"),
    "longrope_pairs": (8, 1e4, rope.LongRoPE([1], [1], 9, factor=2), "scaling has 1 factors; rotary_dim / 2 = 4"),
}


@pytest.mark.parametrize("case", WITH)
def test_scalings_that_do_not_fit(case):
    dim, base, scaling, message = WITH[case]
    with pytest.raises(ValueError, match=message):
        rope.frequencies(dim, base=base, scaling=scaling)


ERRORS = {
    "zero": (lambda: rope.Linear(0), ValueError, "factor must be positive and finite, got 0"),
    "nan": (lambda: rope.NTK(float("nan")), ValueError, "factor must be positive and finite, got nan"),
    "string": (lambda: rope.Linear("2"), TypeError, "factor must be a real number, got str"),
    "original_zero": (lambda: rope.DynamicNTK(2, 0), ValueError, "original_max_position_embeddings must be at least 1"),
    "original_float": (lambda: rope.YaRN(2, 9.0), TypeError, "original_max_position_embeddings must be an integer"),
    "beta": (lambda: rope.YaRN(2, 9, beta_fast=-1), ValueError, "beta_fast must be positive"),
    "mscale": (lambda: rope.YaRN(2, 9, mscale="1"), TypeError, "mscale must be a real number"),
    "attention_factor": (lambda: rope.YaRN(2, 9, attention_factor=0), ValueError, "attention_factor must be positive"),
    "bands": (
        lambda: rope.Llama3(2, 9, low_freq_factor=4),
        ValueError,
        "high_freq_factor must be above low_freq_factor = 4.0, got 4.0",
    ),
    "lists": (lambda: rope.LongRoPE([1], [1, 2], 9, factor=2), ValueError, "long_factor has 2 numbers; 1 are needed"),
    "list_zero": (lambda: rope.LongRoPE([1], [0], 9, factor=2), ValueError, "long_factor must be positive"),
    "no_factor": (lambda: rope.LongRoPE([1], [1], 9), ValueError, "factor or attention_factor must be given"),
    "one_token": (lambda: rope.LongRoPE([1], [1], 1, factor=2), ValueError, "must be above 1"),
    "proportion": (lambda: rope.Proportional(1.5), ValueError, "proportion must be from 0 to 1, got 1.5"),
    "scaling": (lambda: rope.frequencies(8, scaling="yarn"), TypeError, "scaling must be one of .*, got str"),
    "class": (lambda: rope.frequencies(8, scaling=rope.Linear), TypeError, "scaling must be one of .*, got type"),
    "length": (lambda: rope.frequencies(8, sequence_length=-1), ValueError, "sequence_length must be at least 0"),
    "length_float": (lambda: rope.frequencies(8, sequence_length=1.0), TypeError, "sequence_length must be an integer"),
    "grid": (lambda: rope.frequencies_grid([4, 3]), ValueError, "dims must be even"),
    "grid_precision": (lambda: rope.frequencies_grid([], precision="x"), ValueError, "precision must be one of"),
    "pixel": (lambda: rope.frequencies_pixel(4, max_frequency=0), ValueError, "max_frequency must be positive"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors(case):
    call, error, message = ERRORS[case]
    with pytest.raises(error, match=message):
        call()
