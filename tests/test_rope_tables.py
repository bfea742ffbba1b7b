# SPDX-License-Identifier: BSD-3-Clause
"""rope.frequencies and rope.table against mpmath and against the float32 arithmetic of the frameworks."""

import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest

import oracles
from fastops import reference, rope

DIM = 32
PAIRS = DIM // 2

pytestmark = pytest.mark.usefixtures("isa")


def exact_table(positions, inverse=None, base=10_000):
    """cos and sin as mpmath numbers, (rows, pairs); of the float frequencies if given, else of the real ones."""
    if inverse is None:
        angles = [[oracles.rope_angle(p, i, DIM, base) for i in range(PAIRS)] for p in positions]
    else:
        angles = [[Fraction(p) * Fraction(float(w)) for w in inverse] for p in positions]
    entries = [[oracles.cos_sin(angle) for angle in row] for row in angles]
    return [[[entry[which] for entry in row] for row in entries] for which in (0, 1)]


def largest_error(tables, exact):
    """Over cos and sin; both sides as exact numbers."""
    return max(
        float(abs(mpmath.mpf(float(got)) - want))
        for table, of in zip(tables, exact, strict=True)
        for row, wants in zip(table, of, strict=True)
        for got, want in zip(row, wants, strict=True)
    )


# ---- frequencies ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("base", [10_000.0, 500_000.0, 1e6 + 0.5, 2, 0.5])
@pytest.mark.parametrize("rotary_dim", [0, 2, 6, 66, 96, 128, 512])
def test_frequencies_are_right_to_float64(rotary_dim, base):
    found = rope.frequencies(rotary_dim, base=base)
    assert found.inverse.dtype == np.float64
    assert found.inverse.shape == (rotary_dim // 2,)
    assert found.attention_factor == 1
    bound = 2.0**-53 * (abs(math.log(base)) + 3)  # the exponent is rounded, then the power
    for i, got in enumerate(found.inverse.tolist()):
        assert abs(got / oracles.rope_angle(1, i, rotary_dim, base) - 1) <= bound


@pytest.mark.parametrize("rotary_dim", [2, 6, 66, 96, 128])
@pytest.mark.parametrize("base", [10_000.0, 500_000.0, 123_456.789])
def test_float32_frequencies_repeat_the_frameworks(rotary_dim, base):
    got = rope.frequencies(rotary_dim, base=base, precision="float32").inverse
    exponent = np.arange(0, rotary_dim, 2, dtype=np.int64).astype(np.float32) / rotary_dim
    assert got.dtype == np.float32
    with mpmath.workdps(30):
        power = [np.float32(float(mpmath.mpf(float(np.float32(base))) ** float(e))) for e in exponent]
    assert np.array_equal(got, 1 / np.array(power))
    assert np.array_equal(got, reference.rope.frequencies(rotary_dim, base, "float32"))


# ---- tables ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("positions", "bound"),
    [
        ([0, 1, 2, 17, 511, 4095, 131_071, 1_048_575, 2**24 - 1], 6e-8),
        ([2**24 + 1, 10_000_000, 123_456_789, 10**9, 2**31 - 1], 5e-7),
    ],
    ids=["below_2**24", "below_2**31"],
)
@pytest.mark.parametrize("sign", [1, -1])
def test_float32_tables(positions, bound, sign):
    positions = [sign * p for p in positions]
    tables = rope.table(positions, rope.frequencies(DIM))
    assert [table.dtype for table in tables] == [np.float32] * 2
    assert largest_error(tables, exact_table(positions)) <= bound


def test_float64_tables_of_small_positions():
    positions = [*range(-8, 9), 0.5, 2.75]
    tables = rope.table(positions, rope.frequencies(DIM), dtype=np.float64)
    assert [table.dtype for table in tables] == [np.float64] * 2
    assert largest_error(tables, exact_table(positions)) <= 2e-15


def test_sine_and_cosine_of_any_angle_are_right_to_float64(rng):
    angles = np.concatenate(
        [
            rng.uniform(-(2.0**31), 2.0**31, 300),
            rng.uniform(-10, 10, 300),
            np.exp2(rng.uniform(-60, 31, 300)),
            np.arange(-40, 40) * (np.pi / 2),  # where a cancellation leaves nothing
            np.arange(-40, 40) * (np.pi / 4),
            np.round(rng.uniform(0, 2.0**30, 100)) * (np.pi / 2),
            [0.0, 5e-324, 1e-310, np.nextafter(2.0**31, 0)],
        ]
    )
    tables = rope.table([1.0], rope.Frequencies(angles), dtype=np.float64)
    assert largest_error(tables, exact_table([1], angles)) <= 2.0**-52


def test_sine_of_small_angles_is_right_in_relation_to_them():
    angles = np.exp2(np.arange(-300, -1) / 2)
    _, sine = rope.table([1.0], rope.Frequencies(angles), dtype=np.float64)
    for got, angle in zip(sine[0].tolist(), angles.tolist(), strict=True):
        assert abs(got / mpmath.sin(angle) - 1) <= 2.0**-52


def test_symmetry_and_the_identity_at_0():
    frequencies = rope.frequencies(DIM)
    positions = np.arange(1, 2000, 37)
    (cos, sin), (cos_back, sin_back) = (rope.table(p, frequencies) for p in (positions, -positions))
    assert np.array_equal(cos, cos_back)
    assert np.array_equal(sin, -sin_back)
    cos, sin = rope.table(0, frequencies, dtype=np.float64)
    assert np.array_equal(cos, np.ones(PAIRS))
    assert np.array_equal(sin, np.zeros(PAIRS))


@pytest.mark.parametrize("dtype", ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", ">i4", ">f8"])
def test_any_type_of_positions(dtype):
    positions = np.array([0, 1, 5, 100])
    want = rope.table(positions, rope.frequencies(DIM))
    got = rope.table(positions.astype(dtype), rope.frequencies(DIM))
    assert np.array_equal(got, want)


def test_shapes_of_positions():
    positions, frequencies = np.arange(24).reshape(2, 3, 4), rope.frequencies(6)
    want = rope.table(positions.ravel(), frequencies)
    for view in (positions, positions[:, ::-1], positions.T, positions[..., ::2], positions[0, 0, 0], positions[:0]):
        for got, flat in zip(rope.table(view, frequencies), want, strict=True):
            assert got.shape == (*view.shape, 3)
            assert np.array_equal(got, flat[view])
    assert rope.table(positions, rope.frequencies(0))[0].shape == (2, 3, 4, 0)
    assert rope.table(5, frequencies)[0].tolist() == want[0][5].tolist()


def test_attention_factor_multiplies_before_rounding():
    plain = rope.frequencies(DIM)
    scaled = rope.Frequencies(plain.inverse, 1.34657)
    for got, unscaled in zip(
        rope.table(range(99), scaled), rope.table(range(99), plain, dtype=np.float64), strict=True
    ):
        assert np.array_equal(got, (unscaled * 1.34657).astype(np.float32))


# ---- float32 angles -------------------------------------------------------------------------------------------------


def test_float32_angles_repeat_the_frameworks():
    positions = np.array([0, 1, 7, 4095, 100_000, 1_048_575, 2**24 + 1])
    frequencies = rope.frequencies(DIM, precision="float32")
    angles = positions.astype(np.float32)[:, None] * frequencies.inverse
    assert angles.dtype == np.float32
    tables = rope.table(positions, frequencies)
    for got, recipe in zip(tables, (np.cos(angles), np.sin(angles)), strict=True):
        assert np.abs(got - recipe).max() <= 2.0**-23  # NumPy's float32 functions are within 1.5 units of 2**-24
    exact = [[[oracles.cos_sin(Fraction(float(a)))[which] for a in row] for row in angles] for which in (0, 1)]
    assert largest_error(tables, exact) <= 2.0**-25 + 1e-12
    assert not np.allclose(tables[0], rope.table(positions, rope.frequencies(DIM))[0], atol=1e-3)


def test_float32_angles_round_fractional_positions_first():
    position = 1 + 2.0**-30
    assert np.array_equal(
        rope.table(position, rope.frequencies(DIM, precision="float32"), dtype=np.float64),
        rope.table(1, rope.frequencies(DIM, precision="float32"), dtype=np.float64),
    )
    assert not np.array_equal(
        rope.table(position, rope.frequencies(DIM), dtype=np.float64),
        rope.table(1, rope.frequencies(DIM), dtype=np.float64),
    )


FOUR = rope.frequencies(8)


def test_positions_of_any_alignment():
    positions = np.frombuffer(b"x" + np.arange(5.0).tobytes(), offset=1)
    assert not positions.flags.aligned
    for ours, aligned in zip(rope.table(positions, FOUR), rope.table(np.arange(5.0), FOUR), strict=True):
        np.testing.assert_array_equal(ours, aligned)


def test_tables_are_written_to_out():
    frequencies, positions = rope.frequencies(16), np.arange(-3, 40).reshape(1, 43)
    for options in {}, {"dtype": np.float64}, {"axes": [0, 1, 0, 1, 1, 1, 0, 0]}:
        where = np.stack([positions, positions + 5], -1) if "axes" in options else positions
        want = rope.table(where, frequencies, **options)
        out = tuple(np.full_like(part, 7) for part in want)
        assert all(g is o for g, o in zip(rope.table(where, frequencies, **options, out=out), out, strict=True))
        assert all(np.array_equal(o, w) for o, w in zip(out, want, strict=True))


@pytest.mark.parametrize(
    ("out", "error", "message"),
    [
        (np.empty((2, 3, 4), np.float32), TypeError, "out must be a tuple of two arrays, got ndarray"),
        ((np.empty((3, 4)), np.empty((3, 4))), TypeError, r"out\[0\] has dtype float64; float32 is needed"),
        (tuple(np.empty((2, 4, 4), np.float32)), ValueError, r"out\[0\] has shape \(4, 4\); \(3, 4\) is needed"),
        (tuple(np.empty((2, 4, 3), np.float32).transpose(0, 2, 1)), ValueError, "in C order"),
        ((np.ones((3, 4), np.float32),) * 2, ValueError, r"out\[0\] overlaps out\[1\]"),
        ((np.broadcast_to(np.float32(1), (3, 4)),) * 2, ValueError, r"out\[0\]"),
    ],
)
def test_out_that_cannot_hold_tables(out, error, message):
    before = [np.array(part) for part in out]
    with pytest.raises(error, match=message):
        rope.table(np.arange(3), rope.frequencies(8), out=out)
    assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(before, out, strict=True))
