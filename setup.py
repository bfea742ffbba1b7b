# SPDX-License-Identifier: BSD-3-Clause
"""The one extension. Metadata stands in pyproject.toml; here stands only what it cannot say: the kernels are compiled
once per instruction set, with that set's flags."""

import platform
import runpy
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
FINGERPRINT = runpy.run_path(str(ROOT / "src/fastops/_sources.py"))["fingerprint"](ROOT)

ISA_FLAGS = {
    "x86_64": {"base": ["-march=x86-64-v2"], "x86v3": ["-march=x86-64-v3"]},
    "amd64": {"base": ["-march=x86-64-v2"], "x86v3": ["-march=x86-64-v3"]},
    "aarch64": {"neon": []},
    "arm64": {"neon": []},
}.get(platform.machine().lower(), {"base": []})

# No fused multiply-add that the source does not ask for: the same bits on every ISA. No -ffast-math, anywhere.
FLAGS = ["-std=c11", "-O3", "-g0", "-fvisibility=hidden", "-ffp-contract=off", "-fno-math-errno"]
WARNINGS = ["-Wall", "-Wextra"]

# The stable ABI (one wheel for all versions from 3.11 on) does not exist on free-threaded builds.
LIMITED = not sysconfig.get_config_var("Py_GIL_DISABLED")

HEADERS = [str(p.relative_to(ROOT)) for pattern in ("*.h", "*.inc") for p in ROOT.glob(f"csrc/**/{pattern}")]
INCLUDED = [str(p.relative_to(ROOT)) for p in ROOT.glob("src/fastops/*.p[x][di]")]


class BuildPerISA(build_ext):
    def build_extension(self, ext):
        def compile_isa(isa):
            return self.compiler.compile(
                [f"csrc/isa/{isa}.c"],
                output_dir=self.build_temp,
                extra_postargs=FLAGS + WARNINGS + ISA_FLAGS[isa],
                depends=HEADERS,
            )

        with ThreadPoolExecutor() as pool:
            ext.extra_objects = [o for objects in pool.map(compile_isa, ISA_FLAGS) for o in objects]
        super().build_extension(ext)


core = Extension(
    "fastops._fastops_core",
    ["src/fastops/_fastops_core.pyx", "csrc/runtime/dispatch.c", "csrc/runtime/threads.c"],
    include_dirs=["csrc", numpy.get_include()],
    depends=HEADERS + INCLUDED + ["setup.py", *(f"csrc/isa/{isa}.c" for isa in ISA_FLAGS)],
    define_macros=[
        ("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION"),
        ("NPY_TARGET_VERSION", "NPY_2_0_API_VERSION"),
        ("FASTOPS_VERSION", f'"{VERSION}"'),
        ("FASTOPS_FINGERPRINT", f'"{FINGERPRINT}"'),
        *((f"FASTOPS_HAVE_{isa}", None) for isa in ISA_FLAGS),
        *([("Py_LIMITED_API", "0x030B0000")] if LIMITED else []),
    ],
    extra_compile_args=FLAGS,
    extra_link_args=["-pthread"],
    py_limited_api=LIMITED,
)

setup(
    ext_modules=cythonize([core], language_level=3),
    cmdclass={"build_ext": BuildPerISA},
    options={"bdist_wheel": {"py_limited_api": "cp311"}} if LIMITED else {},
)
