# SPDX-License-Identifier: BSD-3-Clause
"""Multiplication and division by adding logarithms that are read off bit patterns (J. N. Mitchell, 1962).

The logarithm of 2**n * (1 + x), with 0 <= x < 1, is taken as n + x. For a binary float that is its bit pattern, up to a
constant, so a product is a sum of two patterns: never above the true product, at most 1/9 below it. A quotient is never
below the true one, at most 1/8 above it. Where an operand is a power of two, products are exact.

Special values, in every format: NaN propagates; inf * 0, 0 / 0 and inf / inf are NaN; the sign is the exclusive or of
the signs, also for 0 and inf; subnormal operands count as 0, and results below the smallest normal number are 0;
overflow is inf, and x / 0 is inf. float8_e4m3fn has no inf: where it would appear, the result is NaN.
"""

from ._fastops_core import mitchell_divide as divide
from ._fastops_core import mitchell_matmul as matmul
from ._fastops_core import mitchell_multiply as multiply

__all__ = ["divide", "matmul", "multiply"]
