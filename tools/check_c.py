# SPDX-License-Identifier: BSD-3-Clause
"""Compiles csrc with every compiler found, for every instruction set, warnings being errors.

That includes what is not shipped (x86v4) and what is for another architecture (neon, where a cross compiler is
installed). Every function of a per-ISA object has to carry the ISA in its name.
"""

import runpy
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from check_symbols import SUFFIX

ROOT = Path(__file__).parents[1]
SETUP = runpy.run_path(str(ROOT / "setup.py"))
FLAGS = [*SETUP["FLAGS"], *SETUP["DEFAULT_FLAGS"], *SETUP["WARNINGS"], "-Werror", "-fPIC", f"-I{ROOT}/csrc"]

X86, ARM = ["base", "x86v3", "x86v4"], ["neon"]
NATIVE = X86 if SETUP["X86"] else ARM if SETUP["ISAS"] == ARM else ["base"]
CROSS = "aarch64-linux-gnu"


class Compiler(NamedTuple):
    command: list[str]
    isas: list[str]
    nm: str


class Job(NamedTuple):
    compiler: Compiler
    source: Path
    isa: str | None  # None for what all of them share

    @property
    def name(self) -> str:
        return f"{' '.join(self.compiler.command)}: {self.source.relative_to(ROOT)}"


def compilers() -> list[Compiler]:
    """Those that are installed; says which are not."""
    known = [Compiler(["gcc"], NATIVE, "nm"), Compiler(["clang"], NATIVE, "nm")]
    if NATIVE != ARM:
        known.append(Compiler([f"{CROSS}-gcc"], ARM, f"{CROSS}-nm"))
        if shutil.which(f"{CROSS}-gcc"):  # its C library's headers
            known.append(Compiler(["clang", f"--target={CROSS}"], ARM, f"{CROSS}-nm"))
    found = []
    for compiler in known:
        if shutil.which(compiler.command[0]):
            found.append(compiler)
        else:
            print(f"skipped, not installed: {' '.join(compiler.command)} for {', '.join(compiler.isas)}")
    return found


def jobs() -> list[Job]:
    runtime = sorted((ROOT / "csrc/runtime").glob("*.c"))
    return [
        job
        for compiler in compilers()
        for job in [
            *(Job(compiler, ROOT / f"csrc/isa/{isa}.c", isa) for isa in compiler.isas),
            *(Job(compiler, source, None) for source in runtime),
        ]
    ]


def problem(job: Job) -> str | None:
    flags = SETUP["ISA_FLAGS"][job.isa] if job.isa else [f"-DFASTOPS_HAVE_{isa}" for isa in job.compiler.isas]
    with tempfile.TemporaryDirectory() as folder:
        target = f"{folder}/object.o"
        command = [*job.compiler.command, *FLAGS, *flags, "-c", str(job.source), "-o", target]
        compiled = subprocess.run(command, capture_output=True, text=True)
        if compiled.returncode or compiled.stderr:
            return compiled.stderr
        if not job.isa:
            return None
        listed = subprocess.run([job.compiler.nm, "--defined-only", target], capture_output=True, text=True, check=True)
    functions = [line.split()[-1] for line in listed.stdout.splitlines() if line.split()[-2] in "tTwW"]
    unnamed = [name for name in functions if (match := SUFFIX.search(name)) is None or match[1] != job.isa]
    if unnamed or not functions:
        return f"functions without _{job.isa} in their names: {', '.join(unnamed) or '(there is none)'}\n"
    return None


def main() -> int:
    failures = 0
    todo = jobs()
    with ThreadPoolExecutor() as pool:
        for job, found in zip(todo, pool.map(problem, todo), strict=True):
            print(f"{'FAILED' if found else 'ok    '} {job.name}")
            if found:
                failures += 1
                print(found, end="", file=sys.stderr)
    return 1 if failures or not todo else 0


if __name__ == "__main__":
    sys.exit(main())
