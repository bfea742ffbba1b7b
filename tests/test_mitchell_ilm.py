# SPDX-License-Identifier: BSD-3-Clause
"""mitchell.multiply_ilm and mitchell.square of integers: values, types, refusals."""

import numpy as np
import pytest

import oracles
import oracles_mitchell
from fastops import mitchell
from fastops._case import DTYPES

INTEGERS = [name for name, dtype in DTYPES.items() if dtype.kind in "iu"]
every_integer = pytest.mark.parametrize("name", INTEGERS)
isas = pytest.mark.usefixtures("isa")


def drawn(rng, dtype, size):
    """Of all lengths, and the extreme ones."""
    info = np.iinfo(dtype)
    x = rng.integers(info.min, info.max, size, dtype, endpoint=True) >> rng.integers(0, info.bits, size).astype(dtype)
    x[:4] = info.min, info.max, 0, 1
    return rng.permutation(x)


def wrapped(values, dtype):
    """Unbounded integers in a type, modulo 2 to the power of its width."""
    info = np.iinfo(dtype)
    return [oracles.wrap(value, info.bits, info.min < 0) for value in values]


@isas
@every_integer
def test_products_are_those_of_the_definition(name, rng):
    x, y = drawn(rng, DTYPES[name], 1500), drawn(rng, DTYPES[name], 1500)
    k = rng.integers(0, 9, 1500).astype(DTYPES[name])
    k[:20] = np.iinfo(k.dtype).max
    got = mitchell.multiply_ilm(x, y, k)
    assert got.dtype == (f"{x.dtype.kind}{min(8, 2 * x.itemsize)}")
    rows = zip(x.tolist(), y.tolist(), k.tolist(), strict=True)
    want = [oracles_mitchell.multiply_ilm(a, b, min(c, 64)) for a, b, c in rows]
    assert got.tolist() == wrapped(want, got.dtype)


@isas
@every_integer
def test_squares_are_products(name, rng):
    x = drawn(rng, DTYPES[name], 1500)
    got = mitchell.square(x)
    assert np.array_equal(got, mitchell.multiply(x, x))
    bits = 8 * x.itemsize
    want = [oracles.mitchell_multiply_int(a, a, bits, x.dtype.kind == "i") for a in x.tolist()]
    assert got.tolist() == want


@isas
@pytest.mark.parametrize("name", ["u8", "i8"])
def test_corrections_approach_the_product_and_reach_it(name):
    every = np.arange(256).astype(DTYPES[name])
    x, y = every[:, None], every[None, :]
    exact = np.abs(x.astype(np.int64) * y.astype(np.int64))
    ones = np.bitwise_count(np.abs(every.astype(np.int16)))
    fewest = np.minimum(ones[:, None], ones[None, :])
    before = np.zeros_like(exact)
    for k in range(9):
        got = np.abs(mitchell.multiply_ilm(x, y, k).astype(np.int64))
        assert (got >= before).all()
        assert (got <= exact).all()
        assert (got * 4 ** (k + 1) >= exact * (4 ** (k + 1) - 1)).all()
        assert np.array_equal(got[fewest <= k + 1], exact[fewest <= k + 1])
        before = got
    assert np.array_equal(before, exact)


@pytest.mark.parametrize(
    ("dtype", "x", "y", "k", "product"),
    [
        ("i1", -128, -128, 0, 16384),
        ("i1", -128, 127, 7, -16256),
        ("u2", 65535, 65535, 0, 2**30 + 2 * 32767 * 2**15),
        ("i4", (1 << 24) + 1, 3, 1, 3 * ((1 << 24) + 1)),
        ("u4", 2**32 - 1, 2**32 - 1, 31, (2**32 - 1) ** 2),
        ("i8", (1 << 53) + 1, 5, 1, 5 * ((1 << 53) + 1)),
        ("i8", -(2**63), -1, 0, -(2**63)),
        ("u8", 2**64 - 1, 2**64 - 1, 63, 1),
    ],
)
def test_known_products(dtype, x, y, k, product):
    got = mitchell.multiply_ilm(np.array([x], dtype), np.array([y], dtype), k)
    assert got.tolist() == [product]


# ---- types ----------------------------------------------------------------------------------------------------------


def test_operands_meet_in_one_type():
    i1, i2, u1, u4 = (np.ones(3, dtype) for dtype in ("i1", "i2", "u1", "u4"))
    assert mitchell.multiply_ilm(i1, i2, 1).dtype == np.int32
    assert mitchell.multiply_ilm(i1, u1, 1).dtype == np.int32
    assert mitchell.multiply_ilm(u1, u1, u4).dtype == np.uint64
    assert mitchell.multiply_ilm(i1, u4, 1).dtype == np.int64
    assert mitchell.multiply_ilm(3, 5, 1) == 15
    assert mitchell.multiply_ilm(True, u1, 1).dtype == np.uint16
    assert mitchell.multiply_ilm(i1, i1, 1, dtype=np.int32).dtype == np.int32
    assert mitchell.multiply_ilm(i1, i1, 1, out=np.zeros(3, np.int64)).dtype == np.int64


@pytest.mark.parametrize("x", [1.5, np.ones(2), np.ones(2, np.float32), "a", np.ones(2, object), np.ones(2, "m8[s]")])
def test_other_types_are_refused(x):
    with pytest.raises(TypeError, match="did not contain a loop"):
        mitchell.multiply_ilm(x, x, 1)
    with pytest.raises(TypeError, match="did not contain a loop"):
        mitchell.multiply_ilm(np.ones(2, np.int8), np.ones(2, np.int8), 1.0)
    with pytest.raises(TypeError, match="did not contain a loop"):
        mitchell.multiply_ilm(np.ones(2, np.int64), np.ones(2, np.uint64), 1)


# ---- negative numbers of corrections --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["i8", "i16", "i32", "i64"])
@pytest.mark.parametrize("size", [1, 5, 1000])
def test_a_negative_k_is_refused_before_anything_is_written(name, size):
    x, k = np.ones(size, DTYPES[name]), np.zeros(2 * size, DTYPES[name])[::2]
    out = mitchell.multiply_ilm(x, x, 0) * 7
    for negative in (-1, np.iinfo(k.dtype).min):
        k[-1] = negative
        for corrections in (k, DTYPES[name].type(negative), int(negative)):
            with pytest.raises(ValueError, match="k must not be negative"):
                mitchell.multiply_ilm(x, x, corrections, out=out)
        assert (out == 7).all()


def test_a_negative_k_for_no_elements_is_no_error():
    assert mitchell.multiply_ilm(np.ones(0, np.int8), np.ones(0, np.int8), -1).size == 0


def test_k_that_its_type_cannot_hold():
    with pytest.raises(OverflowError):
        mitchell.multiply_ilm(np.ones(2, np.uint8), np.ones(2, np.uint8), -1)
    with pytest.raises(OverflowError):
        mitchell.multiply_ilm(np.ones(2, np.int8), np.ones(2, np.int8), 128)


@pytest.mark.usefixtures("two_threads")
def test_large_arrays_and_errors_of_one_thread():
    x = np.full(1 << 20, 3, np.int16)
    k = np.zeros_like(x)
    assert (mitchell.multiply_ilm(x, x, k) == 8).all()
    k[-1] = -1
    with pytest.raises(ValueError, match="k must not be negative"):
        mitchell.multiply_ilm(x, x, k)
