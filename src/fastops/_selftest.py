# SPDX-License-Identifier: BSD-3-Clause
"""Does this build compute the right things on this machine? Every case, on every instruction set that it can run."""

from importlib import import_module
from typing import Any, NamedTuple

import numpy as np

from ._case import DTYPES, Case, mismatch, run
from ._cases import CASES

_core: Any = import_module("._fastops_core", __package__)  # whose private names no stub lists

SIZES = (0, 1, 7, 8, 67, 1000)  # nothing, less than a register, one of them, many and a rest
SEED = 1962


class Result(NamedTuple):
    """Of one case on one instruction set; detail says what is wrong, or how much was compared."""

    case: str
    isa: str
    ok: bool
    detail: str


def selftest() -> list[Result]:
    """Compare every kernel with its reference; takes a few seconds.

    No other thread may use fastops meanwhile: the instruction set is switched for the whole process.

    Returns
    -------
    list of (case, isa, ok, detail)

    Examples
    --------
    >>> from fastops._selftest import selftest
    >>> all(result.ok for result in selftest())
    True
    """
    before = _core._isa()
    try:
        return [_compare(case, isa) for isa in _core._isa_names() for case in CASES]
    finally:
        _core._use_isa(before)


def _compare(case: Case, isa: str) -> Result:
    _core._use_isa(isa)
    rng = np.random.default_rng(SEED)
    compared = 0
    for kind, make in case.inputs.items():
        for name in case.types:
            for size in SIZES:
                call = make(rng, DTYPES[name], size)
                got = run(case.function, call)
                wrong = mismatch(got, run(case.reference, call), case.tolerance)
                if wrong:
                    return Result(case.name, isa, False, f"{name}, {kind}, size {size}: {wrong}")
                compared += sum(array.size for array in got)
    return Result(case.name, isa, True, f"{compared} numbers")
