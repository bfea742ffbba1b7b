# SPDX-License-Identifier: BSD-3-Clause
"""What a case is (see `fastops._cases`), and how results are compared."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np

_core: Any = import_module("._fastops_core", __package__)  # whose private names no stub lists

Rng = np.random.Generator
Array = np.ndarray[Any, Any]
DType = np.dtype[Any]
Call = tuple[tuple[Any, ...], dict[str, Any]]  # arguments and keywords


def _dtypes() -> Iterator[tuple[str, DType]]:
    for short, name in zip(_core._TYPE_NAMES, _core._DTYPE_NAMES, strict=True):
        with suppress(TypeError):  # those of ml_dtypes, where it is not installed
            yield short, np.dtype(name)


DTYPES = dict(_dtypes())  # by the names of element types in csrc/fastops.h


def without_out(function: Callable[..., object]) -> Callable[..., Callable[[], object]]:
    """Prepares calls of a function that has no out=."""
    return lambda *args, out=None, **kwargs: partial(function, *args, **kwargs)


def prepared(function: Callable[..., object]) -> Callable[..., Callable[[], object]]:
    """Prepares calls of a function that has out=."""
    return lambda *args, **kwargs: partial(function, *args, **kwargs)


@dataclass(frozen=True)
class Benchmark:
    """One input that is timed, beside what NumPy does best with it.

    make(rng, dtype) gives the call, with out= where there is one. Each baseline takes the same arguments and returns
    what is to be timed; by default, the case's reference is. products: what the rate counts, instead of bytes moved.
    blas: whether baselines run on BLAS's threads.
    """

    label: str
    type: str
    make: Callable[[Rng, DType], Call]
    baselines: Mapping[str, Callable[..., Callable[[], object]]] = field(default_factory=dict)
    products: int = 0
    blas: bool = False


@dataclass(frozen=True)
class Case:
    """One public function: what it is given, and what has to come out.

    inputs: for each kind of input, make(rng, dtype, size). tolerance: absolute, in units of the result type's epsilon;
    0 asks for the reference's bits. takes_out: whether the function has out=.
    """

    name: str
    kernel: str
    function: Callable[..., Any]
    reference: Callable[..., Any]
    inputs: Mapping[str, Callable[[Rng, DType, int], Call]]
    tolerance: float = 0
    reason: str = "no operation rounds differently"
    same_bits_on_every_isa: bool = True
    takes_out: bool = True
    benchmarks: tuple[Benchmark, ...] = ()

    @property
    def types(self) -> list[str]:
        """Element types of the kernel that can be made here."""
        return [name for name in _core._kernels()[self.kernel] if name in DTYPES]

    def baselines(self, benchmark: Benchmark) -> Mapping[str, Callable[..., Callable[[], object]]]:
        return benchmark.baselines or {"reference": without_out(self.reference)}


def run(function: Callable[..., Any], call: Call) -> tuple[Array, ...]:
    """Results of a call, as a tuple of arrays. Integer division by zero does not warn."""
    with np.errstate(divide="ignore"):
        value = function(*call[0], **call[1])
    return tuple(map(np.asarray, value if isinstance(value, tuple) else (value,)))


def arrays(call: Call) -> list[Array]:
    """The arrays among the arguments."""
    return [value for value in call[0] if isinstance(value, np.ndarray)]


def bytes_moved(call: Call, results: tuple[Array, ...]) -> int:
    """Bytes read and written, each once."""
    return sum(array.nbytes for array in (*arrays(call), *results))


def bits(array: Array) -> Array:
    """The elements' bit patterns, in one row."""
    return np.ascontiguousarray(array).reshape(-1).view(f"u{array.dtype.itemsize}")


def mismatch(got: tuple[Array, ...], want: tuple[Array, ...], tolerance: float = 0) -> str:
    """What is wrong with got; empty if nothing is."""
    for which, (g, w) in enumerate(zip(got, want, strict=True)):
        if (g.dtype, g.shape) != (w.dtype, w.shape):
            return f"result {which}: {g.dtype} {g.shape} instead of {w.dtype} {w.shape}"
        good = np.abs(g - w).ravel() <= tolerance * np.finfo(g.dtype).eps if tolerance else bits(g) == bits(w)
        bad = np.flatnonzero(~good)
        if bad.size:
            i = bad[0]
            return f"result {which}: {bad.size} of {g.size} differ, first [{i}]: {g.flat[i]!r} instead of {w.flat[i]!r}"
    return ""
