# SPDX-License-Identifier: BSD-3-Clause
"""Import, environment variables, number of threads, instruction set, threadpoolctl, GIL."""

import os
import platform
import shutil
import sys
import threading
import time

import numpy as np
import pytest
import threadpoolctl

import fastops
from fastops import _fastops_core as core
from fastops import mitchell, rope, runtime
from support import SANITIZED, run_python

COUNT = "import fastops; print(fastops.get_num_threads())"
ISA = "import fastops; print(fastops.runtime_info()['isa'])"
CLEAN = {"FASTOPS_NUM_THREADS": None, "OMP_NUM_THREADS": None, "FASTOPS_ISA": None}
linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def printed(code, **env):
    return run_python(code, **{**CLEAN, **env}).stdout.strip()


def import_error(**env):
    done = run_python("import fastops", check=False, **{**CLEAN, **env})
    assert done.returncode == 1, f"exit {done.returncode}: {done.stderr}"
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: ")
    return last


# ---- number of threads ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2, 7, 256, np.int64(3), True])
def test_the_number_of_threads_is_what_was_set(count, two_threads):
    fastops.set_num_threads(count)
    assert fastops.get_num_threads() == count
    assert runtime.runtime_info()["threads"] == count


@pytest.mark.parametrize(
    ("count", "error", "message"),
    [
        (0, ValueError, "n must be from 1 to 256, got 0"),
        (-1, ValueError, "n must be from 1 to 256, got -1"),
        (257, ValueError, "n must be from 1 to 256, got 257"),
        (2**70, ValueError, "n must be from 1 to 256"),
        (1.0, TypeError, "n must be an integer, got float 1.0"),
        ("2", TypeError, "n must be an integer, got str '2'"),
        (None, TypeError, "n must be an integer, got NoneType"),
    ],
)
def test_a_wrong_number_of_threads_is_refused(count, error, message):
    before = fastops.get_num_threads()
    with pytest.raises(error, match=message):
        fastops.set_num_threads(count)
    assert fastops.get_num_threads() == before


@pytest.mark.parametrize(
    ("env", "count"),
    [
        ({"FASTOPS_NUM_THREADS": "3"}, "3"),
        ({"FASTOPS_NUM_THREADS": "256"}, "256"),
        ({"OMP_NUM_THREADS": "5"}, "5"),
        ({"OMP_NUM_THREADS": "5,2"}, "5"),
        ({"FASTOPS_NUM_THREADS": "3", "OMP_NUM_THREADS": "5"}, "3"),
        ({"FASTOPS_NUM_THREADS": "", "OMP_NUM_THREADS": "5"}, "5"),
        ({"OMP_NUM_THREADS": "1000"}, "256"),
    ],
)
def test_threads_of_the_environment(env, count):
    assert printed(COUNT, **env) == count


@linux
@pytest.mark.parametrize("env", [{}, {"OMP_NUM_THREADS": "many"}, {"OMP_NUM_THREADS": "0"}, {"OMP_NUM_THREADS": ""}])
def test_by_default_threads_are_the_cpus_allowed(env):
    count = int(printed(COUNT, **env))
    assert 1 <= count <= len(os.sched_getaffinity(0))
    assert printed(f"import os; os.sched_setaffinity(0, [{min(os.sched_getaffinity(0))}])\n{COUNT}", **env) == "1"


@pytest.mark.parametrize("value", ["0", "-1", "257", "two", "2.5", "1 2", "99999999999999999999"])
def test_wrong_threads_in_the_environment_are_an_import_error(value):
    message = import_error(FASTOPS_NUM_THREADS=value)
    assert "FASTOPS_NUM_THREADS" in message
    assert value in message
    assert "1 to 256" in message


# ---- instruction set ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", core._isa_names())
def test_isa_of_the_environment(name):
    assert printed(ISA, FASTOPS_ISA=name) == name


@pytest.mark.parametrize("env", [{}, {"FASTOPS_ISA": ""}])
def test_by_default_the_best_isa_is_used(env):
    assert printed(ISA, **env) == core._isa_names()[-1]


@pytest.mark.parametrize("value", ["avx2", "BASE", "base,x86v3", "x" * 500])
def test_a_wrong_isa_in_the_environment_is_an_import_error_with_the_choices(value):
    message = import_error(FASTOPS_ISA=value)
    assert "FASTOPS_ISA" in message
    assert value[:32] in message
    assert all(name in message for name in core._isa_names())


def test_the_test_hook_refuses_unknown_names():
    with pytest.raises(ValueError, match="name must be one of base"):
        core._use_isa("avx2")


@pytest.mark.skipif(platform.machine() != "x86_64", reason="emulates an x86-64")
@pytest.mark.skipif(SANITIZED or not shutil.which("qemu-x86_64"), reason="needs qemu-user, and memory as it is")
def test_a_processor_of_2008_runs_everything():
    code = """
        import fastops
        from fastops._selftest import selftest
        assert fastops.runtime_info()["isa_possible"] == ["base"]
        assert all(result.ok for result in selftest())
    """
    run_python(code, runner=["qemu-x86_64", "-cpu", "Nehalem"], **CLEAN)


# ---- what import does -----------------------------------------------------------------------------------------------


def test_import_loads_numpy_and_ml_dtypes_only():
    loaded = printed("import sys, fastops; print(*sorted({name.partition('.')[0] for name in sys.modules}))").split()
    assert "numpy" in loaded
    heavy = {"rich", "matplotlib", "scipy", "pandas", "threadpoolctl", "mpmath", "torch", "dask", "multiprocessing"}
    assert not heavy & set(loaded)
    ours = printed("import sys, fastops; print(*[name for name in sys.modules if name.startswith('fastops')])").split()
    assert "fastops._cases" not in ours
    assert "fastops.reference" not in ours


@linux
def test_import_starts_no_thread_and_changes_no_float_mode():
    # Only NumPy's BLAS starts threads: they are there before.
    code = """
        import os, numpy, ml_dtypes
        def state():
            with open("/proc/self/status") as status:
                signals = [line for line in status if line.startswith("Sig")]
            return len(os.listdir("/proc/self/task")), signals, numpy.float32(1e-40) * numpy.float32(1) != 0
        before = state()
        import fastops, fastops.rope
        assert state() == before, (state(), before)
        fastops.mitchell.multiply([1.5, 2], 2)
        assert state() == before, "a small call needs no thread"
    """
    run_python(code)


@pytest.mark.skipif(SANITIZED, reason="is slower then")
def test_import_takes_less_than_5_ms_beyond_numpy_and_ml_dtypes():
    # inspect: NumPy imports it since 2.1; before, Cython's start under the stable ABI has to, which takes 2 ms
    code = """
        import time
        import numpy, ml_dtypes, inspect
        begin = time.thread_time()
        import fastops
        print(time.thread_time() - begin)
    """
    # Of this thread: the process's time counts the idle spinning of NumPy's BLAS threads too, 4 ms here.
    # As users have it: modules compiled once, by the first of these
    assert min(float(printed(code, PYTHONDONTWRITEBYTECODE="")) for _ in range(8)) < 0.005


def test_import_works_without_ml_dtypes():
    code = """
        import sys
        sys.modules["ml_dtypes"] = None
        import numpy, fastops
        assert fastops.mitchell.multiply(numpy.float32(3), numpy.float32(3)) == 8
        assert fastops.runtime_info()["ml_dtypes"] is None
        from fastops._selftest import selftest
        assert all(result.ok for result in selftest())
    """
    run_python(code)


# ---- information ----------------------------------------------------------------------------------------------------


def test_runtime_info_names_what_is_used(capsys):
    info = fastops.runtime_info()
    assert info["numpy"] == np.__version__
    assert info["fastops"] == fastops.__version__
    assert info["isa"] == core._isa()
    assert info["isa"] in info["isa_possible"]
    fastops.show_runtime()
    shown = capsys.readouterr().out
    assert all(key in shown for key in info)
    assert f"isa_possible {', '.join(info['isa_possible'])}" in shown


# ---- threadpoolctl --------------------------------------------------------------------------------------------------


def ours(pools):
    return [pool for pool in pools if pool["user_api"] == "fastops"]


def test_threadpoolctl_limits_our_threads(two_threads):
    runtime.register_threadpoolctl()
    runtime.register_threadpoolctl()
    [pool] = ours(threadpoolctl.threadpool_info())
    assert pool["num_threads"] == 2
    assert pool["version"] == fastops.__version__
    with threadpoolctl.threadpool_limits(1):
        assert fastops.get_num_threads() == 1
    assert fastops.get_num_threads() == 2
    with threadpoolctl.threadpool_limits(5, user_api="fastops"):
        assert fastops.get_num_threads() == 5
    assert fastops.get_num_threads() == 2


@pytest.mark.parametrize("first", ["threadpoolctl", "fastops"])
def test_threadpoolctl_imported_before_or_after(first):
    code = f"""
        import {first}
        import fastops, threadpoolctl
        if {first == "fastops"}:
            assert not [p for p in threadpoolctl.threadpool_info() if p["user_api"] == "fastops"]
            fastops.runtime.register_threadpoolctl()
        fastops.set_num_threads(2)
        with threadpoolctl.threadpool_limits(1):
            assert fastops.get_num_threads() == 1
        assert fastops.get_num_threads() == 2
    """
    run_python(code)


# ---- GIL ------------------------------------------------------------------------------------------------------------

WIDE = np.ones(8 << 20, np.int64)
HALF = np.ones((1 << 17, 128), np.float16)
ONES = np.ones(64, np.float32)
TALL = np.ones((10_000, 128), np.float32)
LONG_CALLS = {
    "multiply": lambda: mitchell.multiply(WIDE, WIDE, out=WIDE),
    "divide": lambda: mitchell.divide(WIDE, WIDE, out=WIDE),
    "matmul": lambda: mitchell.matmul(TALL.T, TALL),
    "table": lambda: rope.table(np.arange(1 << 16), rope.frequencies(128)),
    "rotate": lambda: rope.rotate(HALF, ONES, ONES, out=HALF),
    "rotate_qk": lambda: rope.rotate_qk(HALF[:100], HALF[100:], ONES, ONES),
}


@pytest.mark.parametrize("name", LONG_CALLS)
def test_other_threads_go_on_during_a_call(name):
    ticks, stop = [], threading.Event()

    def heartbeat():
        while not stop.is_set():
            ticks.append(time.perf_counter())
            time.sleep(0.0001)

    before = fastops.get_num_threads()
    fastops.set_num_threads(1)
    thread = threading.Thread(target=heartbeat)
    thread.start()
    try:
        calls = []
        for _ in range(20):
            begin = time.perf_counter()
            LONG_CALLS[name]()
            calls.append((begin, time.perf_counter()))
    finally:
        stop.set()
        thread.join()
        fastops.set_num_threads(before)
    # A thread that waits for the GIL gets it after 5 ms at most, if it can: a call that kept it would be silent inside.
    assert max(sum(begin < tick < end for tick in ticks) for begin, end in calls) >= 5
