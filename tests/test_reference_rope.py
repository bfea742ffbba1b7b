# SPDX-License-Identifier: BSD-3-Clause
"""`fastops.reference.rope` against scalar oracles that share no code with it."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest

import oracles
from fastops import reference
from test_reference import FLOATS, special_patterns

rope = reference.rope


POSITIONS = [0, 1, -1, 2, -513, 4095, 131_071, 1_048_575, 2**24 + 1]
ROPE_FLOATS = {"float64": 53, "float32": 24, "float16": 11, "bfloat16": 8}  # significant bits


def numbers(array):
    """The elements as exact fractions."""
    return [Fraction(float(v)) for v in np.asarray(array).ravel()]


def random_case(name, pairs, head_dim, seed=11):
    """x (2, 5, 3, head_dim) of that dtype, and cos and sin (5, 1, pairs) for it."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((2, 5, 3, head_dim)).astype(FLOATS[name][0])
    cos, sin = rng.standard_normal((2, 5, 1, pairs)).astype("f8" if name == "float64" else "f4")
    return x, cos, sin


@pytest.mark.parametrize("base", [10_000.0, 5e6])
@pytest.mark.parametrize("rotary_dim", [2, 12, 64, 80])
def test_frequencies(rotary_dim, base):
    exact = [oracles.rope_angle(1, i, rotary_dim, base) for i in range(rotary_dim // 2)]
    for precision, unit in [("float64", 2**-53), ("float32", 2**-24)]:
        got = rope.frequencies(rotary_dim, base, precision)
        assert got.dtype == precision
        # Rounding the exponent costs log(base) units, the power and the reciprocal a few more.
        bound = unit * (math.log(base) + 5)
        assert all(abs(g / w - 1) < bound for g, w in zip(got.tolist(), exact, strict=True))


@pytest.mark.parametrize("name", ["float64", "float32"])
@pytest.mark.parametrize("factor", [1.0, 1.34657])
def test_table(name, factor):
    rotary_dim, bits = 16, ROPE_FLOATS[name]
    cos, sin = rope.table(POSITIONS, rope.frequencies(rotary_dim), factor, FLOATS[name][0])
    assert cos.dtype == sin.dtype == FLOATS[name][0]
    assert cos.shape == (len(POSITIONS), 8)
    for (t, position), i in itertools.product(enumerate(POSITIONS), range(8)):
        entry = oracles.rope_table_entry(position, i, rotary_dim, 10_000, factor)
        angle_error = abs(position) * 2**-53 * 16
        for got, want in zip((cos[t, i], sin[t, i]), entry, strict=True):
            assert abs(float(got) - want) <= (2**-bits + 2**-51) * factor + 2 * angle_error


def test_table_of_float32_frequencies():
    inverse = rope.frequencies(16, 10_000, "float32")
    cos, sin = rope.table([*POSITIONS, 2.7], inverse, dtype=np.float64)
    for (t, position), i in itertools.product(enumerate([*POSITIONS, 2.7]), range(8)):
        rounded = oracles.round_significand(Fraction(position), 24)
        angle = oracles.round_significand(rounded * numbers(inverse)[i], 24)
        for got, want in zip((cos[t, i], sin[t, i]), oracles.cos_sin(angle), strict=True):
            assert abs(float(got) - want) <= 2**-52


@pytest.mark.parametrize("full_width", [False, True], ids=["half_width", "full_width"])
@pytest.mark.parametrize("inverse", [False, True], ids=["forward", "inverse"])
@pytest.mark.parametrize("layout", ["half", "interleaved"])
@pytest.mark.parametrize("name", ROPE_FLOATS)
def test_rotation_is_exact(name, layout, inverse, full_width):
    bits, start, rotary_dim = ROPE_FLOATS[name], 3, 12
    x, cos, sin = random_case(name, rotary_dim if full_width else rotary_dim // 2, head_dim=20)
    got = rope.rotate(x, cos, sin, layout, start, inverse, full_width)
    assert got.dtype == x.dtype
    assert got.shape == x.shape
    for index in np.ndindex(x.shape[:-1]):
        lanes, result = numbers(x[index])[start:], numbers(got[index])[start:]
        c, s = numbers(cos[index[1], 0]), numbers(-sin[index[1], 0] if inverse else sin[index[1], 0])
        for i in range(rotary_dim // 2):
            pair = (i, i + rotary_dim // 2) if layout == "half" else (2 * i, 2 * i + 1)
            of = pair if full_width else (i, i)
            want = oracles.rope_rotate_pair(
                [lanes[j] for j in pair], [c[j] for j in of], [s[j] for j in of], max(bits, 24)
            )
            assert [result[j] for j in pair] == [oracles.round_significand(v, bits) for v in want]


@pytest.mark.parametrize("layout", ["half", "interleaved"])
def test_rotation_is_the_product_with_a_rotation_matrix(layout):
    rotary_dim, start, positions = 8, 1, np.array([0, 3, -7, 1000])
    x = np.random.default_rng(5).standard_normal((4, 11))
    cos, sin = rope.table(positions, rope.frequencies(rotary_dim), dtype=np.float64)
    got = rope.rotate(x, cos, sin, layout, start)
    for t, position in enumerate(positions.tolist()):
        matrix = np.eye(11)
        for i in range(4):
            j, k = (start + i, start + i + 4) if layout == "half" else (start + 2 * i, start + 2 * i + 1)
            angle = position * 10_000.0 ** (-2 * i / rotary_dim)
            matrix[j, j] = matrix[k, k] = math.cos(angle)
            matrix[k, j] = math.sin(angle)
            matrix[j, k] = -matrix[k, j]
        np.testing.assert_allclose(got[t], matrix @ x[t], rtol=0, atol=1e-14)
        np.testing.assert_allclose(matrix @ matrix.T, np.eye(11), rtol=0, atol=1e-15)
    back = rope.rotate(got, cos, sin, layout, start, inverse=True)
    np.testing.assert_allclose(back, x, rtol=0, atol=1e-14)


@pytest.mark.parametrize("name", ROPE_FLOATS)
def test_other_lanes_keep_their_bits(name):
    dtype, unsigned, fmt = FLOATS[name]
    patterns = np.array(special_patterns(fmt), unsigned)
    x = np.concatenate([patterns, patterns]).view(dtype)
    cos, sin = np.ones((2, 1), "f8" if name == "float64" else "f4")
    for start in (0, 5, x.size - 2):
        got = rope.rotate(x, cos, sin, start=start).view(unsigned)
        assert np.array_equal(np.delete(got, [start, start + 1]), np.delete(x.view(unsigned), [start, start + 1]))


@pytest.mark.parametrize("name", ROPE_FLOATS)
def test_queries_and_keys(name):
    q, cos, sin = random_case(name, 6, head_dim=12)
    k, before = q[::-1, :, :1], q.copy()
    both_turned = rope.rotate_qk(q, k, cos, sin, "interleaved", inverse=True)
    for got, x in zip(both_turned, (q, k), strict=True):
        assert np.array_equal(got, rope.rotate(x, cos, sin, "interleaved", inverse=True))
    assert np.array_equal(q, before)
    assert rope.rotate(q[:0], cos, sin).shape == (0, 5, 3, 12)
    assert np.array_equal(rope.rotate(q, cos[..., :0], sin[..., :0]), q)


def test_rotation_of_infinities_and_overflow_is_silent():
    big = np.array([np.inf, 1, 65504, 65504], np.float16)
    got = rope.rotate(big, np.ones(2, "f4"), np.ones(2, "f4"), "interleaved")
    assert got.tolist() == [math.inf, math.inf, 0, math.inf]


def test_refused_arguments():
    x, table = np.ones((2, 8), np.float32), np.ones(3, np.float32)
    for error, match, changed in [
        (ValueError, "layout", {"layout": "pairs"}),
        (ValueError, "lanes", {"start": 3}),
        (ValueError, "lanes", {"start": -1}),
        (ValueError, "even", {"full_width": True}),
        (ValueError, "last axis", {"sin": table[:2]}),
        (ValueError, "last axis", {"cos": np.float32(1)}),
        (TypeError, "x must", {"x": np.ones(8, int)}),
        (TypeError, "cos must", {"cos": np.ones(3)}),
    ]:
        with pytest.raises(error, match=match):
            rope.rotate(**{"x": x, "cos": table, "sin": table, **changed})
    with pytest.raises(ValueError, match="rotary_dim"):
        rope.frequencies(7)
    with pytest.raises(ValueError, match="precision"):
        rope.frequencies(8, precision="half")
