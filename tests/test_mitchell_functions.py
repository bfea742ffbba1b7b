# SPDX-License-Identifier: BSD-3-Clause
"""Values of mitchell's roots, logarithm, powers, offsets and refined products against the definitions."""

import itertools
import runpy

import numpy as np
import pytest

import oracles
import oracles_mitchell
from fastops import mitchell
from fastops._case import DTYPES, bits
from support import IN_SOURCE_TREE, ROOT

WIDER = ["f64", "f32", "f16", "bf16"]
UNARY = ["square", "sqrt", "reciprocal", "rsqrt", "log2", "exp2"]
BINARY = ["power", "multiply_mbm", "multiply_lmul"]
TERNARY = ["multiply_offset", "divide_offset"]
# Corrections of REALM in units of 1/64, one hexadecimal digit each.
TABLE = [
    [int(digit, 16) for digit in row]
    for row in (
        "0000111111112221",
        "0111222334445552",
        "0122334556778852",
        "01234567789aa852",
        "12345678abcca741",
        "1235689acdec9741",
        "124679bcefdb8641",
        "13578acefeca7531",
        "1357acefeca87531",
        "1468bdfecb976421",
        "1479cedca9865321",
        "147accba87654321",
        "258aa98776543210",
        "2588776554332210",
        "2555444332221110",
        "1222111111110000",
    )
]

isas = pytest.mark.usefixtures("isa")


def formats(names):
    return pytest.mark.parametrize("name", [name for name in names if name in DTYPES])


def patterns(fmt, count, rng):
    """Special ones; exponents around 0, and fractions around a half; any; of both signs."""
    step, one = 1 << fmt.mantissa_bits, fmt.bias << fmt.mantissa_bits
    chosen = [0, 1, step - 1, step, step + 1, one - 1, one, one + 1, one + step // 2, fmt.infinity - 1, fmt.infinity]
    chosen += [fmt.canonical_nan, fmt.canonical_nan | 1, fmt.infinity + (1 if fmt.has_inf else 0)]
    chosen += [one + k * step // 2 for k in range(-8, 20) if step <= one + k * step // 2 < fmt.infinity]
    near = [one + int(k) for k in rng.integers(-4 * step, 8 * step, count) if step <= one + k < fmt.infinity]
    far = [int(v) >> (64 - fmt.bits) for v in rng.integers(0, 2**64, count, np.uint64)]
    values = chosen + near + far
    return values + [value ^ fmt.sign_bit for value in values]


def check(name, operation, cases, *extra):
    """That the operation gives, without a floating-point warning, the patterns that the oracle gives."""
    fmt, dtype = oracles.FORMATS[name], DTYPES[name]
    arrays = [np.array(column, f"u{dtype.itemsize}").view(dtype) for column in zip(*cases, strict=True)]
    oracle = getattr(oracles_mitchell, operation)
    with np.errstate(all="raise"):
        result = getattr(mitchell, operation)(*arrays)
    assert result.dtype == dtype
    got = bits(result).tolist()
    want = [oracle(*case, fmt, *extra) for case in cases]
    wrong = [i for i in range(len(cases)) if got[i] != want[i]]
    assert not wrong, [([hex(v) for v in cases[i]], hex(got[i]), hex(want[i])) for i in wrong[:5]]


# ---- against the definitions ----------------------------------------------------------------------------------------


@isas
@pytest.mark.parametrize("operation", UNARY)
@formats(WIDER)
def test_one_operand(name, operation, rng):
    check(name, operation, [(a,) for a in patterns(oracles.FORMATS[name], 300, rng)])


@isas
@pytest.mark.parametrize("operation", UNARY)
@formats(["f16", "bf16"])
def test_16_bit_operands(name, operation):
    check(name, operation, [(a,) for a in range(UNARY.index(operation), 1 << 16, 6)])


@isas
@pytest.mark.parametrize("operation", BINARY)
@formats(WIDER)
def test_two_operands(name, operation, rng):
    values = patterns(oracles.FORMATS[name], 0, rng)
    more = patterns(oracles.FORMATS[name], 1000, rng)
    others = (more[i] for i in rng.permutation(len(more)))
    check(name, operation, [*itertools.product(values, values), *zip(more, others, strict=True)])


@isas
@formats(WIDER)
def test_realm(name, rng):
    values = patterns(oracles.FORMATS[name], 0, rng)
    more = patterns(oracles.FORMATS[name], 1000, rng)
    others = (more[i] for i in rng.permutation(len(more)))
    cases = [*itertools.product(values, values), *zip(more, others, strict=True)]
    check(name, "multiply_realm", cases, TABLE)


@isas
@formats(["e5m2", "e4m3"])
def test_lmul_of_all_pairs_of_8_bits(name):
    check(name, "multiply_lmul", [*itertools.product(range(256), range(256))])


@isas
@pytest.mark.parametrize("operation", TERNARY)
@formats(WIDER)
def test_three_operands(name, operation, rng):
    few = patterns(oracles.FORMATS[name], 0, rng)[::3]
    more = patterns(oracles.FORMATS[name], 500, rng)
    orders = (rng.permutation(len(more)) for _ in range(2))
    cases = [*itertools.product(few, few, few)] + [(a, more[b], more[c]) for a, b, c in zip(more, *orders, strict=True)]
    check(name, operation, cases)


@isas
@pytest.mark.parametrize("operation", TERNARY)
@formats(WIDER)
def test_blocks_of_ordinary_numbers_and_offsets_below_1(name, operation, rng):
    fmt, count = oracles.FORMATS[name], 3 * 256 // DTYPES[name].itemsize
    step, one = 1 << fmt.mantissa_bits, fmt.bias << fmt.mantissa_bits
    near = [[one + int(k) for k in rng.integers(-2 * step, 2 * step, count)] for _ in range(2)]
    ties = [one - int(k) * step for k in rng.integers(1, min(fmt.bias, fmt.mantissa_bits + 4), count)]  # 2**-k
    offsets = [pattern - 3 * step for pattern in reversed(near[0])]
    signs = [fmt.sign_bit * int(s) for s in rng.integers(0, 2, count)]
    for c in (ties, [t + step // 2 for t in ties], offsets, [0] * count, [1] * count, [one - 1] * count):
        check(name, operation, [(a + s, b, d ^ s) for a, b, d, s in zip(*near, c, signs, strict=True)])


@isas
@pytest.mark.parametrize("operation", TERNARY)
@formats(WIDER)
def test_offsets_reach_both_ends_of_the_range_and_no_further(name, operation):
    """Results in the last steps before overflow and underflow, however far the operands and c are from them."""
    fmt = oracles.FORMATS[name]
    step, one, top = 1 << fmt.mantissa_bits, fmt.bias << fmt.mantissa_bits, fmt.infinity
    cases = []
    for end, x in itertools.product((step, top), (step, one, one + 3, top - 1)):
        for y in (step, one, top - 1):
            for d in (-2, -1, 0, 1, 2):
                c = np.float64(end + d - one) - (x - one) - (-1 if operation == "divide_offset" else 1) * (y - one)
                pattern = int(bits(np.array([c / step]).astype(DTYPES[name]))[0])
                cases.append((x, y, pattern))
    check(name, operation, cases)


@isas
@pytest.mark.parametrize(
    ("x", "y", "c", "result"),
    [
        (3e38, 1, 1, np.inf),
        (3e38, 1, -200, 3e38 / 2**200),
        (2e-38, 1, 300, np.inf),
        (2.0**-126, 2.0**-126, 256, 16),
        (2.0**127, 2.0**127, -254, 1),
        (0, 5, 1e30, 0),
        (0, 5, np.inf, np.nan),
        (np.inf, 5, -1e30, np.inf),
        (np.inf, 5, -np.inf, np.nan),
        (-3, 5, np.inf, -np.inf),
        (-3, 5, -np.inf, -0.0),
    ],
)
def test_known_offsets(x, y, c, result):
    got = mitchell.multiply_offset(*np.float32([x, y, c]))
    np.testing.assert_allclose(got, np.float32(result), rtol=0.2)
    assert np.signbit(got) == np.signbit(result)


@isas
@formats(WIDER)
def test_identities(name, rng):
    x = rng.uniform(0.5, 64, 3000).astype(DTYPES[name])
    y = rng.uniform(0.5, 64, 3000).astype(DTYPES[name])
    zero = DTYPES[name].type(0)

    def same(a, b):
        assert np.array_equal(bits(a), bits(b))

    same(mitchell.square(x), mitchell.multiply(x, x))
    same(mitchell.reciprocal(x), mitchell.divide(DTYPES[name].type(1), x))
    same(mitchell.multiply_offset(x, y, zero), mitchell.multiply(x, y))
    same(mitchell.divide_offset(x, y, zero), mitchell.divide(x, y))
    same(mitchell.multiply_offset(x, y, DTYPES[name].type(1 / 16)), mitchell.multiply_lmul(x, y))
    same(mitchell.power(x, DTYPES[name].type(2)), mitchell.square(x))
    same(mitchell.power(x, DTYPES[name].type(1)), x)
    same(mitchell.power(x, DTYPES[name].type(-1)), mitchell.reciprocal(x))
    same(mitchell.power(DTYPES[name].type(2), y), mitchell.exp2(y))
    powers = (2.0 ** np.arange(-5, 6)).astype(DTYPES[name])
    same(mitchell.log2(powers), np.arange(-5, 6).astype(DTYPES[name]))
    same(mitchell.exp2(mitchell.log2(powers)), powers)


@pytest.mark.parametrize("y", [-3, -2, -0.5, 0, 0.5, 1, 2, 3, np.inf, -np.inf, np.nan, 1e30, -1e30])
@pytest.mark.parametrize("x", [-np.inf, -4, -2, -1, -0.25, -0.0, 0.0, 0.25, 1, 2, 4, np.inf, np.nan])
def test_powers_of_powers_of_two_are_numpys(x, y):
    with np.errstate(all="ignore"):
        want = np.power(np.float32([x, x]), np.float32([y, y]))[0]  # NumPy takes the root of a scalar for y = 1/2
    if x in (-2, 2) and abs(y) == 0.5:
        return  # the root is no power of two
    got = mitchell.power(np.float32(x), np.float32(y))
    assert np.array_equal(got, want, equal_nan=True)
    assert np.isnan(want) or np.signbit(got) == np.signbit(want)


# ---- errors ---------------------------------------------------------------------------------------------------------


def statistics(got, exact):
    error = 100 * (got / exact - 1)
    return error.mean(), np.abs(error).mean(), error.min(), error.max()


@pytest.mark.parametrize(
    ("operation", "mean", "magnitude", "least", "most"),
    [
        ("multiply", -3.849, 3.849, -11.1111, 0),
        ("multiply_lmul", 0.408, 2.655, -7.288, 6.25),
        ("multiply_mbm", -0.097, 2.581, -7.639, 7.8125),
        ("multiply_realm", 0.009, 0.419, -2.087, 1.786),
        ("divide", 4.102, 4.102, 0, 12.5),
    ],
)
def test_errors_are_the_published_ones(operation, mean, magnitude, least, most):
    middle, step = 1 + (np.arange(1024) + 0.5) / 1024, np.arange(512) / 512
    edges = 1 + np.concatenate([step, step + 1 / 512 - 2.0**-40])
    exact = np.divide if operation == "divide" else np.multiply
    figures = [statistics(getattr(mitchell, operation).outer(x, x), exact.outer(x, x)) for x in (middle, edges)]
    np.testing.assert_allclose(figures[0][:2], (mean, magnitude), atol=0.001)
    np.testing.assert_allclose(min(f[2] for f in figures), least, atol=0.005)
    np.testing.assert_allclose(max(f[3] for f in figures), most, atol=0.005)


@pytest.mark.parametrize(
    ("operation", "exact", "least", "most"),
    [
        ("square", np.square, -11.1111, 0),
        ("sqrt", np.sqrt, 0, 6.066),
        ("reciprocal", np.reciprocal, 0, 12.5),
        ("rsqrt", lambda x: 1 / np.sqrt(x), 0, 8.866),
        ("exp2", np.exp2, 0, 6.1476),
    ],
)
def test_extreme_errors(operation, exact, least, most):
    x = 1 + np.arange(1 << 16) / (1 << 14)  # of two binades, for roots
    error = 100 * (getattr(mitchell, operation)(x) / exact(x) - 1)
    np.testing.assert_allclose((error.min(), error.max()), (least, most), atol=0.001)


def test_error_of_the_logarithm():
    x = np.linspace(1, 2, 1 << 16)
    error = np.log2(x) - mitchell.log2(x)
    np.testing.assert_allclose((error.min(), error.max()), (0, 0.086071), atol=1e-6)


@isas
@formats(["f16", "bf16"])
def test_all_products_and_quotients_of_mantissas_are_within_the_bounds(name):
    fmt = oracles.FORMATS[name]
    ones = (np.arange(1 << fmt.mantissa_bits) + (fmt.bias << fmt.mantissa_bits)).astype(np.uint16).view(DTYPES[name])
    x = ones.astype(np.float64)
    product = mitchell.multiply.outer(ones, ones).astype(np.float64) / np.multiply.outer(x, x) - 1
    assert product.max() == 0
    assert product.min() == 2 / 2.25 - 1 == product[x == 1.5][:, x == 1.5]
    quotient = mitchell.divide.outer(ones, ones).astype(np.float64) / np.divide.outer(x, x) - 1
    assert quotient.min() > -1e-15
    assert quotient.max() <= 1 / 8 + 1e-15


@pytest.mark.skipif(not IN_SOURCE_TREE, reason="the script and the table are among the sources")
def test_table_of_realm_is_what_its_script_derives():
    script = runpy.run_path(str(ROOT / "tools/realm_table.py"))
    assert script["table"]() == TABLE
    assert script["text"]() == script["TARGET"].read_text()
    # no tie is so close that another way to integrate could decide it otherwise
    distances = [abs(abs(64 * script["correction"](i, j)) % 1 - 0.5) for i in range(16) for j in range(16)]
    assert min(distances) > 1e-4
