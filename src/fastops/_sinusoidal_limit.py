# SPDX-License-Identifier: BSD-3-Clause
"""Ci(x) - Ci(x / base) of the cosine integral, without a logarithm's cancellation at 0."""

import math

import numpy as np

_EULER = 0.5772156649015329
# Below, the power series: its largest term at 5 is 5**4 / 96, so 15 digits remain. Above, the continued fraction.
_SERIES_UP_TO, _TERMS, _LEVELS = 5.0, 24, 60


def _entire(x):
    """Cin(x) = gamma + ln(x) - Ci(x), up to 5: the sum of -(-x * x)**k / (2 k (2 k)!)."""
    power, total = np.ones_like(x), np.zeros_like(x)
    for k in range(1, _TERMS + 1):
        power = power * (-x * x) / ((2 * k - 1) * (2 * k))
        total -= power / (2 * k)
    return total


def _far(x):
    """Ci(x) from 5 on: minus the real part of E1(ix) by its continued fraction, from the innermost level outwards."""
    z = 1j * x
    below = z + (2 * _LEVELS + 1)
    for level in range(_LEVELS, 0, -1):
        below = z + (2 * level - 1) - level * level / below
    return -((np.cos(x) - 1j * np.sin(x)) / below).real


def cosine_integral_difference(x, base):
    """Ci(x) - Ci(x / base) for an array of x >= 0; its limit ln(base) at 0, and 0 at infinity."""
    result = np.full_like(x, np.nan)  # where x is
    low = x / base
    near, between, far = x <= _SERIES_UP_TO, (low <= _SERIES_UP_TO) & (x > _SERIES_UP_TO), low > _SERIES_UP_TO
    far &= x < np.inf
    between &= x < np.inf
    result[near] = math.log(base) - (_entire(x[near]) - _entire(low[near]))
    result[between] = _far(x[between]) - (_EULER + np.log(low[between]) - _entire(low[between]))
    result[far] = _far(x[far]) - _far(low[far])
    result[x == np.inf] = 0
    return result
