# SPDX-License-Identifier: BSD-3-Clause
"""Every benchmark of fastops._cases: what NumPy does best, then fastops with 1 and with 2 threads, one after the other.

    python -m pytest bench --benchmark-json=bench.json

`bench/table.py` makes a table of the JSON; `python -m fastops bench` does both.
"""

import sys
import time

import numpy as np
import pytest

import fastops
from fastops import _fastops_core as core
from fastops._case import DTYPES, bytes_moved, run
from fastops._cases import CASES

THREADS = (1, 2)
SECONDS, ROUNDS = 0.4, 7  # of each measurement, about and at least
PAUSE = 0.25  # BLAS's idle threads spin for a while after a call and would take a core from what follows
SEED = 1962


def measurements():
    """(case, benchmark, who, threads), those that are compared next to each other."""
    for case in CASES:
        for benchmark in case.benchmarks:
            for baseline in case.baselines(benchmark):
                for threads in THREADS if benchmark.blas else THREADS[:1]:
                    yield case, benchmark, baseline, threads
            for threads in THREADS:
                yield case, benchmark, "fastops", threads


MEASUREMENTS = list(measurements())
IDS = [f"{case.name}-{benchmark.label}-{who}-{threads}" for case, benchmark, who, threads in MEASUREMENTS]


@pytest.fixture
def limited():
    """Sets the threads of fastops and of BLAS, until the test ends."""
    before, contexts = fastops.get_num_threads(), []

    def limit(threads, blas):
        fastops.set_num_threads(threads)
        if blas:
            limits = pytest.importorskip("threadpoolctl").threadpool_limits
            contexts.append(limits(threads, user_api="blas"))
            if "torch" in sys.modules:
                sys.modules["torch"].set_num_threads(threads)
            time.sleep(PAUSE)

    yield limit
    for context in contexts:
        context.restore_original_limits()
    fastops.set_num_threads(before)


@pytest.mark.benchmark(max_time=SECONDS, min_rounds=ROUNDS)
@pytest.mark.parametrize(("case", "timed", "who", "threads"), MEASUREMENTS, ids=IDS)
def test_speed(case, timed, who, threads, benchmark, limited):
    limited(threads, timed.blas)
    args, kwargs = timed.make(np.random.default_rng(SEED), DTYPES[timed.type])
    moved = bytes_moved((args, kwargs), run(case.function, (args, kwargs)))
    if who != "fastops":
        try:
            call, args, kwargs = case.baselines(timed)[who](*args, **kwargs), (), {}
        except ModuleNotFoundError as error:
            pytest.skip(f"{error.name} is not installed")
    else:
        call = case.function
    benchmark.group = f"{case.name} {timed.label}"
    benchmark.extra_info.update(who=who, threads=threads, isa=core._isa(), numpy=np.__version__, bytes=moved)
    call(*args, **kwargs)  # pages, tables, threads
    benchmark(call, *args, **kwargs)
    if benchmark.stats:  # not with --benchmark-disable
        work, unit = (timed.products, "Gproducts/s") if timed.products else (moved, "GB/s")
        benchmark.extra_info[unit] = round(work / benchmark.stats.stats.min / 1e9, 3)
