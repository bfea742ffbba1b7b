# SPDX-License-Identifier: BSD-3-Clause
"""Times of calls that are compared, taken in turns in one process."""

import gc
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import repeat
from math import ceil
from statistics import median
from typing import Any, NamedTuple

import fastops

__all__ = ["BLAS_REST", "Timing", "compare", "threads"]

# Seconds. A worker thread of OpenBLAS goes on spinning after its call and takes a core from whatever comes next; after
# 0.08 s it still costs 13 to 18 %, after 0.2 s nothing.
BLAS_REST = 0.2

_SAMPLE = 2e-3  # seconds; shorter calls are repeated that long, so that the clock does not count
_ROUNDS = (3, 51)


class Timing(NamedTuple):
    """Seconds of one call."""

    median: float
    best: float
    rounds: int


def compare(
    calls: Mapping[str, Callable[[], Any]], seconds: float, *, rest: float = 0.0, rounds: int | None = None
) -> dict[str, Timing]:
    """Time calls against each other: one sample of each a round, so that what disturbs the machine disturbs all.

    Parameters
    ----------
    calls : mapping of str to callable
        `functools.partial` objects keep Python frames out of what is timed.
    seconds : float
        How long it may take, about; at least three rounds are made.
    rest : float
        Pause before each sample. Where a call uses BLAS, give `BLAS_REST`.
    rounds : int, optional
        How many rounds, whatever they take.

    Returns
    -------
    dict of str to Timing
    """
    numbers: dict[str, int] = {}
    cost = 0.0
    for name, call in calls.items():
        time.sleep(rest)
        call()
        once = _repeated(call)
        numbers[name] = ceil(_SAMPLE / once)
        cost += rest + (1 + numbers[name]) * once
    if rounds is None:
        rounds = min(max(int(seconds / cost), _ROUNDS[0]), _ROUNDS[1])
    samples: dict[str, list[float]] = {name: [] for name in calls}
    with _no_collection():
        for _ in range(rounds):
            for name, call in calls.items():
                time.sleep(rest)
                call()  # brings its data back into the caches and wakes its threads
                samples[name].append(_sample(call, numbers[name]))
    return {name: Timing(median(times), min(times), rounds) for name, times in samples.items()}


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Limit fastops to that many threads."""
    before = fastops.get_num_threads()
    fastops.set_num_threads(count)
    try:
        yield
    finally:
        fastops.set_num_threads(before)


def _sample(call: Callable[[], Any], number: int) -> float:
    """Mean seconds of a call, of that many in a row."""
    start = time.perf_counter()
    for _ in repeat(None, number):
        call()
    return (time.perf_counter() - start) / number


def _repeated(call: Callable[[], Any]) -> float:
    """Seconds of a call, roughly, however short it is."""
    number = 1
    while True:
        once = _sample(call, number)
        if once * number > _SAMPLE / 10:
            return once
        number *= 4


@contextmanager
def _no_collection() -> Iterator[None]:
    enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
