# SPDX-License-Identifier: BSD-3-Clause
"""Slow, scalar truth for the other functions of `fastops.mitchell`: fractions and unbounded integers; no NumPy.

Each function takes and gives bit patterns of a `Format`. Logarithms are fractions, as in `oracles`; only where a
definition truncates or rounds bits is there an integer.
"""

from fractions import Fraction

from oracles import (
    antilogarithm,
    decode,
    encode,
    floor_log2,
    logarithm,
    mitchell_divide_bits,
    mitchell_multiply_bits,
)


def one(fmt):
    return fmt.bias << fmt.mantissa_bits


def first_nan(fmt, *operands):
    """The first NaN among patterns, made quiet; None if there is none."""
    for bits in operands:
        if decode(bits, fmt)[0] == "nan":
            return bits | (1 << (fmt.mantissa_bits - 1) if fmt.has_inf else 0)
    return None


def value(bits, fmt):
    """(sign, magnitude), where infinity is "inf"."""
    kind, sign, magnitude = decode(bits, fmt)
    return sign, "inf" if kind == "inf" else magnitude


def rounded(number, fmt):
    """A fraction as a multiple of 2**-M, of two ties the even one."""
    return Fraction(round(number * 2**fmt.mantissa_bits), 2**fmt.mantissa_bits)


def power_of_two(exponent, sign, fmt):
    """The pattern of the antilogarithm of a fraction, however large."""
    exponent = max(min(exponent, Fraction(4 * fmt.bias)), Fraction(-4 * fmt.bias))
    return encode(sign, antilogarithm(exponent), fmt)


# ---- one operand ----------------------------------------------------------------------------------------------------


def square(bits, fmt):
    return mitchell_multiply_bits(bits, bits, fmt)


def reciprocal(bits, fmt):
    return mitchell_divide_bits(one(fmt), bits, fmt)


def sqrt(bits, fmt):
    return _root(bits, fmt, Fraction(1, 2), 0, "inf")


def rsqrt(bits, fmt):
    return _root(bits, fmt, Fraction(-1, 2), "inf", 0)


def _root(bits, fmt, factor, at_zero, at_infinity):
    if (nan := first_nan(fmt, bits)) is not None:
        return nan
    sign, x = value(bits, fmt)
    if x != 0 and sign:
        return fmt.canonical_nan
    if x == 0 or x == "inf":
        result = at_zero if x == 0 else at_infinity
        return sign * fmt.sign_bit + (fmt.infinity if result == "inf" else 0)
    units = factor * logarithm(x) * 2**fmt.mantissa_bits
    return power_of_two(Fraction(units.numerator // units.denominator, 2**fmt.mantissa_bits), 0, fmt)


def log2(bits, fmt):
    if (nan := first_nan(fmt, bits)) is not None:
        return nan
    sign, x = value(bits, fmt)
    if x == 0:
        return fmt.sign_bit + fmt.infinity
    if sign:
        return fmt.canonical_nan
    if x == "inf":
        return fmt.infinity
    return nearest(logarithm(x), fmt)


def nearest(number, fmt):
    """The pattern of the nearest number, of two ties the even one; neither too large nor too small."""
    if number == 0:
        return 0
    unit = Fraction(2) ** (floor_log2(abs(number)) - fmt.mantissa_bits)
    return encode(int(number < 0), round(abs(number) / unit) * unit, fmt)


def exp2(bits, fmt):
    if (nan := first_nan(fmt, bits)) is not None:
        return nan
    sign, v = value(bits, fmt)
    if v == "inf":
        return 0 if sign else fmt.infinity
    return power_of_two(rounded(-v if sign else v, fmt), 0, fmt)


# ---- several operands -----------------------------------------------------------------------------------------------


def power(x_bits, y_bits, fmt):
    y_sign, y = value(y_bits, fmt) if first_nan(fmt, y_bits) is None else (0, None)
    if y == 0 or x_bits == one(fmt):
        return one(fmt)
    if (nan := first_nan(fmt, x_bits, y_bits)) is not None:
        return nan
    x_sign, x = value(x_bits, fmt)
    whole = y == "inf" or y.denominator == 1
    odd = y != "inf" and whole and y.numerator % 2 == 1
    sign = int(x_sign and odd)
    if x in (0, "inf") or y == "inf":
        if x not in (0, "inf") and x == 1:
            return one(fmt)
        grows = (x == "inf" or (x != 0 and x > 1)) != bool(y_sign)
        return sign * fmt.sign_bit + (fmt.infinity if grows else 0)
    if x_sign and not whole:
        return fmt.canonical_nan
    return power_of_two(rounded((-y if y_sign else y) * logarithm(x), fmt), sign, fmt)


def multiply_offset(x_bits, y_bits, c_bits, fmt):
    return _offset(x_bits, y_bits, c_bits, fmt, divide=False)


def divide_offset(x_bits, y_bits, c_bits, fmt):
    return _offset(x_bits, y_bits, c_bits, fmt, divide=True)


def _offset(x_bits, y_bits, c_bits, fmt, divide):
    if (nan := first_nan(fmt, x_bits, y_bits, c_bits)) is not None:
        return nan
    (x_sign, x), (y_sign, y), (c_sign, c) = (value(bits, fmt) for bits in (x_bits, y_bits, c_bits))
    if divide and y in (0, "inf"):
        y = "inf" if y == 0 else 0
    factors = [x, y] + ([0 if c_sign else "inf"] if c == "inf" else [])
    sign = x_sign ^ y_sign
    if 0 in factors and "inf" in factors:
        return fmt.canonical_nan
    if 0 in factors or "inf" in factors:
        return sign * fmt.sign_bit + (fmt.infinity if "inf" in factors else 0)
    second = -logarithm(y) if divide and decode(y_bits, fmt)[2] else logarithm(y)
    return power_of_two(logarithm(x) + second + rounded(-c if c_sign else c, fmt), sign, fmt)


def multiply_lmul(x_bits, y_bits, fmt):
    m = fmt.mantissa_bits
    offset = Fraction(1, 2 ** (m if m <= 3 else 3 if m == 4 else 4))
    special = mitchell_multiply_bits(x_bits, y_bits, fmt)
    (x_sign, x), (y_sign, y) = value(x_bits, fmt), value(y_bits, fmt)
    if first_nan(fmt, x_bits, y_bits) is not None or "inf" in (x, y) or 0 in (x, y):
        return special
    return power_of_two(logarithm(x) + logarithm(y) + offset, x_sign ^ y_sign, fmt)


def multiply_mbm(x_bits, y_bits, fmt):
    return corrected(x_bits, y_bits, fmt, lambda f, g: Fraction(5, 64))


def multiply_realm(x_bits, y_bits, fmt, table):
    return corrected(x_bits, y_bits, fmt, lambda f, g: Fraction(table[int(16 * f)][int(16 * g)], 64))


def corrected(x_bits, y_bits, fmt, correction):
    """With a correction of the significand, given by the two fractions: a fraction of 1."""
    special = mitchell_multiply_bits(x_bits, y_bits, fmt)
    (x_sign, x), (y_sign, y) = value(x_bits, fmt), value(y_bits, fmt)
    if first_nan(fmt, x_bits, y_bits) is not None or "inf" in (x, y) or 0 in (x, y):
        return special
    scale = 2**fmt.mantissa_bits
    n, f = divmod(logarithm(x), 1)
    m, g = divmod(logarithm(y), 1)
    c = int(correction(f, g) * scale)
    exponent, significand = n + m, int((1 + f + g) * scale)
    if f + g >= 1:
        exponent, significand = exponent + 1, int((f + g) * scale)
        significand += c // 2 if significand + c // 2 < 2 * scale else 0
    else:
        significand += c
        if significand >= 2 * scale:
            exponent, significand = exponent + 1, significand // 2
    return encode(x_sign ^ y_sign, Fraction(2) ** exponent * Fraction(significand, scale), fmt)


# ---- integers -------------------------------------------------------------------------------------------------------


def multiply_ilm(a, b, k):
    """Unbounded: of a = 2**m + r and b = 2**n + s, k times more of what is left."""
    x, y, product = abs(a), abs(b), 0
    for _ in range(k + 1):
        if x == 0 or y == 0:
            break
        p, q = 1 << (x.bit_length() - 1), 1 << (y.bit_length() - 1)
        product += p * q + (x - p) * q + (y - q) * p
        x, y = x - p, y - q
    return product if (a < 0) == (b < 0) else -product
