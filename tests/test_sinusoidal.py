# SPDX-License-Identifier: BSD-3-Clause
"""Sinusoidal encodings against mpmath, the formulas of other codes, and their algebra."""

import math

import ml_dtypes
import mpmath
import numpy as np
import pytest

import oracles
from fastops import reference, sinusoidal

LAYOUTS = ["interleaved", "sin_cos", "cos_sin"]
every_layout = pytest.mark.parametrize("layout", LAYOUTS)


# ---- encode ---------------------------------------------------------------------------------------------------------


def exact(position, dim, layout, shift=0, base=10_000):
    """One encoding as mpmath numbers, lane by lane."""
    half = mpmath.mpf(dim) / 2 if layout == "interleaved" else dim // 2
    lanes = []
    for lane in range(dim):
        i, is_cos = divmod(lane, 2) if layout == "interleaved" else (lane % (dim // 2), lane // (dim // 2))
        if is_cos > 1:
            lanes.append(mpmath.mpf(0))
            continue
        angle = mpmath.mpf(position) * mpmath.mpf(base) ** (-i / (half - mpmath.mpf(shift)))
        lanes.append(oracles.cos_sin(angle)[is_cos == (layout == "cos_sin")])
    return lanes


@pytest.mark.usefixtures("isa")
@every_layout
@pytest.mark.parametrize("dim", [2, 7, 16])
@pytest.mark.parametrize("shift", [0, 0.5])
@pytest.mark.parametrize("module", [sinusoidal, reference.sinusoidal], ids=["fast", "reference"])
def test_encodings_against_mpmath(module, layout, dim, shift):
    positions = [0, 1, -3, 0.25, 999, 131_071, 2**24 - 1]
    for dtype, bound in ((np.float32, 6e-8), (np.float64, 2e-8)):
        got = module.encode(positions, dim, layout=layout, shift=shift, dtype=dtype)
        assert got.dtype == dtype
        assert got.shape == (len(positions), dim)
        with mpmath.workdps(oracles.DIGITS):
            for row, position in zip(got, positions, strict=True):
                for value, want in zip(row, exact(position, dim, layout, shift), strict=True):
                    assert abs(float(value) - want) <= bound
    small = module.encode([1, 2], dim, layout=layout, shift=shift, dtype=np.float64)
    with mpmath.workdps(oracles.DIGITS):
        assert max(abs(a - b) for a, b in zip(small[1].tolist(), exact(2, dim, layout, shift), strict=True)) < 1e-14


@every_layout
@pytest.mark.parametrize("dim", [0, 1, 2, 3, 8, 9])
@pytest.mark.parametrize("shape", [(), (0,), (5,), (2, 3)])
def test_shapes_and_the_reference(layout, dim, shape, rng):
    positions = rng.integers(0, 5000, shape)
    for dtype in (np.float32, np.float64):
        got = sinusoidal.encode(positions, dim, layout=layout, base=300.0, dtype=dtype)
        want = reference.sinusoidal.encode(positions, dim, 300.0, layout, dtype=dtype)
        assert got.shape == want.shape == (*shape, dim)
        np.testing.assert_allclose(got, want, rtol=0, atol=2 * np.finfo(dtype).eps)


def test_the_first_encoding():
    assert sinusoidal.encode(0, 6).tolist() == [0, 1, 0, 1, 0, 1]
    assert sinusoidal.encode(0, 5).tolist() == [0, 1, 0, 1, 0]
    assert sinusoidal.encode(0, 5, layout="sin_cos").tolist() == [0, 0, 1, 1, 0]
    assert sinusoidal.encode(0, 5, layout="cos_sin").tolist() == [1, 1, 0, 0, 0]


def test_the_article():
    position, dim = np.arange(50)[:, None], 12
    lane = np.arange(dim)
    angle = position / 10000 ** (2 * (lane // 2) / dim)
    np.testing.assert_allclose(
        sinusoidal.encode(np.arange(50), dim, dtype=np.float64),
        np.where(lane % 2, np.cos(angle), np.sin(angle)),
        atol=1e-13,
    )


def test_fairseq():
    # positions begin after the padding index, whose own row is 0; odd widths end with a 0
    dim, padding, tokens = 9, 1, np.array([[5, 6, 1, 1], [3, 4, 5, 6]])
    mask = tokens != padding
    positions = np.cumsum(mask, axis=1) * mask + padding
    half = dim // 2
    angle = np.arange(20)[:, None] * np.exp(-np.arange(half) * math.log(10000) / (half - 1))
    table = np.concatenate([np.sin(angle), np.cos(angle), np.zeros((20, 1))], axis=1)
    table[padding] = 0
    got = sinusoidal.encode(positions, dim, layout="sin_cos", shift=1, padding_index=padding)
    np.testing.assert_allclose(got, table[positions], atol=1e-7)
    assert not got[0, 2:].any()
    assert got[0, 0].any()


@pytest.mark.parametrize("shift", [0, 1])
def test_timesteps_of_diffusion_models(shift):
    t, dim = np.array([0.0, 0.37, 500.25, 999.0]), 64
    half = dim // 2
    angle = t[:, None] * np.exp(-math.log(10000) * np.arange(half) / (half - shift))
    sin_cos = np.concatenate([np.sin(angle), np.cos(angle)], axis=1)
    flipped = np.concatenate([sin_cos[:, half:], sin_cos[:, :half]], axis=1)
    np.testing.assert_allclose(sinusoidal.encode(t, dim, layout="sin_cos", shift=shift), sin_cos, atol=1e-7)
    np.testing.assert_allclose(sinusoidal.encode(t, dim, layout="cos_sin", shift=shift), flipped, atol=1e-7)


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_16_bits_are_rounded_from_float32(dtype):
    got = sinusoidal.encode(np.arange(99), 16, dtype=dtype)
    assert got.dtype == dtype
    assert np.array_equal(got, sinusoidal.encode(np.arange(99), 16).astype(dtype))


@every_layout
def test_out(layout):
    positions = np.arange(6).reshape(2, 3)
    out = np.full((2, 3, 14), 7, np.float32)[..., ::2]
    assert sinusoidal.encode(positions, 7, layout=layout, out=out) is out
    assert np.array_equal(out, sinusoidal.encode(positions, 7, layout=layout))
    line = np.arange(8, dtype=np.float32).reshape(1, 8)
    want = sinusoidal.encode(line[:, 0].copy(), 8)
    assert np.array_equal(sinusoidal.encode(line[:, 0], 8, out=line), want)


# ---- encode_grid ----------------------------------------------------------------------------------------------------


@every_layout
@pytest.mark.parametrize("order", ["row_column", "column_row"])
@pytest.mark.parametrize("dim", [0, 4, 10])
def test_grids(layout, order, dim):
    got = sinusoidal.encode_grid(3, 5, dim, layout=layout, order=order)
    assert got.shape == (3, 5, dim)
    for row in range(3):
        for column in range(5):
            places = [row, column] if order == "row_column" else [column, row]
            assert np.array_equal(got[row, column], sinusoidal.encode(places, dim // 2, layout=layout).reshape(-1))
    np.testing.assert_allclose(got, reference.sinusoidal.encode_grid(3, 5, dim, layout=layout, order=order), atol=2e-7)
    out = np.empty((3, 5, dim), np.float64)
    assert sinusoidal.encode_grid(3, 5, dim, layout=layout, order=order, dtype="f8", out=out) is out
    np.testing.assert_allclose(out, got, atol=1e-7)


def test_masked_autoencoders():
    height, width, dim = 3, 4, 16
    omega = 1 / 10000 ** (np.arange(dim // 4) / (dim / 4))
    grid = np.stack(np.meshgrid(np.arange(width), np.arange(height)))  # w goes first
    halves = [np.outer(of.reshape(-1), omega) for of in grid]
    want = np.concatenate([f(a) for a in halves for f in (np.sin, np.cos)], axis=1).reshape(height, width, dim)
    got = sinusoidal.encode_grid(height, width, dim, layout="sin_cos", order="column_row", dtype=np.float64)
    np.testing.assert_allclose(got, want, atol=1e-14)


# ---- relative positions ---------------------------------------------------------------------------------------------


@every_layout
@pytest.mark.parametrize("k", [0, 1, -7, 0.5, 4096])
@pytest.mark.parametrize("shift", [0, 1])
def test_shift_matrices(layout, k, shift):
    options = {"layout": layout, "shift": shift, "base": 500.0}
    matrix = sinusoidal.shift_matrix(k, 12, **options)
    for m in (0, 3, -100, 0.25):
        before, after = (sinusoidal.encode(p, 12, dtype=np.float64, **options) for p in (m, m + k))
        np.testing.assert_allclose(matrix @ before, after, atol=1e-11)
    np.testing.assert_allclose(matrix.T @ matrix, np.eye(12), atol=1e-14)
    np.testing.assert_allclose(matrix, reference.sinusoidal.shift_matrix(k, 12, **options), atol=1e-11)
    if k == 1:
        np.testing.assert_allclose(
            np.linalg.matrix_power(matrix, 5), sinusoidal.shift_matrix(5, 12, **options), atol=1e-13
        )


@every_layout
def test_inner_products_depend_on_the_distance(layout):
    encodings = sinusoidal.encode(np.arange(40), 32, layout=layout, dtype=np.float64)
    gram = encodings @ encodings.T
    distances = np.arange(40)[:, None] - np.arange(40)
    np.testing.assert_allclose(gram, 16 * sinusoidal.correlation(distances, 32), atol=1e-12)
    np.testing.assert_allclose((encodings**2).sum(-1), 16, atol=1e-12)


def test_correlation():
    assert sinusoidal.correlation(0, 64) == 1
    assert sinusoidal.correlation(5, 64).shape == ()
    assert sinusoidal.correlation(np.zeros((0, 3)), 64).shape == (0, 3)
    many = np.arange(100_000)  # in several blocks
    got = sinusoidal.correlation(many, 64)
    np.testing.assert_allclose(got[::9973], reference.sinusoidal.correlation(many[::9973], 64), atol=1e-10)


DISTANCES = [*np.geomspace(1e-9, 1e12, 60), *np.linspace(4.9, 5.1, 9), 4.9e4, 5e4, 5.1e4]


@pytest.mark.parametrize("base", [1.5, 2.0, 10_000.0, 1e9])
def test_the_limit_against_mpmath(base):
    got = sinusoidal.correlation_limit(DISTANCES, base=base)
    with mpmath.workdps(40):
        for value, x in zip(got.tolist(), DISTANCES, strict=True):
            x = mpmath.mpf(x)
            want = (mpmath.ci(x) - mpmath.ci(x / mpmath.mpf(base))) / mpmath.log(base)
            assert abs(value - want) <= 1e-15 + 1e-15 / math.log(base)


def test_the_limit_is_an_integral_and_a_limit():
    x = np.array([0, 0.5, 3, 20, 300])
    np.testing.assert_allclose(
        sinusoidal.correlation_limit(x), reference.sinusoidal.correlation_limit(x), rtol=0, atol=1e-7
    )
    wide = [np.abs(sinusoidal.correlation(x, dim) - sinusoidal.correlation_limit(x)).max() for dim in (256, 1024, 4096)]
    assert wide[0] > 3 * wide[1] > 9 * wide[2]  # by 1 / dim
    assert wide[2] < 1e-3


def test_special_distances():
    got = sinusoidal.correlation_limit([[0, np.inf], [-np.inf, np.nan]])
    assert got[0].tolist() == [1, 0]
    assert got[1, 0] == 0
    assert np.isnan(got[1, 1])
    assert sinusoidal.correlation_limit(-7) == sinusoidal.correlation_limit(7)
    assert sinusoidal.correlation_limit([]).shape == (0,)


# ---- errors ---------------------------------------------------------------------------------------------------------

OUT = np.zeros((2, 4), np.float32)
READ_ONLY = np.broadcast_to(np.float32(0), (2, 4))
ERRORS = {
    "dim": (lambda: sinusoidal.encode([0], -1), ValueError, "dim must be at least 0, got -1"),
    "dim_float": (lambda: sinusoidal.encode([0], 4.0), TypeError, "dim must be an integer, got float"),
    "base": (lambda: sinusoidal.encode([0], 4, base=0), ValueError, "base must be positive and finite, got 0"),
    "layout": (lambda: sinusoidal.encode([0], 4, layout="half"), ValueError, "layout must be one of 'interleaved', "),
    "shift": (lambda: sinusoidal.encode([0], 2, shift=1, layout="sin_cos"), ValueError, "shift must be below 1, half"),
    "shift_string": (lambda: sinusoidal.encode([0], 4, shift="1"), TypeError, "shift must be a real number"),
    "padding": (lambda: sinusoidal.encode([0], 4, padding_index=0.5), TypeError, "padding_index must be an integer"),
    "dtype": (lambda: sinusoidal.encode([0], 4, dtype=int), TypeError, "dtype must be one of float32, .*, got int64"),
    "dtype_swapped": (lambda: sinusoidal.encode([0], 4, dtype=">f4"), TypeError, "dtype must be one of"),
    "positions": (lambda: sinusoidal.encode([None], 4), TypeError, "positions has dtype object"),
    "nan": (lambda: sinusoidal.encode([np.nan, 0], 4, out=OUT), ValueError, "finite"),
    "far": (lambda: sinusoidal.encode([2**31, 0], 4, out=OUT), ValueError, "below 2\\*\\*31"),
    "out_list": (lambda: sinusoidal.encode([0], 4, out=[0]), TypeError, "out must be a numpy.ndarray, got list"),
    "out_dtype": (
        lambda: sinusoidal.encode([0, 1], 4, dtype="f8", out=OUT),
        TypeError,
        "out has dtype float32; float64",
    ),
    "out_shape": (
        lambda: sinusoidal.encode([0], 4, out=OUT),
        ValueError,
        r"out has shape \(2, 4\); \(1, 4\) is needed",
    ),
    "out_read_only": (lambda: sinusoidal.encode([0, 1], 4, out=READ_ONLY), ValueError, "out is read-only"),
    "grid_dim": (lambda: sinusoidal.encode_grid(2, 2, 5), ValueError, "dim must be even and at least 0, got 5"),
    "grid_order": (
        lambda: sinusoidal.encode_grid(2, 2, 4, order="xy"),
        ValueError,
        "order must be one of 'row_column'",
    ),
    "grid_height": (lambda: sinusoidal.encode_grid(-2, 2, 4), ValueError, "height must be at least 0, got -2"),
    "grid_out": (
        lambda: sinusoidal.encode_grid(2, 2, 4, out=OUT),
        ValueError,
        r"out has shape .*\(2, 2, 4\) is needed",
    ),
    "matrix_odd": (lambda: sinusoidal.shift_matrix(1, 3), ValueError, "dim must be even"),
    "matrix_k": (lambda: sinusoidal.shift_matrix(np.inf, 4), ValueError, "k must be finite"),
    "matrix_layout": (lambda: sinusoidal.shift_matrix(1, 4, layout="x"), ValueError, "layout must be one of"),
    "correlation_dim": (lambda: sinusoidal.correlation(1, 0), ValueError, "dim must be at least 2, got 0"),
    "correlation_odd": (lambda: sinusoidal.correlation(1, 3), ValueError, "dim must be even"),
    "correlation_type": (lambda: sinusoidal.correlation("1", 4), TypeError, "distance has dtype <U1"),
    "correlation_far": (lambda: sinusoidal.correlation([1, 2**31], 4), ValueError, "distance times frequency must be"),
    "correlation_nan": (lambda: sinusoidal.correlation(np.nan, 4), ValueError, "distance times frequency must be"),
    "matrix_far": (lambda: sinusoidal.shift_matrix(2**31, 4), ValueError, "k times frequency must be finite and below"),
    "limit_type": (lambda: sinusoidal.correlation_limit([1j]), TypeError, "distance has dtype complex128"),
    "limit_base": (lambda: sinusoidal.correlation_limit(1, base=1), ValueError, "base must be above 1, got 1.0"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors_write_nothing(case):
    call, error, message = ERRORS[case]
    with pytest.raises(error, match=message):
        call()
    assert not OUT.any()
