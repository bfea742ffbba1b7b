# SPDX-License-Identifier: BSD-3-Clause
"""Writes csrc/kernels/mitchell_realm.inc: the corrections of REALM with 16 x 16 segments and 6 fraction bits.

In a segment of fractions x and y the correction S is the constant that makes the mean relative error 0: minus the
integral of Mitchell's relative error over that of 1 / ((1 + x) (1 + y)). The table holds S in units of 1/64, rounded to
nearest.

Source: H. Saadat, H. Javaid, A. Ignjatovic, S. Parameswaran, REALM: reduced-error approximate log-based integer
multiplier (2020).
"""

from pathlib import Path
from typing import Any

import mpmath  # type: ignore[import-untyped]

SEGMENTS, UNITS = 16, 64
HEAD = """/* SPDX-License-Identifier: BSD-3-Clause
 * Written by tools/realm_table.py: row i, column j is S of segment (i, j) in units of 1/64. */
"""
TARGET = Path(__file__).parents[1] / "csrc/kernels/mitchell_realm.inc"


def product_over_true(x: Any, y0: Any, y1: Any) -> Any:
    """The integral over y of Mitchell's product over the true one, both of significands."""
    fold = min(max(1 - x, y0), y1)  # below it 1 + x + y, above it 2 (x + y)
    below = (fold - y0) + x * mpmath.log((1 + fold) / (1 + y0))
    above = 2 * ((y1 - fold) + (x - 1) * mpmath.log((1 + y1) / (1 + fold)))
    return (below + above) / (1 + x)


def correction(i: int, j: int) -> Any:
    """S of segment i of x and j of y."""
    h = mpmath.mpf(1) / SEGMENTS
    x0, x1, y0, y1 = i * h, (i + 1) * h, j * h, (j + 1) * h
    error = mpmath.quad(lambda x: product_over_true(x, y0, y1), [x0, x1]) - h * h
    return -error / (mpmath.log((1 + x1) / (1 + x0)) * mpmath.log((1 + y1) / (1 + y0)))


def table() -> list[list[int]]:
    with mpmath.workdps(20):
        return [[int(mpmath.nint(UNITS * correction(i, j))) for j in range(SEGMENTS)] for i in range(SEGMENTS)]


def text() -> str:
    rows = (", ".join(f"{units:2d}" for units in row) for row in table())
    return HEAD + "".join(f"{row},\n" for row in rows)


if __name__ == "__main__":
    TARGET.write_text(text())
