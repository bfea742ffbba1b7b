# SPDX-License-Identifier: BSD-3-Clause
"""What is built from what, and what is packed. Needs the source tree; tests marked wheel need dist/ (make wheel)."""

import email
import importlib.metadata
import runpy
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

import fastops
from fastops import _sources

ROOT = Path(__file__).parents[1]
if not (ROOT / "setup.py").is_file():
    pytest.skip("there is no source tree here", allow_module_level=True)

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
MAX_WHEEL_BYTES = 2_000_000

# ---- setup.py ------------------------------------------------------------------------------------------------------


@pytest.fixture
def setup_call(monkeypatch):
    """Run setup.py with another sysconfig, and return what it gives to setup()."""
    pytest.importorskip("Cython")
    monkeypatch.chdir(ROOT)

    def run(platform="linux-x86_64", **config):
        known = sysconfig.get_config_var
        calls = []
        monkeypatch.setattr("sysconfig.get_config_var", lambda name: config.get(name, known(name)))
        monkeypatch.setattr("sysconfig.get_platform", lambda: platform)
        monkeypatch.setattr("setuptools.setup", lambda **keywords: calls.append(keywords))
        monkeypatch.setattr("Cython.Build.cythonize", lambda extensions, **keywords: extensions)
        runpy.run_path(str(ROOT / "setup.py"), run_name="__main__")
        (call,) = calls
        (extension,) = call["ext_modules"]
        return call, extension

    return run


def test_with_a_gil_macro_and_tag_say_stable_abi(setup_call):
    call, extension = setup_call(Py_GIL_DISABLED=0)
    assert ("Py_LIMITED_API", "0x030B0000") in extension.define_macros
    assert extension.py_limited_api
    assert call["options"] == {"bdist_wheel": {"py_limited_api": "cp311"}}


def test_free_threaded_neither_macro_nor_tag_says_stable_abi(setup_call):
    call, extension = setup_call(Py_GIL_DISABLED=1)
    assert not [name for name, _ in extension.define_macros if name == "Py_LIMITED_API"]
    assert not extension.py_limited_api
    assert call["options"] == {}


@pytest.mark.parametrize(
    ("platform", "isas"),
    [
        ("linux-x86_64", {"base", "x86v3"}),
        ("macosx-11.0-arm64", {"neon"}),
        ("linux-aarch64", {"neon"}),
        ("linux-riscv64", {"base"}),
    ],
)
def test_isas_of_the_platform_that_is_built_for(setup_call, platform, isas):
    _, extension = setup_call(platform)
    assert {name for name, _ in extension.define_macros if name.startswith("FASTOPS_HAVE_")} == {
        f"FASTOPS_HAVE_{isa}" for isa in isas
    }


def test_cflags_replace_optimisation_but_not_what_results_depend_on(monkeypatch):
    pytest.importorskip("Cython")
    monkeypatch.setenv("CFLAGS", "-O1 -g -fsanitize=address")
    flags = runpy.run_path(str(ROOT / "setup.py"))["flags"]()
    assert "-ffp-contract=off" in flags
    assert not {"-O3", "-g0"} & set(flags)


# ---- the fingerprint of the sources --------------------------------------------------------------------------------


def test_fingerprint_covers_every_compiled_file():
    compiler = shutil.which("cc") or pytest.skip("no C compiler")
    units = [*sorted(ROOT.glob("csrc/runtime/*.c")), ROOT / "csrc/isa/base.c"]
    rules = subprocess.run(
        [compiler, "-MM", "-Icsrc", *units], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    read = {(ROOT / word).resolve() for word in rules.replace("\\\n", " ").split() if not word.endswith(":")}
    package = ROOT / "src/fastops"
    read |= {
        package / line.split('"')[1]
        for line in (package / "_fastops_core.pyx").read_text().splitlines()
        if line.startswith("include")
    }
    read |= {*package.glob("*.pyx"), *package.glob("*.pxd"), *(ROOT / "csrc/isa").glob("*.c"), ROOT / "setup.py"}
    assert len(read) > 20
    assert {str(file.relative_to(ROOT)) for file in read} <= set(_sources.sources(ROOT))


@pytest.fixture
def tree(tmp_path):
    """A copy of all that the fingerprint covers, and of the package with its shared object."""
    package = [*ROOT.glob("src/fastops/**/*.py"), *ROOT.glob("src/fastops/*.so")]
    for name in _sources.sources(ROOT) + [str(file.relative_to(ROOT)) for file in package]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def test_fingerprint_changes_with_each_file(tree):
    before = _sources.fingerprint(tree)
    assert before == _sources.fingerprint(ROOT)
    for name in _sources.sources(tree):
        file = tree / name
        content = file.read_bytes()
        file.write_bytes(content + b"\n")
        assert _sources.fingerprint(tree) != before, name
        file.write_bytes(content)
    (tree / "csrc/kernels/new.h").touch()
    assert _sources.fingerprint(tree) != before


def import_from(tree):
    command = [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(tree / 'src')!r}); import fastops"]
    return subprocess.run(command, capture_output=True, text=True)


def test_import_of_a_core_built_from_other_sources_is_an_error(tree):
    assert import_from(tree).returncode == 0
    with (tree / "csrc/fastops.h").open("a") as header:
        header.write("/* edited */\n")
    ran = import_from(tree)
    assert ran.returncode == 1
    assert "ImportError: the compiled core of fastops was built from other sources" in ran.stderr


# ---- what is installed ---------------------------------------------------------------------------------------------


def test_one_version():
    assert fastops.__version__ == PROJECT["version"] == importlib.metadata.version("fastops-kernels")


def test_instructions_in_functions_of_another_name_are_found():
    check = runpy.run_path(str(ROOT / "tools/check_symbols.py"))
    listing = """
0000000000001000 <add_x86v3>:
    1000:\tvfmadd213ps %ymm0,%ymm1,%ymm2
    1005:\tvaddps %zmm0,%zmm1,%zmm2
0000000000001010 <add_base>:
    1010:\taddps  %xmm0,%xmm1
0000000000001020 <add_x86v3.cold>:
    1020:\tvzeroupper
0000000000001030 <add_base.part.0>:
    1030:\tvfmadd213ss %xmm0,%xmm1,%xmm2
0000000000001040 <fastops_run>:
    1040:\tshlx   %rax,%rbx,%rcx
    1045:\tverr   %ax
0000000000001050 <fastops_plan>:
    1050:\tverr   %ax
    1055:\tret
"""
    bad, functions = check["misplaced"](listing.splitlines())
    assert sorted(bad) == ["add_base.part.0", "add_x86v3", "fastops_run"]
    assert functions == {"x86v3": 2, "base": 2, "common": 2}


# ---- dist/ ---------------------------------------------------------------------------------------------------------


def only(pattern):
    files = sorted((ROOT / "dist").glob(pattern))
    assert len(files) == 1, f"dist/{pattern}: {[file.name for file in files]}; make wheel makes one"
    return files[0]


@pytest.fixture(scope="module")
def wheel():
    with zipfile.ZipFile(only("*.whl")) as archive:
        yield archive


@pytest.fixture(scope="module")
def shared_object(wheel, tmp_path_factory):
    return wheel.extract("fastops/_fastops_core.abi3.so", tmp_path_factory.mktemp("wheel"))


@pytest.mark.wheel
def test_sdist_has_all_that_the_build_reads_and_nothing_built():
    with tarfile.open(only("*.tar.gz")) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    needed = set(_sources.sources(ROOT))
    needed |= {
        str(file.relative_to(ROOT)) for suffix in ("py", "pyi", "typed") for file in ROOT.glob(f"src/**/*.{suffix}")
    }
    needed |= {"pyproject.toml", "README.md", "LICENSE", "Makefile", "CHANGELOG.md", "docs/mitchell.md"}
    needed |= {"tests/test_packaging.py"}
    assert not needed - names
    assert not [name for name in names if name.endswith((".so", ".o", ".pyc", "_fastops_core.c"))]


@pytest.mark.wheel
def test_wheel_has_modules_stubs_and_one_shared_object_only(wheel):
    package = {name for name in wheel.namelist() if ".dist-info/" not in name}
    expected = {
        str(file.relative_to(ROOT / "src"))
        for suffix in ("py", "pyi", "typed")
        for file in ROOT.glob(f"src/fastops/**/*.{suffix}")
    }
    assert package == expected | {"fastops/_fastops_core.abi3.so"}


@pytest.mark.wheel
def test_wheel_is_small():
    assert only("*.whl").stat().st_size < MAX_WHEEL_BYTES


@pytest.mark.wheel
def test_wheel_is_tagged_for_the_stable_abi_alone(wheel):
    assert only("*.whl").name.startswith(f"fastops_kernels-{PROJECT['version']}-cp311-abi3-")
    (name,) = [name for name in wheel.namelist() if name.endswith(".dist-info/WHEEL")]
    tags = email.message_from_bytes(wheel.read(name)).get_all("Tag")
    assert len(tags) == 1
    assert tags[0].startswith("cp311-abi3-")


@pytest.mark.wheel
def test_wheel_keeps_the_symbol_table(shared_object):
    symbols = subprocess.run(["nm", shared_object], capture_output=True, text=True, check=True).stdout
    assert " fastops_table_base" in symbols or " fastops_table_neon" in symbols


@pytest.mark.wheel
def test_shared_object_needs_the_c_library_alone_and_names_no_folder(shared_object):
    dynamic = subprocess.run(["readelf", "-d", shared_object], capture_output=True, text=True, check=True).stdout
    needed = {line.split("[")[1].split(".so")[0] for line in dynamic.splitlines() if "(NEEDED)" in line}
    assert {name.partition("-")[0] for name in needed} <= {"libc", "libm", "libpthread", "ld"}
    assert "RPATH" not in dynamic
    assert "RUNPATH" not in dynamic
    assert str(ROOT).encode() not in Path(shared_object).read_bytes()
