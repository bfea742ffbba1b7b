# SPDX-License-Identifier: BSD-3-Clause
"""`fastops.reference` against scalar oracles that share no code with it. Any warning fails a test (pyproject.toml)."""

import itertools
import math

import ml_dtypes
import numpy as np
import pytest

import oracles
from fastops import reference
from oracles import BF16, E4M3, E5M2, F16, F32, F64

mitchell = reference.mitchell

FLOATS = {
    "float64": (np.float64, np.uint64, F64),
    "float32": (np.float32, np.uint32, F32),
    "float16": (np.float16, np.uint16, F16),
    "bfloat16": (ml_dtypes.bfloat16, np.uint16, BF16),
    "float8_e5m2": (ml_dtypes.float8_e5m2, np.uint8, E5M2),
    "float8_e4m3fn": (ml_dtypes.float8_e4m3fn, np.uint8, E4M3),
}
FP8 = ["float8_e5m2", "float8_e4m3fn"]
INTEGERS = ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"]
PRODUCT_DTYPE = dict(zip(INTEGERS, INTEGERS[2:] + INTEGERS[-2:], strict=True))

every_float = pytest.mark.parametrize("name", FLOATS)
every_integer = pytest.mark.parametrize("name", INTEGERS)
both = pytest.mark.parametrize("operation", ["multiply", "divide"])
seeded = pytest.mark.parametrize("seed", [1, 2], ids="seed{}".format)


def check_patterns(operation, name, pairs):
    """The reference on arrays of patterns equals the oracle, pattern by pattern."""
    dtype, unsigned, fmt = FLOATS[name]
    a, b = (np.array(column, unsigned) for column in zip(*pairs, strict=True))
    oracle = getattr(oracles, f"mitchell_{operation}_bits")
    want = np.array([oracle(int(p), int(q), fmt) for p, q in zip(a, b, strict=True)], unsigned)
    result = getattr(mitchell, operation)(a.view(dtype), b.view(dtype))
    assert result.dtype == dtype
    got = result.view(unsigned)
    wrong = np.flatnonzero(got != want)
    assert not wrong.size, [tuple(hex(v[i]) for v in (a, b, got, want)) for i in wrong[:5]]


def special_patterns(fmt):
    """Both signs of 0, subnormals, ordinary and extreme numbers, infinity and two NaNs with payload."""
    step = 1 << fmt.mantissa_bits
    one = fmt.bias * step
    positive = {0, 1, step - 1, step, step + 1, one, one + step // 2, 2 * one - step}
    positive |= {fmt.infinity - 1, fmt.infinity, fmt.canonical_nan, fmt.canonical_nan | 1}
    positive |= {fmt.infinity + 1} if fmt.has_inf else set()
    return sorted(positive) + [fmt.sign_bit | p for p in sorted(positive)]


# ---- Mitchell on floats -------------------------------------------------------------------------


@both
@every_float
def test_special_patterns(name, operation):
    specials = special_patterns(FLOATS[name][2])
    check_patterns(operation, name, list(itertools.product(specials, specials)))


@both
@every_float
@seeded
def test_random_patterns(name, operation, seed):
    fmt = FLOATS[name][2]
    draw = np.random.default_rng(seed).integers(0, 1 << fmt.bits, (2500, 2), FLOATS[name][1])
    check_patterns(operation, name, draw.tolist())


@both
@pytest.mark.parametrize("name", FP8)
def test_all_pairs(name, operation):
    check_patterns(operation, name, list(itertools.product(range(256), range(256))))


@both
@every_float
def test_carries_at_both_ends_of_the_exponent_range(name, operation):
    fmt = FLOATS[name][2]
    step, last = 1 << fmt.mantissa_bits, fmt.exponent_max - (1 if fmt.has_inf else 0)
    half = step // 2
    fractions = sorted({0, 1, half - 1, half, half + 1, step - 1})
    ends = [*range(-1, 3), *range(last - 2, last + 3)]  # exponent field of the result, before the carry
    pairs = []
    for field, second in itertools.product(ends, (1, fmt.bias // 2, fmt.bias, fmt.bias + 3, last)):
        first = field - second + fmt.bias if operation == "multiply" else field + second - fmt.bias
        if 1 <= first <= last:
            for x, y in itertools.product(fractions, fractions):
                pairs.append((first * step + x, (second * step + y) | fmt.sign_bit))
    assert len(pairs) > 300
    check_patterns(operation, name, pairs)


@pytest.mark.parametrize(
    ("dtype", "x", "y", "product"),
    [
        (np.float32, 0.0, 0.0, 0.0),  # a bare addition of patterns gives -4
        (np.float32, 0.0, 1e30, 0.0),
        (np.float32, 1e-30, 1e-30, 0.0),
        (np.float32, 1e30, 1e30, math.inf),
        (np.float32, 1e-45, 2.0**100, 0.0),
        (np.float16, 1.9 * 2.0**15, 1.9, math.inf),  # the carry overflows, not the exponents
        (np.float16, 1.5 * 2.0**-7, 1.5 * 2.0**-8, 2.0**-14),  # the carry saves it from underflow
        (np.float32, 12.3, 4.56, 53.68),  # exactly 56.088
    ],
)
def test_known_products(dtype, x, y, product):
    got = mitchell.multiply(dtype(x), dtype(y))
    assert got.dtype == dtype
    assert got == dtype(product) or abs(got - product) < 1e-5 * product


def bounded_pairs(name):
    """Exactly computable: all significands of the 16-bit types, else random numbers in mid-range."""
    dtype, unsigned, fmt = FLOATS[name]
    one = fmt.bias << fmt.mantissa_bits
    if fmt.bits <= 16:
        every = (one + np.arange(1 << fmt.mantissa_bits)).astype(unsigned).view(dtype)
        return every[:, None], every[None, :]
    x, y = np.random.default_rng(7).uniform(1, 2, (2, 200_000)).astype(dtype)
    return x * dtype(2) ** np.arange(-20, 20).repeat(5000).astype(dtype), y


@pytest.mark.parametrize("name", ["float32", "float16", "bfloat16", *FP8])
def test_error_bounds(name):
    # At most 24 + 24 bits of product and 4 of the bound's factor: float64 is exact.
    x, y = bounded_pairs(name)
    p = mitchell.multiply(x, y).astype(np.float64)
    q = mitchell.divide(x, y).astype(np.float64)
    x, y = x.astype(np.float64), y.astype(np.float64)
    assert np.all(p <= x * y)
    assert np.all(9 * p >= 8 * (x * y))
    assert np.all(q * y >= x)
    assert np.all(8 * (q * y) <= 9 * x)
    assert abs(np.mean(p / (x * y) - 1) + 0.0385) < (0.02 if name in FP8 else 0.001)


@every_float
def test_the_bounds_are_attained(name):
    dtype = FLOATS[name][0]
    one, three_halves = dtype(1), dtype(1.5)
    assert mitchell.multiply(three_halves, three_halves) == dtype(2)  # 8/9 of 2.25
    assert mitchell.divide(one, three_halves) == dtype(0.75)  # 9/8 of 2/3


@pytest.mark.parametrize("name", ["float64", "float32", "float16", "bfloat16"])
def test_logarithms_cancel(name):
    x, y = bounded_pairs(name)
    product = mitchell.multiply(x, y)
    assert np.array_equal(product, mitchell.multiply(y, x))
    assert np.array_equal(mitchell.divide(product, y), np.broadcast_to(x, product.shape))
    four = FLOATS[name][0](4)
    assert np.array_equal(mitchell.multiply(x, four), x * four)
    assert np.array_equal(mitchell.divide(x, four), x / four)


# ---- Mitchell on integers -----------------------------------------------------------------------


def check_integers(operation, name, pairs):
    dtype = np.dtype(name)
    bits, signed = 8 * dtype.itemsize, dtype.kind == "i"
    a, b = (np.array(column, dtype) for column in zip(*pairs, strict=True))
    oracle = getattr(oracles, f"mitchell_{operation}_int")
    result_dtype = np.dtype(PRODUCT_DTYPE[name] if operation == "multiply" else name)
    want = np.array([oracle(int(p), int(q), bits, signed) for p, q in pairs], result_dtype)
    with np.errstate(divide="ignore"):
        got = getattr(mitchell, operation)(a, b)
    assert got.dtype == result_dtype
    wrong = np.flatnonzero(got != want)
    assert not wrong.size, [tuple(int(v[i]) for v in (a, b, got, want)) for i in wrong[:5]]


@both
@pytest.mark.parametrize("name", ["int8", "uint8"])
def test_all_integer_pairs(name, operation):
    every = range(np.iinfo(name).min, np.iinfo(name).max + 1)
    check_integers(operation, name, list(itertools.product(every, every)))


@both
@every_integer
def test_extreme_integers(name, operation):
    info = np.iinfo(name)
    near = [(1 << k) + d for k in (0, 2, 8, 16, 24, 31, 32, 53, 54, 62, 63) for d in (-1, 0, 1)]
    near += [-v for v in near] + [3, 12345, 0x5555555555555555, 0xAAAAAAAAAAAAAAAA]
    near += [info.min, info.min + 1, info.max - 1, info.max]
    values = sorted({v for v in near if info.min <= v <= info.max})
    check_integers(operation, name, list(itertools.product(values, values)))


@both
@every_integer
@seeded
def test_random_integers(name, operation, seed):
    info, rng = np.iinfo(name), np.random.default_rng(seed)
    draw = rng.integers(info.min, info.max, (2000, 2), name, endpoint=True)
    draw >>= rng.integers(0, info.bits, draw.shape).astype(name)  # all lengths alike
    check_integers(operation, name, draw.tolist())


def test_integer_error_bounds_and_worst_case():
    a, b = np.arange(1, 256, dtype=np.uint8)[:, None], np.arange(1, 256, dtype=np.uint8)
    exact = a.astype(np.int64) * b
    product = mitchell.multiply(a, b).astype(np.int64)
    assert np.all(product <= exact)
    assert np.all(9 * product >= 8 * exact)
    assert mitchell.multiply(np.uint8(3), np.uint8(3)) == 8
    quotient = mitchell.divide(a, b).astype(np.int64)
    assert np.all(quotient >= a // b)
    assert np.all(8 * quotient * b <= 9 * a.astype(np.int64))


@every_integer
def test_integer_division_by_zero(name):
    x, zero = np.array([5, 0, 9], name), np.array([0, 0, 3], name)
    with pytest.warns(RuntimeWarning, match="divide by zero encountered in divide"):
        got = mitchell.divide(x, zero)
    assert got.tolist() == [0, 0, 3]
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
        mitchell.divide(x, zero)
    mitchell.divide(zero, x[[0, 2, 2]])


# ---- Mitchell on arrays -------------------------------------------------------------------------


@both
@pytest.mark.parametrize("name", [*FLOATS, *INTEGERS])
def test_shapes_strides_and_unchanged_inputs(name, operation):
    function, dtype = getattr(mitchell, operation), np.dtype(FLOATS[name][0] if name in FLOATS else name)
    x = (np.arange(60) % 7 + 1).astype(dtype).reshape(3, 4, 5)
    y = (np.arange(20) % 5 + 1).astype(dtype).reshape(4, 5)
    x.flags.writeable = y.flags.writeable = False
    full = function(x, y)
    assert full.shape == (3, 4, 5)
    assert np.array_equal(full[1], function(x[1].copy(), y))
    assert np.array_equal(function(x[:, ::-2, ::2], y[::-2, ::2]), full[:, ::-2, ::2])
    assert np.array_equal(function(x.T, y.T[..., None]), full.T)
    assert np.array_equal(function(x, y[0, 0]), function(x, np.broadcast_to(y[0, 0], x.shape)))
    assert np.ndim(function(x[0, 0, 0], y[0, 0])) == 0
    assert function(x[:0], y).shape == (0, 4, 5)
    assert np.array_equal(x.ravel(), (np.arange(60) % 7 + 1).astype(dtype))


@both
def test_refused_dtypes(operation):
    function = getattr(mitchell, operation)
    for x, y in [
        (np.float32(1), np.float64(1)),
        (np.int8(1), np.uint8(1)),
        (True, True),
        (1j, 1j),
        (np.ones(2, object), np.ones(2, object)),
        (np.ones(2, ">f4" if np.little_endian else "<f4"),) * 2,
    ]:
        with pytest.raises(TypeError, match="x and y must"):
            function(x, y)
