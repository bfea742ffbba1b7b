# SPDX-License-Identifier: BSD-3-Clause
"""Error statistics: against published tables, closed forms, and plain loops over all operands."""

import itertools
import math
from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest

from fastops import mitchell

# In percent: mean, mean of magnitudes, rms, least, largest; integrals over all significands. Fractions are exact.
TABLE = {
    ("mitchell", 0.0): (-3.849, 3.849, 4.842, Fraction(-100, 9), 0),
    ("lmul", 0.0): (0.408, 2.655, 3.095, -7.288, Fraction(25, 4)),
    ("offset", 0.125): (4.854, 5.106, 5.819, -3.214, Fraction(25, 2)),
    ("offset", 0.0545458): (-0.144, 2.560, 3.054, None, 5.455),  # O. Gustafsson and N. Hellman's constant
    ("offset", 0.0552): (-0.099, 2.565, 3.054, None, 5.520),
    ("offset", 0.07178): (1.056, 2.837, 3.264, None, 7.178),
    ("offset", 0.068858): (0.852, 2.772, 3.197, -6.886, 6.886),
    ("offset", 0.0566234): (0.000, 2.579, 3.055, -7.658, 5.662),
    ("mbm", 0.0): (-0.097, 2.581, 3.166, -7.639, Fraction(125, 16)),
    ("realm", 0.0): (0.009, 0.419, 0.530, -2.087, 1.786),
    ("divide", 0.0): (4.102, 4.102, 5.227, 0, Fraction(25, 2)),
    ("divide_offset", -0.0593111): (-0.091, 2.622, 3.111, None, 8.096),
    ("divide_offset", -0.057995): (0.000, 2.611, None, None, 8.192),
    ("square", 0.0): (-3.834, 3.834, 5.108, Fraction(-100, 9), 0),
    ("sqrt", 0.0): (1.906, 1.906, 2.615, 0, 6.066),
    ("reciprocal", 0.0): (8.333, 8.333, 9.129, 0, Fraction(25, 2)),
    ("rsqrt", 0.0): (6.285, 6.285, 6.709, 0, 8.866),
    ("log2", 0.0): (-5.73, 5.73, None, -8.6071, 0),
    ("exp2", 0.0): (4.07, 4.07, None, 0, 6.1476),
}
EXHAUSTIVE = {
    ("mitchell", "uint8"): (-3.7878, 3.7878, 4.8204, Fraction(-100, 9), 0),
    ("lmul", "float8_e4m3fn"): (4.930, 5.241, 6.024, -3.030, Fraction(25, 2)),
    ("lmul", "float8_e5m2"): (14.67, 14.67, 15.34, 6.667, 25),
    ("divide", "uint8"): (2.08, 2.08, None, 0, 50),
}
ILM_LARGEST = (24.80, 6.104, 1.478, 0.346, 0.0754, 0.0138, 0.0015, 0)  # of uint8, by the number of corrections


def assert_agree(found, published):
    for got, want in zip(found, published, strict=True):
        if want is not None:
            digits = len(f"{want}".partition(".")[2]) if isinstance(want, float) else 4
            assert got == pytest.approx(float(want) / 100, abs=0.51e-2 / 10 ** min(digits, 4)), (found, published)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("method", "offset"), TABLE)
def test_published_errors(method, offset, dtype):
    assert_agree(mitchell.error_statistics(method, dtype, offset=offset), TABLE[method, offset])


@pytest.mark.parametrize(("method", "dtype"), EXHAUSTIVE)
def test_published_errors_of_small_types(method, dtype):
    assert_agree(mitchell.error_statistics(method, dtype), EXHAUSTIVE[method, dtype])


@pytest.mark.parametrize("offset", [0.0545458, 0.068858, 0.3])
def test_least_error_with_an_offset(offset):
    # Where the fractions are equal, x1 = x2 = (1 - c) / 2, and the sum carries: 2 / (1 + x1)**2.
    found = mitchell.error_statistics("offset", np.float64, offset=offset)
    assert found.minimum == pytest.approx(8 / (3 - offset) ** 2 - 1, abs=1e-6)
    assert found.maximum == pytest.approx(offset, abs=1e-6)


@pytest.mark.parametrize("offset", [-0.0593111, -0.0749, -0.057995])
def test_least_quotient_with_an_offset(offset):
    # Where the divisor is a power of two and the difference is 0 with the offset: 1 / (1 - c).
    found = mitchell.error_statistics("divide_offset", np.float64, offset=offset)
    assert found.minimum == pytest.approx(1 / (1 - offset) - 1, abs=1e-6)


@pytest.mark.parametrize("corrections", range(8))
def test_published_largest_errors_of_ilm(corrections):
    found = mitchell.error_statistics("ilm", np.uint8, corrections=corrections)
    assert_agree(found[3:], (-ILM_LARGEST[corrections], 0))


def test_corrections_beyond_all_bits_are_exact():
    assert mitchell.error_statistics("ilm", np.int8, corrections=1000) == (0, 0, 0, 0, 0)


@pytest.mark.parametrize("method", ["mitchell", "lmul", "mbm", "realm", "divide", "square", "sqrt", "rsqrt", "exp2"])
def test_wider_types_come_near_the_integrals(method):
    ours = [mitchell.error_statistics(method, t) for t in (ml_dtypes.bfloat16, np.float16, np.float32, np.float64)]
    for name in ("bias", "mean_absolute", "rms"):
        *narrow, f32, f64 = (getattr(found, name) for found in ours)
        assert f32 == pytest.approx(f64, abs=1e-7)
        assert narrow[1] == pytest.approx(f64, abs=2e-4)  # truncation to 10 bits
        assert narrow[0] == pytest.approx(f64, abs=2e-3)


# ---- plain loops ---------------------------------------------------------------------------------------------------


def mitchell_product(x, y):
    k, n = x.bit_length() - 1, y.bit_length() - 1
    fractions, power = ((x - (1 << k)) << n) + ((y - (1 << n)) << k), 1 << (k + n)
    return power + fractions if fractions < power else 2 * fractions


def mitchell_quotient(x, y):
    k, n = x.bit_length() - 1, y.bit_length() - 1
    log = k - n + Fraction(x, 1 << k) - Fraction(y, 1 << n)
    return math.floor(Fraction(2) ** math.floor(log) * (1 + log - math.floor(log)))


def iterative_product(x, y, corrections):
    total = 0
    for _ in range(corrections + 1):
        if x == 0 or y == 0:
            break
        k, n = x.bit_length() - 1, y.bit_length() - 1
        p, q = x - (1 << k), y - (1 << n)
        total += (1 << (k + n)) + (p << n) + (q << k)
        x, y = p, q
    return total


def statistics(errors):
    errors = np.array(list(errors), float)
    return errors.mean(), abs(errors).mean(), np.sqrt(np.square(errors).mean()), errors.min(), errors.max()


# What integers of either type are, without their signs, and 0 of which there is nothing to say.
MAGNITUDES = {"uint8": list(range(1, 256)), "int8": [*range(1, 128), *range(1, 129)]}


@pytest.mark.parametrize("dtype", MAGNITUDES)
def test_integers_are_counted_one_by_one(dtype):
    pairs = list(itertools.product(MAGNITUDES[dtype], repeat=2))
    want = {
        ("mitchell", 0): (mitchell_product(x, y) / (x * y) - 1 for x, y in pairs),
        ("ilm", 1): (iterative_product(x, y, 1) / (x * y) - 1 for x, y in pairs),
        ("divide", 0): (mitchell_quotient(x, y) / (x // y) - 1 for x, y in pairs if x >= y),
        ("square", 0): (mitchell_product(x, x) / (x * x) - 1 for x in MAGNITUDES[dtype]),
    }
    for (method, corrections), errors in want.items():
        found = mitchell.error_statistics(method, dtype, corrections=corrections)
        assert found == pytest.approx(statistics(errors), abs=1e-12), method


def test_signed_magnitudes_without_the_smallest_number():
    # Published for 1 to 127; of -128, a power of two, all products are exact.
    assert mitchell.error_statistics("mitchell", np.int8).bias * 255**2 / 254**2 == pytest.approx(-0.037286, abs=1e-6)


def test_16_bits_are_sampled_right():
    rng = np.random.default_rng(1962)
    x, y = rng.integers(1, 1 << 15, (2, 1_000_000)).astype(np.int16)
    error = mitchell.multiply(x, y) / (x.astype(float) * y) - 1
    found = mitchell.error_statistics("mitchell", np.int16)
    assert found.bias == pytest.approx(error.mean(), abs=5 * error.std() / 1000)
    assert found.rms == pytest.approx(np.sqrt((error * error).mean()), abs=2e-4)
    assert found.minimum == -1 / 9
    assert found.maximum == 0


def test_blocks_of_integers_change_nothing(monkeypatch):
    from fastops import _mitchell_errors as errors

    want = [mitchell.error_statistics(method, np.uint8) for method in ("mitchell", "divide")]
    monkeypatch.setattr(errors, "_BLOCK", 7)
    for method, one in zip(("mitchell", "divide"), want, strict=True):
        assert mitchell.error_statistics(method, np.uint8) == pytest.approx(one, abs=1e-13)


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e5m2])
@pytest.mark.parametrize("method", ["mitchell", "divide"])
def test_small_floats_are_counted_pair_by_pair(dtype, method):
    bits = ml_dtypes.finfo(dtype).nmant
    x = (1 + np.arange(1 << bits) / (1 << bits)).astype(dtype)
    ours, exact = (mitchell.multiply, np.multiply) if method == "mitchell" else (mitchell.divide, np.divide)
    wide = x.astype(float)
    want = statistics((ours(x[:, None], x).astype(float) / exact(wide[:, None], wide) - 1).ravel())
    assert mitchell.error_statistics(method, dtype) == pytest.approx(want, abs=1e-12)


# ---- errors --------------------------------------------------------------------------------------------------------

ERRORS = {
    "method": (("booth", "float32"), {}, ValueError, "method must be one of 'mitchell', .*'exp2', got 'booth'"),
    "dtype": (("mitchell", "float31"), {}, TypeError, "dtype must be a dtype or the name of one, got 'float31'"),
    "dtype_none": (("mitchell", None), {}, TypeError, "dtype of method 'mitchell' must be one of .*, got None"),
    "float8": (("mbm", "float8_e5m2"), {}, TypeError, "dtype of method 'mbm' must be one of float64, .*'float8_e5m2'"),
    "ilm_float": (("ilm", "float32"), {}, TypeError, "dtype of method 'ilm' must be one of int8, uint8, int16, uint16"),
    "int32": (("mitchell", np.int32), {}, TypeError, "dtype of method 'mitchell' must be one of .*int32"),
    "offset": (("mitchell", "float32"), {"offset": 0.1}, ValueError, "offset must be 0 for method 'mitchell', got 0.1"),
    "offset_text": (("offset", "float32"), {"offset": "a"}, TypeError, "offset must be a real number, got str"),
    "offset_none": (("offset", "float32"), {"offset": None}, TypeError, "offset must be a real number, got NoneType"),
    "offset_inf": (("offset", "float16"), {"offset": 1e6}, ValueError, "offset must be finite in float16"),
    "corrections": (("lmul", "float32"), {"corrections": 1}, ValueError, "corrections must be 0 for method 'lmul'"),
    "negative": (("ilm", "uint8"), {"corrections": -1}, ValueError, "corrections must be at least 0, got -1"),
    "fractional": (("ilm", "uint8"), {"corrections": 1.0}, TypeError, "corrections must be an integer, got float"),
}


@pytest.mark.parametrize(("args", "options", "error", "message"), ERRORS.values(), ids=ERRORS)
def test_errors(args, options, error, message):
    with pytest.raises(error, match=message):
        mitchell.error_statistics(*args, **options)
