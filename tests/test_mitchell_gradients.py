# SPDX-License-Identifier: BSD-3-Clause
"""Gradients of Mitchell's products: against difference quotients in exact fractions, and sums of these."""

import math
import tracemalloc
from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest

from fastops import mitchell

FRACTION_BITS = {np.float32: 23, np.float64: 52, np.float16: 10, ml_dtypes.bfloat16: 7}
DTYPES = list(FRACTION_BITS)
MODES = ["exact", "approximate", "straight_through"]
OFFSETS = [0.0, 0.0625, 0.0566234, -0.0593, 0.75, -1.25, 2.5]

every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=lambda t: np.dtype(t).name)


# ---- the definition, in fractions ----------------------------------------------------------------------------------


def split(value):
    """(exponent, fraction) of a positive Fraction, 2**exponent * (1 + fraction)."""
    exponent = value.numerator.bit_length() - value.denominator.bit_length()
    exponent -= Fraction(2) ** exponent > value
    return exponent, value / Fraction(2) ** exponent - 1


def product(x, y, offset):
    """Mitchell's product of two Fractions, none of them 0."""
    (n1, x1), (n2, x2) = split(abs(x)), split(abs(y))
    log = n1 + n2 + x1 + x2 + offset
    magnitude = Fraction(2) ** math.floor(log) * (1 + log - math.floor(log))
    return -magnitude if (x < 0) != (y < 0) else magnitude


def derivative(x, y, offset):
    """Difference quotient with respect to x, over a step to larger magnitudes that meets no kink."""
    step = x * Fraction(1, 1 << 80)
    return (product(x + step, y, offset) - product(x, y, offset)) / step


def constant(offset, dtype):
    """The offset as products of that type have it: whole steps of their patterns."""
    bits = FRACTION_BITS[dtype]
    return Fraction(round(Fraction(float(dtype(offset))) * 2**bits), 2**bits)


def numbers(dtype, size, seed=0):
    """Of both signs, from 1/8 to 8, with more of those where sums of fractions are whole."""
    rng = np.random.default_rng(seed)
    fraction = np.where(rng.random(size) < 0.5, rng.integers(0, 16, size) / 16, rng.random(size))
    return (rng.choice([-1, 1], size) * 2.0 ** rng.integers(-3, 3, size) * (1 + fraction)).astype(dtype)


def whole(dtype, shape, seed=9):
    """Small integers but 0: sums of their products with powers of two are exact."""
    rng = np.random.default_rng(seed)
    return (rng.choice([-1, 1], shape) * rng.integers(1, 5, shape)).astype(dtype)


# ---- elements ------------------------------------------------------------------------------------------------------


@every_dtype
@pytest.mark.parametrize("offset", OFFSETS)
def test_exact_derivative_is_the_difference_quotient(dtype, offset):
    x, y, grad = numbers(dtype, 300), numbers(dtype, 300, 1), whole(dtype, 300)
    dx, dy = mitchell.multiply_vjp(x, y, grad, offset=offset)
    assert dx.dtype == dy.dtype == dtype
    c = constant(offset, dtype)
    for got, *values in zip(*(a.astype(float).tolist() for a in (dx, x, y, grad)), strict=True):
        u, v, g = map(Fraction, values)
        assert Fraction(got) == g * derivative(u, v, c), values
    for got, *values in zip(*(a.astype(float).tolist() for a in (dy, x, y, grad)), strict=True):
        u, v, g = map(Fraction, values)
        assert Fraction(got) == g * derivative(v, u, c), values


def test_the_products_that_are_derived_are_those_of_the_ufuncs():
    x, y = numbers(np.float32, 300), numbers(np.float32, 300, 1)
    for offset in OFFSETS:
        got = mitchell.multiply_offset(x, y, np.float32(offset)) if offset else mitchell.multiply(x, y)
        for g, *values in zip(*(a.astype(float).tolist() for a in (got, x, y)), strict=True):
            assert Fraction(g) == product(*map(Fraction, values), constant(offset, np.float32))


@every_dtype
def test_exact_derivative_is_a_power_of_two_with_the_other_sign(dtype):
    x, y = numbers(dtype, 300), numbers(dtype, 300, 1)
    dx, _ = mitchell.multiply_vjp(x, y, np.ones_like(x))
    dx = dx.astype(float)
    assert set(np.frexp(abs(dx))[0]) == {0.5}
    assert np.array_equal(np.sign(dx), np.sign(y.astype(float)))
    assert set(abs(dx / y.astype(float))) <= {r for r in abs(dx / y.astype(float)) if 0.5 < r < 2}


@pytest.mark.parametrize("offset", [0.0, 0.0625, 0.25, -0.125])
def test_it_jumps_where_the_sum_of_fractions_carries(offset):
    y = np.float32(1.25)
    edge = np.float32(2 - 0.25 - offset)  # x1 + x2 + c = 1
    below = np.nextafter(edge, np.float32(0))
    (before, after), _ = mitchell.multiply_vjp(np.array([below, edge]), y, np.ones(2, np.float32), offset=offset)
    assert (before, after) == (1, 2)


def test_it_jumps_back_where_a_negative_offset_borrows():
    x = np.float32([1.0, 1.0625, 1.125])
    dx, _ = mitchell.multiply_vjp(x, np.float32(1), np.ones(3, np.float32), offset=-0.125)
    assert dx.tolist() == [0.5, 0.5, 1]


@every_dtype
def test_special_operands(dtype):
    tiny = ml_dtypes.finfo(dtype).smallest_subnormal
    zero, sub, inf, nan = 0.0, float(tiny), np.inf, np.nan
    x = np.array([zero, -zero, sub, 3.0, 3.0, 3.0, inf, 3.0, zero, nan, 3.0], dtype)
    y = np.array([-3.0, 3.0, 3.0, zero, sub, inf, 3.0, -inf, inf, 3.0, nan], dtype)
    want_x = [-2.0, 2, 2, 0, 0, inf, 2, -inf, inf, 2, nan]
    want_y = [0, 0, 0, 2, 2, 2, inf, 2, 0, nan, 2]
    dx, dy = mitchell.multiply_vjp(x, y, np.ones_like(x))
    assert np.array_equal(dx.astype(float), want_x, equal_nan=True)
    assert np.array_equal(dy.astype(float), want_y, equal_nan=True)


def test_ranges_of_the_product_do_not_count():
    big, small = np.float32(3e38), np.float32(2e-38)
    assert np.isinf(mitchell.multiply(big, big))
    assert mitchell.multiply(small, small) == 0
    assert mitchell.multiply_vjp(big, big, np.float32(0.25))[0] == 2.0**126  # 1.76 + 1.76 carries
    assert mitchell.multiply_vjp(small, small, np.float32(2.0**40))[0] == 2.0 ** (-125 + 40)  # so does 1.70


@every_dtype
def test_modes_differ_as_they_say(dtype):
    x, y, grad = (numbers(dtype, 400, seed) for seed in range(3))
    wide = [a.astype(float) for a in (x, y, grad)]
    exact, near, true = (mitchell.multiply_vjp(x, y, grad, mode=mode, offset=0.0625) for mode in MODES)
    assert np.array_equal(true[0], (wide[2] * wide[1]).astype(dtype))
    assert np.array_equal(near[0], mitchell.multiply_offset(grad, y, dtype(0.0625)))
    assert np.array_equal(near[1], mitchell.multiply_offset(grad, x, dtype(0.0625)))
    truth = wide[2] * wide[1]
    error = abs(near[0].astype(float) / truth - 1)
    assert 0.05 < error.max() < 0.08  # -7.3 % to +6.25 %
    ratio = exact[0].astype(float) / truth  # 2**j / (1 + x2)
    assert ratio.min() < 0.6
    assert ratio.max() > 1.8


def summed(array, shape):
    """Sums of the elements that one element of an array of that shape was broadcast to."""
    total = np.zeros(shape)
    for place in np.ndindex(array.shape):
        at = place[len(place) - len(shape) :]
        total[tuple(i if n > 1 else 0 for i, n in zip(at, shape, strict=True))] += array[place]
    return total


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("x_shape", "y_shape"), [((3, 4), (4,)), ((3, 1), (1, 4)), ((), (2, 3)), ((2, 1, 3), (5, 1)), ((1,), (1,))]
)
def test_gradients_of_broadcast_operands_are_sums(x_shape, y_shape, mode):
    shape = np.broadcast_shapes(x_shape, y_shape)
    x = numbers(np.float64, math.prod(x_shape)).reshape(x_shape)
    y = numbers(np.float64, math.prod(y_shape), 1).reshape(y_shape)
    grad = whole(np.float64, shape)
    dx, dy = mitchell.multiply_vjp(x, y, grad, mode=mode)
    assert (np.shape(dx), np.shape(dy)) == (x_shape, y_shape)
    full = mitchell.multiply_vjp(np.broadcast_to(x, shape).copy(), np.broadcast_to(y, shape).copy(), grad, mode=mode)
    for got, one, want in zip((dx, dy), (x_shape, y_shape), full, strict=True):
        assert np.allclose(got, summed(want, one), rtol=1e-14, atol=1e-13)


def test_16_bit_sums_are_rounded_once():
    n = 4096  # ones, and 2**-11 each: a running sum in float16 would stay at 2048, and lose all the small ones
    x, y = np.ones(1, np.float16), np.full(n, 1, np.float16)
    grad = np.where(np.arange(n) % 2, 2.0**-11, 1).astype(np.float16)
    assert mitchell.multiply_vjp(x, y, grad)[0] == np.float16(2048 + 1)
    assert mitchell.multiply_vjp(x, y, grad)[0] == np.float16(grad.astype(float).sum())


def test_scalars_and_empty_arrays():
    assert mitchell.multiply_vjp(1.5, 1.5, 1.0) == (2.0, 2.0)
    dx, dy = mitchell.multiply_vjp(np.ones((0, 3)), np.ones(3), np.ones((0, 3)))
    assert dx.shape == (0, 3)
    assert dy.tolist() == [0, 0, 0]


def test_there_is_no_warning_and_no_input_changes():
    x = np.float32([1e38, 1e-38, 1e-45, np.inf, 0, np.nan])
    before = x.tobytes()
    with np.errstate(all="raise"):
        for mode in MODES:
            mitchell.multiply_vjp(x, x[::-1], x, mode=mode)
            mitchell.matmul_vjp(x[:, None], x[None], x[:, None] + np.zeros(6, np.float32), mode=mode)
    assert x.tobytes() == before


# ---- matrices ------------------------------------------------------------------------------------------------------

SHAPES = [
    ((3, 5), (5, 4)),
    ((5,), (5, 4)),
    ((3, 5), (5,)),
    ((5,), (5,)),
    ((2, 3, 5), (5, 4)),
    ((3, 5), (2, 5, 4)),
    ((2, 1, 3, 5), (6, 5, 4)),
    ((2, 3, 5), (5,)),
    ((5,), (2, 5, 4)),
    ((1, 1), (1, 1)),
]


def matrices(a, b):
    return np.atleast_2d(a), b[:, None] if b.ndim == 1 else b


def naive(a, b, grad, offset):
    """Element by element: sums of the gradients of all products."""
    rows, columns = matrices(a, b)
    batch = np.broadcast_shapes(rows.shape[:-2], columns.shape[:-2])
    full = (*batch, rows.shape[-2], columns.shape[-1])
    left, right = rows[..., :, :, None], columns[..., None, :, :]
    grads = np.broadcast_to(grad.reshape(full)[..., :, None, :], np.broadcast_shapes(left.shape, right.shape)).copy()
    da, db = mitchell.multiply_vjp(left, right, grads, offset=offset)
    return da.reshape(a.shape), db.reshape(b.shape)


def operands(a_shape, b_shape, dtype):
    a = numbers(dtype, math.prod(a_shape)).reshape(a_shape)
    b = numbers(dtype, math.prod(b_shape), 1).reshape(b_shape)
    return a, b, np.asarray(whole(dtype, np.shape(a.astype(np.float32) @ b.astype(np.float32))))


@every_dtype
@pytest.mark.parametrize(("a_shape", "b_shape"), SHAPES)
def test_exact_gradients_of_matrix_products_are_the_sums(a_shape, b_shape, dtype):
    a, b, grad = operands(a_shape, b_shape, dtype)
    for method, options, offset in (
        ("mitchell", {}, 0.0),
        ("mbm", {}, 0.0),
        ("lmul", {}, 0.0625),
        ("offset", {"offset": 0.0566234}, 0.0566234),
        ("offset", {"offset": -1.25}, -1.25),
    ):
        da, db = mitchell.matmul_vjp(a, b, grad, method=method, **options)
        want = naive(a, b, grad, offset)
        assert da.dtype == db.dtype == dtype
        assert np.array_equal(da, want[0]), method
        assert np.array_equal(db, want[1]), method


METHODS = {
    "mitchell": mitchell.multiply,
    "offset": lambda x, y: mitchell.multiply_offset(x, y, 0.0566234),
    "lmul": mitchell.multiply_lmul,
    "mbm": mitchell.multiply_mbm,
}


@pytest.mark.parametrize("method", METHODS)
def test_derivatives_are_those_of_the_ufuncs(method):
    rng = np.random.default_rng(7)
    x, y = rng.choice([-1, 1], (2, 1000)) * np.exp2(rng.uniform(-3, 3, (2, 1000)))
    step = x * 2.0**-26
    slope = (METHODS[method](x + step, y) - METHODS[method](x, y)) / step
    offset = 0.0566234 if method == "offset" else 0.0
    one = np.ones((1, 1))
    found = [mitchell.matmul_vjp(one * u, one * v, one, method=method, offset=offset)[0][0, 0]
             for u, v in zip(x, y, strict=True)]  # fmt: skip
    assert np.allclose(found, slope, rtol=1e-6, atol=0)  # no step of these meets a kink


@pytest.mark.parametrize("block", [1, 7, 40, 1000])
def test_blocks_change_nothing(monkeypatch, block):
    from fastops import _mitchell_gradients as gradients

    a, b, grad = operands((2, 9, 11), (11, 5), np.float32)
    want = naive(a, b, grad, 0.0)
    monkeypatch.setattr(gradients, "_BLOCK", block)
    da, db = mitchell.matmul_vjp(a, b, grad)
    assert np.array_equal(da, want[0])
    assert np.array_equal(db, want[1])


@every_dtype
@pytest.mark.parametrize("method", ["mitchell", "offset", "lmul", "mbm"])
def test_approximate_gradients_are_matrix_products_of_the_method(method, dtype):
    a, b, grad = operands((6, 7), (7, 5), dtype)
    options = {"method": method, "offset": 0.05 if method == "offset" else 0.0}
    da, db = mitchell.matmul_vjp(a, b, grad, mode="approximate", **options)
    if method == "mbm":  # truncates to the bits of its type, here to those of float32
        wide = np.promote_types(dtype, np.float32)
        a, b, grad = a.astype(wide), b.astype(wide), grad.astype(wide)
    assert np.array_equal(da, mitchell.matmul(grad, b.T, **options).astype(dtype))
    assert np.array_equal(db, mitchell.matmul(a.T, grad, **options).astype(dtype))


@every_dtype
@pytest.mark.parametrize(("a_shape", "b_shape"), SHAPES)
def test_other_modes_have_the_shapes_and_sums_of_the_product_rule(a_shape, b_shape, dtype):
    a, b, grad = operands(a_shape, b_shape, dtype)
    rows, columns = matrices(a.astype(float), b.astype(float))
    full = (rows @ columns).shape
    wide = grad.astype(float).reshape(full)
    rules = (("...ij,...pj->...ip", columns), ("...ij,...ip->...pj", rows))
    for rounding, mode in ((0.02 + 1 / 9, "approximate"), (2 * 2.0 ** -FRACTION_BITS[dtype], "straight_through")):
        got = mitchell.matmul_vjp(a, b, grad, mode=mode)
        for one, to, (rule, other) in zip(got, (rows, columns), rules, strict=True):
            want, most = (summed(np.einsum(rule, f(wide), f(other)), to.shape) for f in (np.positive, np.abs))
            error = abs(one.astype(float).reshape(to.shape) - want)
            assert (error <= rounding * most).all(), mode
        assert (got[0].shape, got[1].shape) == (a_shape, b_shape)


@pytest.mark.parametrize("mode", MODES)
def test_empty_axes_of_matrices(mode):
    for m, k, n in (0, 2, 3), (2, 0, 3), (2, 3, 0):
        da, db = mitchell.matmul_vjp(np.ones((m, k)), np.ones((k, n)), np.ones((m, n)), mode=mode)
        assert (da.shape, db.shape) == ((m, k), (k, n))
        assert not da.any()
        assert not db.any()


def test_special_elements_reach_what_they_touch():
    a, b, grad = operands((3, 4), (4, 5), np.float32)
    a[1, 2], b[0, 3] = np.nan, np.inf
    da, db = mitchell.matmul_vjp(a, b, grad)
    assert np.isnan(db[2]).all()
    assert not np.isnan(np.delete(db, 2, 0)).any()
    assert np.isinf(da[:, 0]).all()
    assert np.isfinite(np.delete(da, 0, 1)).all()


def test_memory_does_not_grow_with_the_number_of_products():
    a, b, grad = operands((256, 256), (256, 256), np.float32)
    mitchell.matmul_vjp(a, b, grad)
    tracemalloc.start()
    mitchell.matmul_vjp(a, b, grad)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 << 20  # where the products are 64 MB
