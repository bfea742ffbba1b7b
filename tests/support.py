# SPDX-License-Identifier: BSD-3-Clause
"""What several test files need: where the sources are, fresh interpreters, buffers that notice stray writes."""

import contextlib
import gc
import os
import subprocess
import sys
import textwrap
import tracemalloc
from itertools import pairwise
from pathlib import Path

import numpy as np

import fastops

PACKAGE = Path(fastops.__file__).parent
ROOT = PACKAGE.parents[1]
IN_SOURCE_TREE = (ROOT / "csrc").is_dir()  # not when an installed wheel is tested
LARGE = 1 << 19  # bytes of an operand: enough traffic for a second thread (test_threads.py checks that it starts)
SANITIZED = "ASAN_OPTIONS" in os.environ  # slower, and with memory of its own


def run_python(code, *, timeout=60, path=PACKAGE.parent, check=True, runner=(), **env):
    """Run code in a fresh interpreter that finds fastops in path; an env of None removes the variable."""
    variables = os.environ | {"PYTHONPATH": f"{path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"} | env
    done = subprocess.run(
        # A fork of a process with threads is a DeprecationWarning from Python 3.12 on; that it works is what we test.
        [*runner, sys.executable, "-W", "error", "-W", "ignore::DeprecationWarning", "-c", textwrap.dedent(code)],
        env={name: value for name, value in variables.items() if value is not None},
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    if check:
        assert done.returncode == 0, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


MARGIN, STAMP = 128, 0xA5


def guarded(shape, dtype, offset=0):
    """(array, intact): an array `offset` bytes after a multiple of 64; whether the bytes around it are as before."""
    dtype = np.dtype(dtype)
    nbytes = int(np.prod(shape)) * dtype.itemsize
    buffer = np.full(nbytes + 2 * MARGIN + 64, STAMP, np.uint8)
    begin = MARGIN + (-buffer.ctypes.data % 64) + offset
    array = buffer[begin : begin + nbytes].view(dtype).reshape(shape)

    def intact():
        return bool((buffer[:begin] == STAMP).all() and (buffer[begin + nbytes :] == STAMP).all())

    return array, intact


def slices(size, step):
    """Consecutive slices that cover range(size)."""
    return [slice(a, b) for a, b in pairwise([*range(0, size, step), size])]


def resident():
    """Bytes of memory that this process has."""
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def assert_nothing_leaks(calls, watched, times=10_000):
    """Makes that many calls, whether they fail or not: no more references to what is watched, and no more memory."""

    def repeat(rounds):
        for _ in range(rounds):
            for call in calls:
                with contextlib.suppress(Exception):
                    call()

    def references():
        return [sys.getrefcount(value) for value in watched]

    def growth():
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        repeat(times // len(calls))
        gc.collect()
        traced = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
        return traced

    repeat(max(1, times // len(calls) // 10))
    gc.collect()
    counts, memory = references(), resident()
    leaks = all(growth() >= 4096 for _ in range(3))  # a leak grows every time, a cache that fills does so once
    assert references() == counts
    if not SANITIZED:  # which keeps what is freed
        assert not leaks
        assert resident() - memory < 8 << 20
