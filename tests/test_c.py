# SPDX-License-Identifier: BSD-3-Clause
"""Builds and runs the C programs of tests/c, which call everything in csrc without Python: with sanitizers, as it is
shipped, and for other CPUs in emulators.

Programs of one build share objects. All that is selected is built and run side by side, from the first test on.
"""

import functools
import os
import platform
import runpy
import shutil
import subprocess
import tempfile
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
RUNTIME = ("csrc/runtime/dispatch.c", "csrc/runtime/threads.c")
TESTS = tuple(str(path.relative_to(ROOT)) for path in sorted(ROOT.glob("tests/c/test_*.c")))
KERNELS = ("tests/c/kernels.c", "tests/c/check.c", *TESTS, *RUNTIME)
SIMD = ("tests/c/simd.c", "tests/c/check.c")
POOL = ("tests/c/pool.c", "csrc/runtime/threads.c")
INIT = ("tests/c/init.c", *RUNTIME)
SECONDS = 200

pytestmark = pytest.mark.timeout(300)  # the first test waits for what all of them build

if not (ROOT / "csrc").is_dir():
    pytest.skip("csrc is not here: these are not the sources", allow_module_level=True)

pytest.importorskip("Cython")  # setup.py, where the flags stand, needs it
SETUP = runpy.run_path(str(ROOT / "setup.py"))
SHIPPED = (*SETUP["FLAGS"], *SETUP["DEFAULT_FLAGS"])
NATIVE = {isa: SETUP["ISA_FLAGS"][isa] for isa in SETUP["ISAS"]}
X86 = SETUP["X86"]
# not shipped: compiled, and run where it can be
X86V4 = {"x86v4": [*SETUP["ISA_FLAGS"]["x86v4"], "-mprefer-vector-width=256"]}

CHECKED = ("-std=c11", "-O1", "-g1", "-ffp-contract=off", "-fno-math-errno", "-fno-sanitize-recover=all")
MEMORY = (*CHECKED, "-fsanitize=address,undefined")
RACES = (*CHECKED, "-fsanitize=thread")

# What a sanitizer says on a system whose addresses are laid out in a way that it does not know.
NOT_HERE = ("ThreadSanitizer: unexpected memory mapping", "Shadow memory range interleaves")


@functools.cache
def links(compiler, flags):
    """Whether the compiler has the libraries for these flags: clang's sanitizers are a package of their own."""
    with tempfile.TemporaryDirectory() as folder:
        command = [compiler, *flags, "-x", "c", "-", "-o", f"{folder}/out"]
        return (
            subprocess.run(command, input="int main(void) { return 0; }", capture_output=True, text=True).returncode
            == 0
        )


@dataclass(frozen=True)
class Program:
    compiler: str
    flags: tuple
    sources: tuple
    isas: dict = field(default_factory=dict)  # tables to link, and their flags
    only: str = ""  # the ISA that the program's own sources are compiled for
    command: tuple = ()  # an emulator
    arguments: tuple = ()  # n: to run every n-th case only

    def missing(self):
        """What this program cannot be built or run without; empty if nothing."""
        tools = [tool for tool in (self.compiler, *self.command[:1]) if not shutil.which(tool)]
        if not tools and not links(self.compiler, self.flags):
            return f"libraries of {self.compiler} for {' '.join(self.flags)}"
        return " and ".join(tools)


def programs():
    natives = {**NATIVE, **X86V4} if X86 else NATIVE
    every = {}
    best = dict([*NATIVE.items()][-1:])
    for compiler, isas in ("gcc", NATIVE), ("clang", best):  # a table takes clang 8 s
        every[f"kernels-memory-{compiler}"] = Program(compiler, MEMORY, KERNELS, isas, arguments=("5",))
        every[f"pool-memory-{compiler}"] = Program(compiler, MEMORY, POOL)
        for isa in NATIVE:
            every[f"simd-{isa}-memory-{compiler}"] = Program(compiler, MEMORY, SIMD, NATIVE, only=isa)
    every["pool-races"] = Program("gcc", RACES, POOL)
    every["kernels-races"] = Program("gcc", RACES, KERNELS, best, arguments=("17",))
    every["kernels-shipped"] = Program("gcc", SHIPPED, KERNELS, natives)
    every["pool-shipped"] = Program("gcc", SHIPPED, POOL)
    for isa in natives:
        every[f"simd-{isa}-shipped"] = Program("gcc", SHIPPED, SIMD, natives, only=isa)
    if platform.machine() != "aarch64":
        cross, flags, emulator = "aarch64-linux-gnu-gcc", (*SHIPPED, "-static"), ("qemu-aarch64",)
        neon = {"neon": SETUP["ISA_FLAGS"]["neon"]}
        every["kernels-aarch64"] = Program(cross, flags, KERNELS, neon, command=emulator, arguments=("11",))
        every["simd-aarch64"] = Program(cross, flags, SIMD, neon, only="neon", command=emulator, arguments=("5",))
    if X86:
        old = ("qemu-x86_64", "-cpu", "Nehalem")
        every["kernels-nehalem"] = Program("gcc", SHIPPED, KERNELS, NATIVE, command=old, arguments=("11",))
        every["init"] = Program("gcc", SHIPPED, INIT, NATIVE)
    return every


PROGRAMS = programs()


class Builder:
    """Compiles each object once, whoever asks first."""

    def __init__(self, folder):
        self.folder = folder
        self.locks = {}
        self.lock = threading.Lock()

    def run(self, *command):
        subprocess.run([str(part) for part in command], cwd=ROOT, check=True, capture_output=True, text=True)

    def object(self, compiler, flags, source):
        key = (compiler, flags, source)
        with self.lock:
            lock = self.locks.setdefault(key, threading.Lock())
            path = self.folder / f"{[*self.locks].index(key)}-{Path(source).stem}.o"
        with lock:
            if not path.exists():
                self.run(compiler, *flags, "-Icsrc", "-c", source, "-o", path)
        return path

    def program(self, name):
        p = PROGRAMS[name]
        tables = {} if p.only else p.isas
        flags = [*p.flags, *(f"-DFASTOPS_HAVE_{isa}" for isa in tables)]
        if p.only:
            flags += [f"-DISA={p.only}", *p.isas[p.only]]
        objects = [self.object(p.compiler, tuple(flags), source) for source in p.sources]
        objects += [self.object(p.compiler, (*p.flags, *more), f"csrc/isa/{isa}.c") for isa, more in tables.items()]
        path = self.folder / name
        self.run(p.compiler, *p.flags, *objects, "-lm", "-pthread", "-o", path)
        return path


def run(path, command=(), arguments=()):
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("FASTOPS_", "OMP_NUM_THREADS"))}
    return subprocess.run(
        [*command, path, *arguments], env=clean, capture_output=True, text=True, errors="replace", timeout=SECONDS
    )


def cpu_has(flag):
    try:
        return flag in Path("/proc/cpuinfo").read_text().split()
    except OSError:
        return False


def build_and_run(builder, name):
    p = PROGRAMS[name]
    path = builder.program(name)
    if p.only == "x86v4" and not cpu_has("avx512vl"):
        return path, None
    return path, run(path, p.command, p.arguments)


@pytest.fixture(scope="module")
def results(request, tmp_path_factory):
    """Of each program that a selected test wants: its path, and its run."""
    wanted = [
        item.callspec.params.get("name", "init")
        for item in request.session.items
        if item.path == request.path and hasattr(item, "callspec")
    ]
    builder = Builder(tmp_path_factory.mktemp("c"))
    with ThreadPoolExecutor(1 + os.cpu_count()) as pool:  # one may wait for another's objects
        futures = {
            name: pool.submit(build_and_run, builder, name)
            for name in PROGRAMS
            if name in wanted and not PROGRAMS[name].missing()
        }
        yield futures
        for future in futures.values():
            future.cancel()


def result(results, name) -> tuple[Path, subprocess.CompletedProcess]:
    if missing := PROGRAMS[name].missing():
        pytest.skip(f"needs {missing}")
    future: Future = results[name]
    try:
        return future.result()
    except subprocess.CalledProcessError as error:
        pytest.fail(f"{' '.join(error.cmd)}\n{error.stderr}")


@pytest.mark.parametrize("name", PROGRAMS)
def test_program(results, name):
    _, done = result(results, name)
    if done is None:
        pytest.skip("compiled only: this CPU has no AVX-512")
    output = done.stdout + done.stderr
    if any(message in output for message in NOT_HERE):
        pytest.skip(output)
    assert done.returncode == 0, output
    if name != "init":
        assert done.stdout.splitlines()[-1].endswith(" passed, 0 failed"), output


@pytest.mark.parametrize(
    ("cpu", "expected"),
    [
        ("core2duo", "this CPU is too old for fastops: it needs x86-64-v2"),
        ("Nehalem", "base"),
        ("Haswell", "x86v3"),
        ("Haswell,fma=off", "base"),
        ("Haswell,xsave=off", "base"),  # the CPU has AVX2, but the system does not save its registers
    ],
)
@pytest.mark.skipif(not X86, reason="about x86-64")
@pytest.mark.skipif(not shutil.which("qemu-x86_64"), reason="needs qemu-x86_64")
def test_choice_of_isa(results, cpu, expected):
    path, _ = result(results, "init")
    done = run(path, ("qemu-x86_64", "-cpu", cpu))
    assert done.stdout.startswith(expected), done.stdout + done.stderr
    assert done.returncode == (0 if expected in NATIVE else 1)
