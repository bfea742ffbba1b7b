# SPDX-License-Identifier: BSD-3-Clause
# ruff: noqa: F822 (names that are imported later)
"""Arithmetic by logarithms that are read off bit patterns (J. N. Mitchell, 1962), and its refinements.

The logarithm of 2**n * (1 + x), with 0 <= x < 1, is taken as n + x. For a binary float that is its bit pattern, up to a
constant, so a product is a sum of two patterns: never above the true product, at most 1/9 below it. A quotient is never
below the true one, at most 1/8 above it. Where an operand is a power of two, products are exact. `square`, `sqrt`,
`reciprocal`, `rsqrt`, `log2`, `exp2` and `power` follow from the same logarithm.

Refined products, with the mean, the mean magnitude and the extremes of the relative error in percent, over all pairs of
fractions:

================= ======= ===== ======= ======
`multiply`        -3.849  3.849 -11.11   0
`multiply_lmul`    0.408  2.655  -7.288  6.250  a constant added to the logarithm, as in `multiply_offset`
`multiply_mbm`    -0.097  2.581  -7.639  7.813  a constant added to the significand
`multiply_realm`   0.009  0.419  -2.087  1.786  256 constants added to the significand
`multiply_ilm`    -9.416  9.416 -25      0      k = 0; exact as soon as k + 1 is the number of ones in an operand
================= ======= ===== ======= ======

Special values, in every format: NaN propagates; inf * 0, 0 / 0 and inf / inf are NaN; the sign is the exclusive or of
the signs, also for 0 and inf; subnormal operands count as 0, and results below the smallest normal number are 0;
overflow is inf, and x / 0 is inf. float8_e4m3fn has no inf: where it would appear, the result is NaN. Roots, logarithm
and powers are as NumPy's at 0, inf and below 0. A NaN keeps its sign and payload and becomes quiet, the first operand's
before the second's; where there was none before, it is the positive one.
"""

from ._fastops_core import mitchell_divide as divide
from ._fastops_core import mitchell_divide_offset as divide_offset
from ._fastops_core import mitchell_exp2 as exp2
from ._fastops_core import mitchell_log2 as log2
from ._fastops_core import mitchell_matmul as matmul
from ._fastops_core import mitchell_multiply as multiply
from ._fastops_core import mitchell_multiply_ilm as multiply_ilm
from ._fastops_core import mitchell_multiply_lmul as multiply_lmul
from ._fastops_core import mitchell_multiply_mbm as multiply_mbm
from ._fastops_core import mitchell_multiply_offset as multiply_offset
from ._fastops_core import mitchell_multiply_realm as multiply_realm
from ._fastops_core import mitchell_power as power
from ._fastops_core import mitchell_reciprocal as reciprocal
from ._fastops_core import mitchell_rsqrt as rsqrt
from ._fastops_core import mitchell_sqrt as sqrt
from ._fastops_core import mitchell_square as square
from ._later import later as _later

__all__ = [
    "ErrorStatistics",
    "divide",
    "divide_offset",
    "error_statistics",
    "exp2",
    "log2",
    "matmul",
    "matmul_vjp",
    "multiply",
    "multiply_ilm",
    "multiply_lmul",
    "multiply_mbm",
    "multiply_offset",
    "multiply_realm",
    "multiply_vjp",
    "power",
    "reciprocal",
    "rsqrt",
    "sqrt",
    "square",
]

# What most programs do not need: it would take 0.35 ms of the package's 3.4.
__getattr__, __dir__ = _later(
    globals(),
    {
        "_mitchell_errors": ("ErrorStatistics", "error_statistics"),
        "_mitchell_gradients": ("matmul_vjp", "multiply_vjp"),
    },
)
