# SPDX-License-Identifier: BSD-3-Clause
"""The one extension. Metadata stands in pyproject.toml; here stands only what it cannot say: the kernels are compiled
once per instruction set, with that set's flags.

CC, CFLAGS and LDFLAGS are honoured: an -O or -g among CFLAGS replaces ours, the flags that decide results stay.
"""

import os
import runpy
import shlex
import sysconfig
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).parent
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
SOURCES = runpy.run_path(str(ROOT / "src/fastops/_sources.py"))
FINGERPRINT = SOURCES["fingerprint"](ROOT)

# Of the platform that is built for, which need not be the one that builds.
MACHINE = sysconfig.get_platform().rpartition("-")[2]
X86 = MACHINE in ("x86_64", "amd64")
ISA_FLAGS = {
    "base": ["-march=x86-64-v2"] if X86 else [],
    "x86v3": ["-march=x86-64-v3"],
    "x86v4": ["-march=x86-64-v4"],  # for tools/check_c.py: not shipped
    "neon": [],
}
ISAS = ["base", "x86v3"] if X86 else ["neon"] if MACHINE in ("aarch64", "arm64") else ["base"]

# No fused multiply-add that the source does not ask for: the same bits on every ISA. No -ffast-math, anywhere.
FLAGS = ["-std=c11", "-fvisibility=hidden", "-ffp-contract=off", "-fno-math-errno"]
DEFAULT_FLAGS = ["-O3", "-g0"]
WARNINGS = ["-Wall", "-Wextra"]

# The stable ABI (one wheel for all versions from 3.11 on) does not exist on free-threaded builds: there neither the
# macro may be defined nor the wheel tagged so.
LIMITED = not sysconfig.get_config_var("Py_GIL_DISABLED")


def flags():
    asked = shlex.split(os.environ.get("CFLAGS", ""))
    return FLAGS + [flag for flag in DEFAULT_FLAGS if not any(other.startswith(flag[:2]) for other in asked)]


class BuildPerISA(build_ext):
    """Compiles all files at once, those of csrc/isa with flags of their own, and links them."""

    def build_extension(self, ext):
        built = Path(self.get_ext_fullpath(ext.name))
        # By content, not by file times: going back to an older commit is a change too.
        content = built.read_bytes() if built.is_file() else b""
        if not self.force and FINGERPRINT.encode() in content and VERSION.encode() in content:
            return
        self.force = True
        # Some interpreters ask for a path of the machine that they were built on.
        self.compiler.linker_so = [flag for flag in self.compiler.linker_so if not flag.startswith("-Wl,-rpath")]
        jobs = [(source, flags()) for source in ext.sources]
        jobs += [(f"csrc/isa/{isa}.c", flags() + WARNINGS + ISA_FLAGS[isa]) for isa in ISAS]

        def compile_one(job):
            source, options = job
            return self.compiler.compile(
                [source],
                output_dir=self.build_temp,
                macros=ext.define_macros,
                include_dirs=ext.include_dirs,
                extra_postargs=options,
            )

        sources, ext.sources = ext.sources, []
        try:
            with ThreadPoolExecutor(self.parallel or os.cpu_count()) as pool:
                ext.extra_objects = [obj for objects in pool.map(compile_one, jobs) for obj in objects]
            super().build_extension(ext)  # nothing is left to compile: links
        finally:
            ext.sources = sources


def extension():
    return Extension(
        "fastops._fastops_core",
        ["src/fastops/_fastops_core.pyx", "csrc/runtime/dispatch.c", "csrc/runtime/threads.c"],
        include_dirs=["csrc", numpy.get_include()],
        depends=SOURCES["sources"](ROOT),
        define_macros=[
            ("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION"),
            ("NPY_TARGET_VERSION", "NPY_2_0_API_VERSION"),
            ("FASTOPS_VERSION", f'"{VERSION}"'),
            ("FASTOPS_FINGERPRINT", f'"{FINGERPRINT}"'),
            *((f"FASTOPS_HAVE_{isa}", None) for isa in ISAS),
            *([("Py_LIMITED_API", "0x030B0000")] if LIMITED else []),
        ],
        extra_link_args=["-pthread"],
        py_limited_api=LIMITED,
    )


if __name__ == "__main__":
    setup(
        ext_modules=cythonize([extension()], language_level=3),
        cmdclass={"build_ext": BuildPerISA},
        options={"bdist_wheel": {"py_limited_api": "cp311"}} if LIMITED else {},
    )
