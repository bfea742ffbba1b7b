# SPDX-License-Identifier: BSD-3-Clause
"""Checks of plain arguments: the message names the argument, what came, what is needed."""

import numbers

import numpy as np

EXACT = 1 << 53  # integers below are float64 numbers


def integer(name, value, least=None):
    """A Python int of anything that is exactly an integer."""
    try:
        found = value.__index__()
    except AttributeError:
        raise TypeError(f"{name} must be an integer, got {type(value).__name__}") from None
    if least is not None and found < least:
        raise ValueError(f"{name} must be at least {least}, got {found}")
    return found


def even(name, value):
    """An even integer that is not negative."""
    found = integer(name, value)
    if found < 0 or found % 2:
        raise ValueError(f"{name} must be even and at least 0, got {found}")
    return found


def real(name, value):
    """A finite Python float."""
    if not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be a real number, got {type(value).__name__}")
    if not abs(value) < float("inf"):
        raise ValueError(f"{name} must be finite, got {value!r}")
    return float(value)


def positive(name, value):
    """A positive, finite Python float."""
    if not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be a real number, got {type(value).__name__}")
    if not 0 < value < float("inf"):
        raise ValueError(f"{name} must be positive and finite, got {value!r}")
    return float(value)


def choice(name, value, choices):
    """One of a few strings."""
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, got {value!r}")
    return value


def integers(name, values):
    """An int64 array of integers that float64 holds too, so that a sum of two of them cannot wrap."""
    values = np.asarray(values)
    if values.dtype.kind not in "iu":
        raise TypeError(f"{name} has dtype {values.dtype}; integers are needed")
    if values.size and not -EXACT < int(values.min()) <= int(values.max()) < EXACT:
        raise ValueError(f"{name} has numbers from {values.min()} to {values.max()}; they must be within 2**53")
    return values.astype(np.int64, copy=False)
