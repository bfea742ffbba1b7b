# SPDX-License-Identifier: BSD-3-Clause
"""Random numbers for cases: of ordinary size, of any size, of any bits."""

import numpy as np

from ._case import Array, DType, Rng

# Up to here a size is the length of the axis that is vectorised; above, there are many rows of ROW.
SHORT, ROW = 1000, 64


def near_one(rng: Rng, dtype: DType, size: int) -> Array:
    """Magnitudes from 1/2 to 2, or integers from 1 to 100."""
    if dtype.kind in "iu":
        return rng.integers(1, 100, size).astype(dtype)
    x: Array = (rng.uniform(0.5, 2, size) * rng.choice([-1, 1], size)).astype(dtype)
    return x


def any_bits(rng: Rng, dtype: DType, size: int) -> Array:
    """Any patterns, with more zeros, infinities and NaNs than chance gives; integers of all lengths."""
    x: Array = rng.integers(0, 256, size * dtype.itemsize, np.uint8).view(dtype)
    if dtype.kind in "iu":
        x >>= rng.integers(0, 8 * dtype.itemsize, size).astype(dtype)
    else:
        special = rng.choice(np.array([0.0, -0.0, np.inf, -np.inf, np.nan]), size).astype(dtype)
        x = np.where(rng.random(size) < 0.1, special, x)
    return x


def finite(rng: Rng, dtype: DType, size: int) -> Array:
    """Any patterns but infinities and NaNs, a quarter of them 0."""
    x = any_bits(rng, dtype, size)
    dropped = rng.random(size) < 0.25
    if dtype.kind not in "iu":
        with np.errstate(invalid="ignore"):  # of ml_dtypes' isfinite
            dropped |= ~np.isfinite(x)
    x[dropped] = 0
    return x


# Blocks of each kind take another loop of Mitchell's kernels.
DRAWS = (near_one, finite, any_bits)
