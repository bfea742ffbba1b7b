# SPDX-License-Identifier: BSD-3-Clause
"""The kernel list, the cases, the references, the public names, the stubs and the docstrings agree."""

import ast
import doctest
import inspect
import re

import numpy as np
import pytest

import fastops
from fastops import _fastops_core as core
from fastops import reference
from fastops._case import DTYPES
from fastops._cases import CASES
from support import PACKAGE

MODULES = {name: getattr(fastops, name) for name in fastops.__all__ if inspect.ismodule(getattr(fastops, name))}
MATHEMATICS = [module for name, module in MODULES.items() if name != "runtime"]
PUBLIC = [(module, name) for module in MODULES.values() for name in module.__all__]
CLASSES = [getattr(module, name) for module, name in PUBLIC if inspect.isclass(getattr(module, name))]
BOUND = ("self", "cls")
METHODS = [
    (cls, name)
    for cls in CLASSES
    for name, value in vars(cls).items()
    if inspect.isroutine(value) and (name == "__call__" or not name.startswith("_"))
]


def short(owner):
    """Of a module or class."""
    return owner.__name__.rpartition(".")[2]


every_name = pytest.mark.parametrize(("owner", "name"), PUBLIC, ids=[f"{short(m)}.{name}" for m, name in PUBLIC])
every_module = pytest.mark.parametrize("module", MODULES.values(), ids=MODULES)


def sections(text):
    """The sections of a numpydoc docstring: heading -> lines."""
    parts = re.split(r"^ *([A-Z]\w+)\n *-{3,}\n", inspect.cleandoc(text or ""), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def parameters(function):
    """Names of a function's parameters; of a ufunc those that are positional."""
    if isinstance(function, np.ufunc):
        return ["x", "y", "k" if function.__name__.endswith("ilm") else "c"][: function.nin]
    return [name for name in inspect.signature(function).parameters if name not in BOUND]


# ---- kernels, cases, references -------------------------------------------------------------------------------------


def test_every_kernel_has_a_case_and_every_case_a_kernel():
    assert {case.kernel for case in CASES} == set(core._kernels())


def test_every_element_type_is_known():
    assert {name for types in core._kernels().values() for name in types} <= set(DTYPES)


def test_names_of_cases_are_public_functions_and_unique():
    assert len({case.name for case in CASES}) == len(CASES)
    for case in CASES:
        module, name = case.name.split(".")
        assert name in MODULES[module].__all__
        assert getattr(MODULES[module], name) is case.function


def test_every_case_is_timed_on_types_that_it_has():
    for case in CASES:
        assert case.benchmarks, case.name
        assert all(benchmark.type in case.types for benchmark in case.benchmarks)
        labels = [benchmark.label for benchmark in case.benchmarks]
        assert len(set(labels)) == len(labels)


@pytest.mark.parametrize("module", MATHEMATICS, ids=short)
def test_every_function_of_a_kernel_has_a_reference_and_every_reference_a_function(module):
    functions = {name for name in module.__all__ if not inspect.isclass(getattr(module, name))}
    of_kernels = {case.name.partition(".")[2] for case in CASES if case.name.startswith(short(module) + ".")}
    assert of_kernels <= set(getattr(reference, short(module)).__all__) <= functions


@pytest.mark.parametrize("module", MATHEMATICS, ids=short)
def test_every_function_of_the_core_has_a_case(module):
    functions = {getattr(module, name) for name in module.__all__ if getattr(module, name) in vars(core).values()}
    assert functions <= {case.function for case in CASES if case.name.startswith(short(module) + ".")}


# ---- public names and stubs -----------------------------------------------------------------------------------------


@every_module
def test_all_lists_exactly_the_public_names(module):
    ours = {
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and (inspect.isroutine(value) or inspect.isclass(value) or isinstance(value, np.ufunc))
        and (getattr(value, "__module__", "") or module.__name__).startswith("fastops")
    }
    assert ours == set(module.__all__)
    assert sorted(module.__all__) == list(module.__all__)


def test_the_package_exports_what_it_lists():
    assert all(hasattr(fastops, name) for name in fastops.__all__)
    assert {"mitchell", "rope", "runtime", "__version__"} <= set(fastops.__all__)


def stub(name):
    file = PACKAGE / name / "__init__.pyi" if (PACKAGE / name).is_dir() else PACKAGE / f"{name}.pyi"
    if not file.is_file():
        pytest.skip(f"{file.name} does not exist")
    return ast.parse(file.read_text())


def defined(tree):
    """Public names of a stub -> its nodes (several for overloads)."""
    found = {}
    for node in tree.body:
        names = [node.name] if isinstance(node, ast.FunctionDef | ast.ClassDef) else []
        names += [node.target.id] if isinstance(node, ast.AnnAssign) else []
        if isinstance(node, ast.ImportFrom) and node.level == 1:  # "import a as a": what another stub defines
            found |= {alias.name: defined(stub(node.module))[alias.name] for alias in node.names if alias.asname}
        for name in names:
            found.setdefault(name, []).append(node)
    return {name: nodes for name, nodes in found.items() if not name.startswith("_")}


@every_module
def test_stubs_have_the_public_names(module):
    assert set(defined(stub(short(module)))) == set(module.__all__)


@pytest.mark.parametrize(
    ("owner", "name"),
    [*((m, n) for m, n in PUBLIC if inspect.isroutine(getattr(m, n))), *METHODS],
    ids=lambda value: value if isinstance(value, str) else short(value),
)
def test_stubs_have_the_parameters_of_the_functions(owner, name):
    module = owner if inspect.ismodule(owner) else inspect.getmodule(owner)
    body = defined(stub(short(module)))
    nodes = (
        body[name]
        if inspect.ismodule(owner)
        else [n for n in body[owner.__name__][0].body if getattr(n, "name", "") == name]
    )
    signature = [p for p in inspect.signature(getattr(owner, name)).parameters.values() if p.name not in BOUND]
    assert nodes
    for node in nodes:
        positional = [a.arg for a in (*node.args.posonlyargs, *node.args.args) if a.arg not in BOUND]
        by_name = [a.arg for a in node.args.kwonlyargs]
        assert positional == [p.name for p in signature if p.kind != p.KEYWORD_ONLY]
        assert set(by_name) <= {p.name for p in signature if p.kind == p.KEYWORD_ONLY}
    listed = {a.arg for node in nodes for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)}
    assert listed - set(BOUND) == {p.name for p in signature}


# ---- docstrings -----------------------------------------------------------------------------------------------------


@every_name
def test_docstrings_say_what_a_reader_needs(owner, name):
    found = sections(getattr(owner, name).__doc__)
    if inspect.isclass(getattr(owner, name)):
        assert {"Parameters", "Attributes"} & set(found)
        return
    assert "Examples" in found
    if owner in MATHEMATICS:
        assert {"Parameters", "Returns"} <= set(found)
    described = found.get("Parameters", "")
    for parameter in parameters(getattr(owner, name)):
        assert re.search(rf"^(\w+, )*{parameter}(, \w+)*( :|$)", described, re.MULTILINE), (
            f"{parameter} is not described"
        )


@pytest.mark.parametrize(("owner", "name"), METHODS, ids=[f"{short(cls)}.{name}" for cls, name in METHODS])
def test_docstrings_of_methods(owner, name):
    found = sections(getattr(owner, name).__doc__)
    assert {"Parameters", "Returns"} <= set(found)
    for parameter in parameters(getattr(owner, name)):
        assert re.search(rf"^(\w+, )*{parameter}(, \w+)* :", found["Parameters"], re.MULTILINE)


@every_name
def test_examples_of_docstrings_are_true(owner, name):
    # pytest --doctest-modules does not see those of the core and of ufuncs
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    runner, before = doctest.DocTestRunner(optionflags=flags), fastops.get_num_threads()
    test = doctest.DocTestParser().get_doctest(getattr(owner, name).__doc__ or "", {}, name, None, None)
    printed = []
    runner.run(test, out=printed.append)
    fastops.set_num_threads(before)
    assert not runner.failures, "".join(printed)
    assert test.examples or inspect.isclass(getattr(owner, name))
