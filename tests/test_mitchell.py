# SPDX-License-Identifier: BSD-3-Clause
"""Values of mitchell.multiply and mitchell.divide: special values, exhaustive small formats, warnings."""

import itertools
import warnings

import numpy as np
import pytest

import oracles
from fastops import mitchell, reference
from fastops._case import DTYPES, bits
from fastops._draws import near_one

INTEGERS = [name for name, dtype in DTYPES.items() if dtype.kind in "iu"]

pytestmark = pytest.mark.usefixtures("isa")
both = pytest.mark.parametrize("operation", ["multiply", "divide"])
every_float = pytest.mark.parametrize("name", [name for name in oracles.FORMATS if name in DTYPES])
every_integer = pytest.mark.parametrize("name", INTEGERS)


def special_patterns(fmt):
    """Both signs of 0, subnormals, the smallest, the largest and ordinary numbers, infinity, NaNs with payload."""
    step = 1 << fmt.mantissa_bits
    one = fmt.bias * step
    positive = {0, 1, step - 1, step, step + 1, one - 1, one, one + step // 2, fmt.infinity - 1, fmt.infinity}
    positive |= {fmt.canonical_nan, fmt.canonical_nan | 1} | ({fmt.infinity + 1} if fmt.has_inf else set())
    return sorted(positive) + [fmt.sign_bit | pattern for pattern in sorted(positive)]


def unsigned(dtype):
    return np.dtype(f"u{dtype.itemsize}")


def grid(values):
    """All pairs of values."""
    return tuple(np.ascontiguousarray(x) for x in np.meshgrid(values, values, indexing="ij"))


def check_against_reference(operation, x, y):
    with np.errstate(divide="ignore"):
        got, want = getattr(mitchell, operation)(x, y), getattr(reference.mitchell, operation)(x, y)
    assert got.dtype == want.dtype
    wrong = np.flatnonzero(bits(got) != bits(want))
    x, y = np.broadcast_arrays(x, y)
    assert not wrong.size, [(x.flat[i], y.flat[i], got.flat[i], want.flat[i]) for i in wrong[:5]]


# ---- special values -------------------------------------------------------------------------------------------------


@both
@every_float
def test_special_values_are_those_of_the_contract(name, operation):
    fmt, dtype = oracles.FORMATS[name], DTYPES[name]
    a, b = grid(np.array(special_patterns(fmt), unsigned(dtype)))
    oracle = getattr(oracles, f"mitchell_{operation}_bits")
    want = [oracle(int(p), int(q), fmt) for p, q in zip(a.flat, b.flat, strict=True)]
    with np.errstate(all="raise"):
        got = bits(getattr(mitchell, operation)(a.view(dtype), b.view(dtype)))
    wrong = [i for i in range(a.size) if got[i] != want[i]]
    assert not wrong, [tuple(hex(int(v)) for v in (a.flat[i], b.flat[i], got[i], want[i])) for i in wrong[:5]]


@both
@every_float
def test_one_odd_element_does_not_change_its_neighbours(name, operation, rng):
    dtype = DTYPES[name]
    count = 2 * 256 // dtype.itemsize + 3  # two blocks and a rest
    odd = np.array(special_patterns(oracles.FORMATS[name]), unsigned(dtype)).view(dtype)
    x, y = near_one(rng, dtype, count), near_one(rng, dtype, count)
    for at in range(0, count, 5):
        poisoned = x.copy()
        poisoned[at] = odd[at % odd.size]
        check_against_reference(operation, poisoned, y)
        check_against_reference(operation, y, poisoned)


@both
@every_float
def test_whole_blocks_of_one_size_of_number(name, operation):
    # A block of numbers whose exponents are all in the middle half of the range takes the shortest loop.
    fmt, dtype = oracles.FORMATS[name], DTYPES[name]
    last = fmt.exponent_max - (1 if fmt.has_inf else 0)
    near = [1, 2, fmt.bias // 2, fmt.bias, (last + fmt.bias) // 2, last - 1, last]
    fields = sorted({field + d for field in near for d in (-1, 0, 1) if 0 <= field + d <= last})
    fractions = sorted({0, 1, (1 << fmt.mantissa_bits) - 2})
    patterns = [(field << fmt.mantissa_bits) + fraction for field in fields for fraction in fractions]
    x, y = grid(np.array(patterns, unsigned(dtype)))
    block = 256 // dtype.itemsize
    x, y = (v.ravel().repeat(block).view(dtype) for v in (x, y))
    check_against_reference(operation, x, y)
    check_against_reference(operation, x, -y)


@both
@pytest.mark.parametrize("name", [name for name in ("e4m3", "e5m2") if name in DTYPES])
def test_all_pairs_of_8_bit_floats(name, operation):
    check_against_reference(operation, *grid(np.arange(256, dtype=np.uint8).view(DTYPES[name])))


@both
@pytest.mark.parametrize("name", [name for name in ("f16", "bf16") if name in DTYPES])
def test_all_mantissa_pairs_of_16_bit_floats(name, operation):
    fmt = oracles.FORMATS[name]
    ones = np.arange(1 << fmt.mantissa_bits, dtype=np.uint16) + np.uint16(fmt.bias << fmt.mantissa_bits)
    check_against_reference(operation, *grid(ones.view(DTYPES[name])))


@both
@pytest.mark.parametrize("name", [name for name in ("f16", "bf16") if name in DTYPES])
def test_every_16_bit_float(name, operation, rng):
    every = np.arange(1 << 16, dtype=np.uint16)
    for other in (rng.permutation(every), np.full_like(every, 0x3F81)):
        check_against_reference(operation, every.view(DTYPES[name]), other.view(DTYPES[name]))


@pytest.mark.parametrize(
    ("x", "y", "product"),
    [
        (0.0, 0.0, 0.0),  # a bare addition of patterns gives -4
        (-0.0, 1e30, -0.0),
        (1e-30, 1e-30, 0.0),  # ... -1e17
        (1e30, 1e30, np.inf),  # ... -8e-18
        (np.inf, -0.5, -np.inf),
        (1.5, 1.5, 2.0),  # the largest error, 1/9
        (12.3, 4.56, 53.68),
    ],
)
def test_known_products(x, y, product):
    got = mitchell.multiply(np.float32(x), np.float32(y))
    np.testing.assert_allclose(got, product, rtol=1e-6)
    assert np.signbit(got) == np.signbit(product)


# ---- integers -------------------------------------------------------------------------------------------------------


@both
@pytest.mark.parametrize("name", ["i8", "u8"])
def test_all_pairs_of_8_bit_integers(name, operation):
    check_against_reference(operation, *grid(np.arange(256).astype(DTYPES[name])))


@both
@every_integer
def test_extreme_integers(name, operation):
    dtype, info = DTYPES[name], np.iinfo(DTYPES[name])
    near = [(1 << k) + d for k in (0, 2, 7, 8, 15, 16, 24, 31, 32, 53, 62, 63, 64) for d in (-1, 0, 1)]
    near += [-v for v in near] + [0, 3, 12345, 0x5555555555555555]
    values = np.array([v for v in sorted(set(near)) if info.min <= v <= info.max], dtype)
    check_against_reference(operation, *grid(values))


@pytest.mark.parametrize(
    ("dtype", "x", "y", "product", "wide"),
    [
        ("i1", -128, -128, 16384, "i2"),
        ("i1", -128, 127, -16256, "i2"),
        ("u1", 3, 3, 8, "u2"),
        ("u2", 65535, 65535, 0xFFFE0000, "u4"),
        ("i4", -(2**31), -(2**31), 2**62, "i8"),
        ("i8", 2**62, 4, 0, "i8"),
    ],
)
def test_products_of_integers_are_twice_as_wide(dtype, x, y, product, wide):
    got = mitchell.multiply(np.array([x], dtype), np.array([y], dtype))
    assert got.dtype == wide
    assert got.tolist() == [product]


# ---- warnings -------------------------------------------------------------------------------------------------------


@every_integer
def test_integer_division_by_zero_is_0_with_numpys_warning(name):
    x, y = np.array([5, 0, 9], DTYPES[name]), np.array([0, 0, 3], DTYPES[name])
    with pytest.warns(RuntimeWarning, match="divide by zero encountered"):
        assert mitchell.divide(x, y).tolist() == [0, 0, 3]
    with np.errstate(divide="ignore"):
        assert mitchell.divide(x, y).tolist() == [0, 0, 3]
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError, match="divide by zero"):
        mitchell.divide(x, y)


@every_integer
@pytest.mark.parametrize("stride", [1, -1, 3])
def test_no_warning_comes_from_behind_the_end(name, stride):
    with np.errstate(all="raise"):
        for size in (1, 3, 7, 9, 31, 33, 65, 257):
            ones = np.ones(3 * size, DTYPES[name])[::stride][:size]
            assert mitchell.divide(ones, ones).tolist() == [1] * size
            assert mitchell.divide(ones, DTYPES[name].type(1)).tolist() == [1] * size


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("at", [0, -1])
def test_a_zero_that_only_one_thread_sees_is_reported(at):
    x, y = np.ones((2, 1 << 20), np.int8)
    y[at] = 0
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        assert mitchell.divide(x, y)[at] == 0


def test_reduction_and_accumulation_report_zeros():
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        assert mitchell.divide.reduce(np.array([8, 2, 0], np.int64)) == 0
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        assert mitchell.divide.accumulate(np.array([8, 2, 0], np.int64)).tolist() == [8, 4, 0]


@every_float
def test_floats_never_warn(name):
    values = np.array(special_patterns(oracles.FORMATS[name]), unsigned(DTYPES[name])).view(DTYPES[name])
    for operation, flag in itertools.product((mitchell.multiply, mitchell.divide), ("warn", "raise")):
        with warnings.catch_warnings(), np.errstate(all=flag):
            warnings.simplefilter("error")
            operation.outer(values, values)
            operation.accumulate(values)


@pytest.mark.usefixtures("two_threads")
def test_subnormal_numbers_still_exist_afterwards():
    tiny, one = np.float32(1e-40), np.float32(1)
    x = np.full(1 << 20, tiny)
    for operation in (mitchell.multiply, mitchell.divide):
        assert not operation(x, x + one).any()
        assert tiny * one != 0
        assert np.count_nonzero(x * one) == x.size
