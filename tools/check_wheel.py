# SPDX-License-Identifier: BSD-3-Clause
"""Installs a wheel into a new environment of every supported Python found, and runs the suite on it there.

    python tools/check_wheel.py dist/NAME.whl

The tests are copied out of the source tree, so that what they import is the wheel. The first Python found also gets
the oldest NumPy that the package asks for.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
VERSIONS = ["3.11", "3.12", "3.13"]
OLDEST_NUMPY = "numpy==2.0.*"

# These look at the source tree, at other packages, or at code that does not use the compiled core.
NOT_COPIED = shutil.ignore_patterns(
    "__pycache__",
    "c",
    "typing",
    *(f"test_{name}.py" for name in ("bench", "c", "docs", "oracle_*", "packaging", "reference*")),
)

# These walk through values. The compiled core is one file for all Pythons: on the first one is enough.
WALKS = ("attention", "kernels", "matmul", "mitchell", "mitchell_functions")
VALUES = [f"--ignore=tests/test_{name}.py" for name in WALKS]

SMOKE = """
import sys
import numpy as np
import fastops
assert fastops.__file__.startswith(sys.prefix), fastops.__file__
assert ("ml_dtypes" in sys.modules) == ("alone" not in sys.argv)
assert fastops.mitchell.multiply(1.5, 1.5) == 2
cos, sin = fastops.rope.table(np.arange(3), fastops.rope.frequencies(8))
x = np.ones((3, 8), np.float32)
assert np.allclose(fastops.rope.rotate(fastops.rope.rotate(x, cos, sin), cos, sin, inverse=True), x)
print("import: Python", sys.version.split()[0], "NumPy", np.__version__, "ISA", fastops.runtime_info()["isa"])
"""


def interpreter(version: str) -> str | None:
    """A Python of that version which can make environments: on the PATH, or one of pyenv's."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    candidates = [shutil.which(f"python{version}"), *sorted(map(str, pyenv.glob(f"versions/{version}.*/bin/python")))]
    question = "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"
    for candidate in filter(None, candidates):
        answer = subprocess.run([candidate, "-c", question], capture_output=True, text=True)
        if answer.returncode == 0 and answer.stdout.strip() == version:
            return candidate
    return None


def run(*command: str, cwd: Path) -> str:
    """Output of a command; ends the program if it fails."""
    ran = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    if ran.returncode:
        print(ran.stdout, ran.stderr, sep="\n")
        raise SystemExit(f"failed: {' '.join(command[:4])} ...")
    return ran.stdout.strip()


def check(wheel: Path, base: str, folder: Path, first: bool) -> None:
    """Import in a clean environment, then the suite with what it needs; first: with the oldest NumPy too."""
    python = str(folder / "venv/bin/python")
    pip = [python, "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    suite = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"]
    run(base, "-m", "venv", "venv", cwd=folder)
    run(*pip, "--upgrade", "pip>=25.1", cwd=folder)
    run(*pip, str(wheel), cwd=folder)
    print(" ", run(python, "-I", "-c", SMOKE, "alone", cwd=folder), flush=True)

    shutil.copytree(ROOT / "tests", folder / "tests", ignore=NOT_COPIED)
    shutil.copy(ROOT / "pyproject.toml", folder)
    run(*pip, f"{wheel}[lowp,report]", "--group", f"{folder}/pyproject.toml:test", cwd=folder)
    print("  suite:", run(*suite, *([] if first else VALUES), cwd=folder).splitlines()[-1], flush=True)
    if first:
        run(*pip, "--only-binary=:all:", OLDEST_NUMPY, cwd=folder)
        print(" ", run(python, "-I", "-c", SMOKE, cwd=folder), flush=True)
        print("  suite:", run(*suite, *VALUES, cwd=folder).splitlines()[-1], flush=True)


def main(wheel: Path) -> str | None:
    found = {version: python for version in VERSIONS if (python := interpreter(version))}
    for version in VERSIONS:
        if version not in found:
            print(f"Python {version}: not found, not tried")
    if not found:
        return "no Python to try the wheel on"
    for number, (version, base) in enumerate(found.items()):
        start = time.monotonic()
        print(f"Python {version}:", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            check(wheel.resolve(), base, Path(folder), first=number == 0)
        print(f"  {time.monotonic() - start:.0f} s", flush=True)
    print(f"{wheel.name}: passed on Python {', '.join(found)}")
    return None


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
