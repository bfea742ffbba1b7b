# SPDX-License-Identifier: BSD-3-Clause
"""Slow, scalar truth from the definitions: unbounded integers, fractions and mpmath; no NumPy.

Mitchell's logarithm is written here as the article defines it, on real numbers; nothing adds bit
patterns. Shared by the tests of `fastops.reference` and of the compiled kernels.
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import mpmath

DIGITS = 50  # of every mpmath result


# ---- float formats ------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)  # hashed by identity, which is fast
class Format:
    """A binary float: a sign bit, an exponent field, a fraction field.

    Without infinity the top exponent holds numbers too, and only its last pattern is NaN.
    """

    bits: int
    mantissa_bits: int
    bias: int
    has_inf: bool = True

    @property
    def sign_bit(self):
        return 1 << (self.bits - 1)

    @property
    def exponent_max(self):
        """The exponent field of all ones."""
        return (1 << (self.bits - 1 - self.mantissa_bits)) - 1

    @property
    def infinity(self):
        """The pattern of overflow: infinity, or NaN where there is none."""
        if self.has_inf:
            return self.exponent_max << self.mantissa_bits
        return self.sign_bit - 1

    @property
    def canonical_nan(self):
        if self.has_inf:
            return self.infinity + (1 << (self.mantissa_bits - 1))
        return self.infinity

    @property
    def largest(self):
        """The value of the largest finite number."""
        field = self.exponent_max - (1 if self.has_inf else 0)
        missing = 1 if self.has_inf else 2  # steps that it stays under the next power of two
        return Fraction(2) ** (field - self.bias) * (2 - Fraction(missing, 1 << self.mantissa_bits))


F64 = Format(64, 52, 1023)
F32 = Format(32, 23, 127)
F16 = Format(16, 10, 15)
BF16 = Format(16, 7, 127)
E5M2 = Format(8, 2, 15)
E4M3 = Format(8, 3, 7, has_inf=False)

# By the names of element types in csrc/fastops.h.
FORMATS = {"f64": F64, "f32": F32, "f16": F16, "bf16": BF16, "e5m2": E5M2, "e4m3": E4M3}


@lru_cache(maxsize=4096)
def decode(bits, fmt):
    """(kind, sign, value): kind is "nan", "inf" or "number"; subnormal numbers count as 0."""
    sign, rest = divmod(bits, fmt.sign_bit)
    exponent, fraction = divmod(rest, 1 << fmt.mantissa_bits)
    if fmt.has_inf and exponent == fmt.exponent_max:
        return ("nan" if fraction else "inf"), sign, None
    if not fmt.has_inf and rest == fmt.sign_bit - 1:
        return "nan", sign, None
    if exponent == 0:
        return "number", sign, Fraction(0)
    significand = 1 + Fraction(fraction, 1 << fmt.mantissa_bits)
    return "number", sign, significand * Fraction(2) ** (exponent - fmt.bias)


@lru_cache(maxsize=4096)
def encode(sign, value, fmt):
    """The pattern of a value that needs no rounding; too small is 0, too large is overflow."""
    pattern = sign * fmt.sign_bit
    if value < Fraction(2) ** (1 - fmt.bias):
        return pattern
    if value > fmt.largest:
        return pattern + fmt.infinity
    n = floor_log2(value)
    fraction = (value / Fraction(2) ** n - 1) * (1 << fmt.mantissa_bits)
    assert fraction.denominator == 1, "a result of Mitchell arithmetic never needs rounding"
    return pattern + ((n + fmt.bias) << fmt.mantissa_bits) + fraction.numerator


# ---- Mitchell's logarithm -----------------------------------------------------------------------


def floor_log2(value):
    """n with 2**n <= value < 2**(n + 1)."""
    n = value.numerator.bit_length() - value.denominator.bit_length()
    return n if Fraction(2) ** n <= value else n - 1


@lru_cache(maxsize=4096)
def logarithm(value):
    n = floor_log2(value)
    return n + (value / Fraction(2) ** n - 1)


@lru_cache(maxsize=4096)
def antilogarithm(exponent):
    n = exponent.numerator // exponent.denominator
    return Fraction(2) ** n * (1 + exponent - n)


def mitchell_multiply_bits(a_bits, b_bits, fmt):
    """The pattern of Mitchell's product of two patterns."""
    return _on_bits(a_bits, b_bits, fmt, _multiply_values)


def mitchell_divide_bits(a_bits, b_bits, fmt):
    """The pattern of Mitchell's quotient of two patterns."""
    return _on_bits(a_bits, b_bits, fmt, _divide_values)


def _on_bits(a_bits, b_bits, fmt, operation):
    operands = [(bits, *decode(bits, fmt)) for bits in (a_bits, b_bits)]
    for bits, kind, _, _ in operands:
        if kind == "nan":
            quiet_bit = 1 << (fmt.mantissa_bits - 1) if fmt.has_inf else 0
            return bits | quiet_bit
    (_, a_kind, a_sign, a), (_, b_kind, b_sign, b) = operands
    result = operation("inf" if a_kind == "inf" else a, "inf" if b_kind == "inf" else b)
    sign = a_sign ^ b_sign
    if result == "nan":
        return fmt.canonical_nan
    if result == "inf":
        return sign * fmt.sign_bit + fmt.infinity
    return encode(sign, result, fmt)


def _multiply_values(a, b):
    if "inf" in (a, b):
        return "nan" if 0 in (a, b) else "inf"
    if 0 in (a, b):
        return Fraction(0)
    return antilogarithm(logarithm(a) + logarithm(b))


def _divide_values(a, b):
    if a == b == "inf" or a == b == 0:
        return "nan"
    if a == "inf" or b == 0:
        return "inf"
    if b == "inf" or a == 0:
        return Fraction(0)
    return antilogarithm(logarithm(a) - logarithm(b))


# ---- Mitchell on integers -----------------------------------------------------------------------


def wrap(value, bits, signed):
    """The integer of that width congruent to value modulo 2**bits."""
    value %= 1 << bits
    return value - (1 << bits) if signed and value >> (bits - 1) else value


def mitchell_multiply_int(a, b, bits, signed):
    """Product of two integers of that width: twice as wide, but 64 bits stay 64 and wrap."""
    if a == 0 or b == 0:
        return 0
    product = antilogarithm(logarithm(Fraction(abs(a))) + logarithm(Fraction(abs(b))))
    assert product.denominator == 1, "Mitchell's product of integers is an integer"
    value = product.numerator if (a < 0) == (b < 0) else -product.numerator
    return wrap(value, min(2 * bits, 64), signed)


def mitchell_divide_int(a, b, bits, signed):
    """Quotient of two integers of that width, truncated toward zero; 0 for division by 0."""
    if a == 0 or b == 0:
        return 0
    quotient = antilogarithm(logarithm(Fraction(abs(a))) - logarithm(Fraction(abs(b))))
    magnitude = quotient.numerator // quotient.denominator
    return wrap(magnitude if (a < 0) == (b < 0) else -magnitude, bits, signed)


# ---- rotary position embeddings -----------------------------------------------------------------


def rope_angle(position, i, rotary_dim, base=10000):
    """position * base**(-2i / rotary_dim) in radians, to DIGITS digits."""
    with mpmath.workdps(DIGITS):
        return mpmath.mpf(position) * mpmath.mpf(base) ** (mpmath.mpf(-2 * i) / rotary_dim)


def rope_table_entry(position, i, rotary_dim, base=10000, attention_factor=1):
    """(cos, sin) of that angle, times the factor."""
    return cos_sin(rope_angle(position, i, rotary_dim, base), attention_factor)


def cos_sin(angle, factor=1):
    """(factor * cos(angle), factor * sin(angle)) to DIGITS digits; angle any exact number."""
    with mpmath.workdps(DIGITS):
        if isinstance(angle, Fraction):
            angle = mpmath.mpf(angle.numerator) / angle.denominator
        factor = mpmath.mpf(factor)
        return factor * mpmath.cos(angle), factor * mpmath.sin(angle)


def round_significand(value, bits):
    """A fraction rounded to that many significant bits, ties to even; no bound on the exponent."""
    if value == 0:
        return Fraction(0)
    unit = Fraction(2) ** (floor_log2(abs(value)) - (bits - 1))
    return round(value / unit) * unit


def rope_rotate_pair(x, cos, sin, bits):
    """One pair of lanes: every product and every sum rounded to that many significant bits.

    x, cos and sin are pairs of fractions, one for each lane.
    """

    def product(a, b):
        return round_significand(a * b, bits)

    return (
        round_significand(product(x[0], cos[0]) - product(x[1], sin[0]), bits),
        round_significand(product(x[1], cos[1]) + product(x[0], sin[1]), bits),
    )
