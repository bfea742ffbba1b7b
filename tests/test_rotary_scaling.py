# SPDX-License-Identifier: BSD-3-Clause
"""rope.Rotary with scalings, those that depend on the length among them; positions that cannot be had."""

import pickle

import numpy as np
import pytest

from fastops import reference, rope

B, S, H, D = 3, 5, 4, 32
STATIC = [rope.Linear(2), rope.NTK(4), rope.YaRN(4, 64), rope.Llama3(8, 64), rope.Proportional(0.5)]
DYNAMIC = [rope.DynamicNTK(2, 64), rope.LongRoPE([1.0] * 16, [3.0 + i for i in range(16)], 64, factor=4)]
BY_NAME = {"ids": lambda s: type(s).__name__}


def queries(rng):
    return rng.standard_normal((B, S, H, D))


def rotated(x, positions, scaling, length=None, plain_factor=False):
    """By the reference."""
    found = rope.frequencies(D, scaling=scaling, sequence_length=length)
    factor = 1.0 if plain_factor else found.attention_factor
    cos, sin = (t[..., None, :] for t in reference.rope.table(positions, found.inverse, factor, np.float64))
    return reference.rope.rotate(x, cos, sin)


def near(got, want):
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-11)


@pytest.mark.parametrize("scaling", STATIC, **BY_NAME)
@pytest.mark.parametrize("offset", [0, 63, 100_000, -5, [0, 70, 3]])
def test_static_scalings(scaling, offset, rng):
    rotary, q = rope.Rotary(D, scaling=scaling), queries(rng)
    positions = np.asarray(offset)[..., None] + np.arange(S)
    near(rotary(q, offset=offset), rotated(q, positions, scaling))
    near(rotary(q, offset=offset, sequence_length=10**6), rotated(q, positions, scaling))
    assert rotary.frequencies.attention_factor == rope.frequencies(D, scaling=scaling).attention_factor


@pytest.mark.parametrize("scaling", DYNAMIC, **BY_NAME)
@pytest.mark.parametrize("offset", [0, 59, 60, 300, 100_000, [0, 70, 3], [0, 1, 59]])
def test_the_length_is_the_largest_position_and_one(scaling, offset, rng):
    rotary, q = rope.Rotary(D, scaling=scaling), queries(rng)
    positions = np.asarray(offset)[..., None] + np.arange(S)
    near(rotary(q, offset=offset), rotated(q, positions, scaling, int(positions.max()) + 1))
    near(rotary(q[..., :1, :], offset=offset), rotated(q[..., :1, :], positions, scaling, int(positions.max()) + 1))
    near(rotary(q), rotated(q, np.arange(S), scaling))  # a long sequence leaves nothing behind


@pytest.mark.parametrize("scaling", DYNAMIC, **BY_NAME)
def test_lengths_and_positions_that_are_given(scaling, rng):
    rotary, q = rope.Rotary(D, scaling=scaling), queries(rng)
    for length in (0, 64, 65, 1000):
        near(rotary(q, sequence_length=length), rotated(q, np.arange(S), scaling, length))
    places = [0.5, 63.5, 2, 3, 4]
    near(rotary(q, positions=places), rotated(q, np.array(places), scaling, 64))
    near(rotary(q, positions=[0, 64, 2, 3, 4]), rotated(q, np.array([0, 64, 2, 3, 4]), scaling, 65))
    near(rotary(q, positions=[-9, -8, -7, -6, -5]), rotated(q, np.arange(-9, -4), scaling))
    # One token at a time with the length of all is the same as all at once.
    steps = [rotary(q[:, t : t + 1], offset=60 + t, sequence_length=65) for t in range(S)]
    near(np.concatenate(steps, axis=1), rotary(q, offset=60))


@pytest.mark.parametrize("scaling", STATIC + DYNAMIC, **BY_NAME)
@pytest.mark.parametrize("delta", [0, 5, -3, [1, -2, 90]])
def test_shift_does_not_apply_the_attention_factor_again(scaling, delta, rng):
    rotary, k = rope.Rotary(D, scaling=scaling), queries(rng)
    at_40 = rotary(k, offset=40, sequence_length=200)
    want = rotary(k, positions=np.asarray(delta)[..., None] + np.arange(S) + 40, sequence_length=200)
    near(rotary.shift(at_40, delta, sequence_length=200), want)


@pytest.mark.parametrize("scaling", STATIC + DYNAMIC, **BY_NAME)
def test_inverse_is_the_transpose(scaling, rng):
    rotary, q = rope.Rotary(D, scaling=scaling), queries(rng)
    factor = rotary.frequencies.attention_factor
    near(rotary(rotary(q, offset=70), offset=70, inverse=True), factor**2 * q)


@pytest.mark.parametrize("scaling", [None, *STATIC, *DYNAMIC], **BY_NAME)
def test_pickles_and_reprs(scaling, rng):
    rotary, q = rope.Rotary(D, scaling=scaling, base=5e5, layout="interleaved"), queries(rng)
    for again in (pickle.loads(pickle.dumps(rotary)), eval(repr(rotary), vars(rope))):
        assert again.scaling == scaling
        assert np.array_equal(again(q, offset=99), rotary(q, offset=99))


def test_small_integers_do_not_wrap(rng):
    q = queries(rng)[0]
    positions, offset = np.array([250, 1, 2, 3, 4], np.uint8), np.uint8(10)
    near(rope.Rotary(D)(q, positions=positions, offset=offset), rotated(q, positions + 10.0, None))


Q = np.ones((B, S, H, D), np.float32)
ROTARY, LONG = rope.Rotary(D), rope.Rotary(D, scaling=DYNAMIC[1])
ERRORS = {
    "position_far": (lambda: ROTARY(Q, offset=2**31), ValueError, "below 2\\*\\*31"),
    "position_beyond_int64": (lambda: ROTARY(Q, offset=2**63), (TypeError, ValueError), "offset has"),
    "position_beyond_all": (lambda: ROTARY(Q, offset=2**70), TypeError, "offset has dtype object"),
    "position_that_would_wrap": (
        lambda: ROTARY(Q, positions=np.full(S, 2**63 - 1), offset=2),
        ValueError,
        "positions has numbers from 9223372036854775807 .* within 2\\*\\*53",
    ),
    "position_unsigned": (
        lambda: ROTARY(Q, positions=np.full(S, 2**64 - 5, np.uint64)),
        ValueError,
        "positions has numbers",
    ),
    "position_nan": (lambda: LONG(Q, positions=[0, 1, np.nan, 2, 3]), ValueError, "finite"),
    "position_infinite": (lambda: LONG(Q, positions=[0, 1, np.inf, 2, 3]), ValueError, "finite"),
    "position_bool": (lambda: ROTARY(Q, positions=[True] * S), TypeError, "positions has dtype bool"),
    "length": (lambda: LONG(Q, sequence_length=-1), ValueError, "sequence_length must be at least 0"),
    "length_float": (lambda: LONG(Q, sequence_length=9.5), TypeError, "sequence_length must be an integer"),
    "shift_length": (lambda: LONG.shift(Q, 1), ValueError, "sequence_length must be given"),
    "scaling": (lambda: rope.Rotary(D, scaling="yarn"), TypeError, "scaling must be one of"),
    "factors": (lambda: rope.Rotary(2 * D, scaling=DYNAMIC[1]), ValueError, "scaling has 16 factors"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors(case):
    call, error, message = ERRORS[case]
    with pytest.raises(error, match=message):
        call()
