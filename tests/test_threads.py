# SPDX-License-Identifier: BSD-3-Clause
"""The thread pool under fork, spawn, many callers, exit, a changing number of threads. In processes of their own."""

import platform
import sys

import numpy as np
import pytest

import fastops
from fastops._cases import CASES
from support import LARGE, SANITIZED, run_python

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks, and counts threads in /proc")

# In the processes below: compute() uses every kernel with two threads, and is true if the results are right.
COMMON = """
import os, sys, threading, time
import numpy as np
import fastops
from fastops import mitchell, rope
fastops.set_num_threads(2)

rng = np.random.default_rng(1)
a, b = rng.uniform(1, 2, (2, 1 << 19)).astype(np.float32)
x, cos, sin = a.reshape(-1, 128), np.full(64, 0.5, np.float32), np.full(64, 0.75, np.float32)
positions, frequencies = np.arange(4096), rope.frequencies(64)

def kernels():
    return (mitchell.multiply(a, b), mitchell.divide(a, b), mitchell.matmul(x[:256], x[:256].T),
            rope.rotate(x, cos, sin), *rope.table(positions, frequencies))

fastops.set_num_threads(1)
want = kernels()
fastops.set_num_threads(2)

def compute():
    return all(map(np.array_equal, kernels(), want))

def tasks():
    return len(os.listdir("/proc/self/task"))

def ends_well(child, seconds=10):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status == 0
        time.sleep(0.002)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return False

def fork_and(work):
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if work() else 1)
        finally:
            os._exit(2)
    return child
"""


def run(code, **options):
    lines = code.splitlines()
    indent = min(len(line) - len(line.lstrip()) for line in lines if line.strip())
    return run_python(COMMON + "\n".join(line[indent:] for line in lines), **options)


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_the_calls_of_test_kernels_are_large_enough_for_a_second_thread(case):
    run(
        f"""
        from fastops._case import DTYPES, run
        from fastops._cases import CASES
        case = next(case for case in CASES if case.name == {case.name!r})
        for make in case.inputs.values():
            for name in case.types:
                call = make(rng, DTYPES[name], {LARGE} // DTYPES[name].itemsize)
                def starts_one_thread():
                    before = tasks()
                    run(case.function, call)
                    return tasks() == before + 1
                assert ends_well(fork_and(starts_one_thread)), name
        """
    )


def test_no_more_threads_than_were_asked_for_and_none_for_small_calls():
    run(
        """
        before = tasks()
        mitchell.multiply(a[:1000], b[:1000])
        rope.rotate(x[:8], cos, sin)
        assert tasks() == before
        assert compute()
        assert tasks() == before + 1
        for _ in range(20):
            assert compute()
        assert tasks() == before + 1
        fastops.set_num_threads(1)
        assert compute()
        """
    )


def test_signals_go_to_pythons_threads_only():
    run(
        """
        import signal
        assert compute()
        me = threading.get_native_id()
        interrupted = []
        signal.signal(signal.SIGALRM, lambda *_: interrupted.append(1))
        signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
        for _ in range(30):
            assert compute()
        signal.setitimer(signal.ITIMER_REAL, 0)
        assert interrupted
        """
    )


# ---- fork and spawn -------------------------------------------------------------------------------------------------


def test_a_forked_child_computes():
    run(
        """
        assert compute()
        with_a_thread_of_its_own = lambda: compute() and tasks() == 2
        assert ends_well(fork_and(with_a_thread_of_its_own))
        assert ends_well(fork_and(lambda: ends_well(fork_and(compute)) and compute()))
        assert compute()
        """
    )


def test_a_child_that_was_forked_before_the_first_use_computes():
    run("        assert ends_well(fork_and(compute)) and compute()")


def test_children_forked_while_other_threads_compute():
    run(
        """
        stop, wrong = threading.Event(), []
        def work():
            while not stop.is_set():
                if not compute():
                    wrong.append(1)
        workers = [threading.Thread(target=work) for _ in range(3)]
        for worker in workers:
            worker.start()
        for _ in range(10):
            assert ends_well(fork_and(compute))
        stop.set()
        for worker in workers:
            worker.join()
        assert not wrong
        """
    )


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing(method):
    run(
        f"""
        import multiprocessing
        assert compute()
        with multiprocessing.get_context({method!r}).Pool(2) as pool:
            jobs = [pool.apply_async(mitchell.multiply, (a, b)), pool.apply_async(rope.rotate, (x, cos, sin))]
            results = [job.get(timeout=60) for job in jobs]
        assert np.array_equal(results[0], want[0]) and np.array_equal(results[1], want[3])
        """,
        timeout=90,
    )


# ---- many callers ---------------------------------------------------------------------------------------------------


def test_8_threads_at_once():
    run(
        """
        wrong, start = [], threading.Barrier(8)
        def work():
            start.wait()
            for _ in range(12):
                if not compute():
                    wrong.append(1)
        before = tasks()
        workers = [threading.Thread(target=work) for _ in range(8)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert not wrong
        for _ in range(500):  # the system ends a thread a moment after Python
            if tasks() <= before + 1:
                break
            time.sleep(0.01)
        assert tasks() <= before + 1
        """
    )


def test_the_number_of_threads_changes_in_between():
    run(
        """
        wrong, stop = [], threading.Event()
        def work():
            while not stop.is_set():
                if not compute():
                    wrong.append(1)
        workers = [threading.Thread(target=work) for _ in range(3)]
        for worker in workers:
            worker.start()
        for i in range(150):
            fastops.set_num_threads([1, 2, 3, 8][i % 4])
            time.sleep(0.002)
        stop.set()
        for worker in workers:
            worker.join()
        assert not wrong
        """
    )


@pytest.mark.parametrize("count", [3, 16, 256])
def test_more_threads_than_processors(count):
    run(
        f"""
        fastops.set_num_threads({count})
        for _ in range(3):
            assert compute()
        """
    )


@pytest.mark.skipif(SANITIZED, reason="reserves more memory than the limit")
def test_limits_on_threads_of_the_system_are_no_error():
    run(
        """
        import resource
        resource.setrlimit(resource.RLIMIT_AS, (1 << 40, 1 << 40))
        fastops.set_num_threads(64)
        used = int(open("/proc/self/statm").read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        resource.setrlimit(resource.RLIMIT_AS, (used + (64 << 20), used + (64 << 20)))  # room for few stacks
        x1 = x[:512]
        assert np.array_equal(rope.rotate(x1, cos, sin), want[3][:512])
        assert np.array_equal(mitchell.multiply(a[:400_000], b[:400_000]), want[0][:400_000])
        """
    )


# ---- exit -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("daemons", [0, 1, 4])
def test_the_interpreter_ends_while_threads_are_busy(daemons):
    run(
        f"""
        def work():
            while True:
                compute()
        for _ in range({daemons}):
            threading.Thread(target=work, daemon=True).start()
        time.sleep(0.3)
        compute()
        """,
        timeout=30,
    )


# ---- float mode -----------------------------------------------------------------------------------------------------


@pytest.mark.skipif(platform.machine() != "x86_64", reason="knows the constants of x86-64")
@pytest.mark.parametrize("mode", [0x400, 0x800, 0xC00], ids=["down", "up", "to_zero"])
def test_threads_round_as_their_caller_and_leave_its_float_mode(mode):
    run(
        f"""
        import ctypes
        libm = ctypes.CDLL("libm.so.6")
        assert compute()
        y = rng.standard_normal((1 << 13, 128)).astype(np.float32)
        nearest = rope.rotate(y, cos, sin)
        assert libm.fesetround({mode}) == 0
        two = rope.rotate(y, cos, sin)
        assert libm.fegetround() == {mode}
        fastops.set_num_threads(1)
        one = rope.rotate(y, cos, sin)
        libm.fesetround(0)
        assert np.array_equal(one, two)
        assert not np.array_equal(one, nearest)
        fastops.set_num_threads(2)
        assert np.array_equal(rope.rotate(y, cos, sin), nearest)
        """
    )


def test_threads_keep_subnormal_numbers(two_threads):
    x = np.full((1 << 13, 128), 1e-40, np.float32)
    one, zero = np.ones(64, np.float32), np.zeros(64, np.float32)
    big = np.ones(1 << 20, np.float32)
    for _ in range(3):
        fastops.mitchell.multiply(big, big)
        assert np.array_equal(fastops.rope.rotate(x, one, zero), x)
