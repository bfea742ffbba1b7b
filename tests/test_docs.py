# SPDX-License-Identifier: BSD-3-Clause
"""What the documents of the source tree say is true: their examples run, and the files they name are there."""

import doctest
import re
import runpy
from pathlib import Path

import numpy as np
import pytest

import fastops
from fastops import mitchell

ROOT = Path(__file__).parents[1]
DOCUMENTS = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "docs/mitchell.md"]
if not (ROOT / "README.md").is_file():
    pytest.skip("there is no source tree here", allow_module_level=True)


def blocks(document, language):
    """(line, text) of the fenced blocks of one language."""
    text = (ROOT / document).read_text()
    for match in re.finditer(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
        yield text.count("\n", 0, match.start()) + 1, match[1]


@pytest.fixture
def thread_count():
    before = fastops.get_num_threads()
    yield
    fastops.set_num_threads(before)


@pytest.mark.usefixtures("thread_count")
@pytest.mark.parametrize("document", ["README.md", "docs/mitchell.md"])
def test_examples_run(document):
    parser, names = doctest.DocTestParser(), {}
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    examples = 0
    for line, text in blocks(document, "python"):
        test = parser.get_doctest(text, names, document, document, line)
        examples += len(test.examples)
        printed = []
        runner.run(test, out=printed.append, clear_globs=False)
        names = test.globs
        assert not runner.failures, "".join(printed)
    assert examples


def test_readme_opens_with_six_lines_of_use_and_two_commands():
    (_, use), *_ = blocks("README.md", "python")
    (_, commands), *_ = blocks("README.md", "sh")
    assert use.count(">>> ") == 6
    assert [line.split("#")[0].strip() for line in commands.splitlines()] == ["make demo", "make test"]


def test_readme_has_a_place_for_the_benchmark_table():
    text = (ROOT / "README.md").read_text()
    assert re.search(r"^<!-- bench:begin -->\n.*^<!-- bench:end -->\n", text, re.DOTALL | re.MULTILINE)


def test_readme_lists_the_environment_variables_that_are_read():
    sources = "".join(file.read_text() for file in (ROOT / "csrc/runtime").glob("*.c"))
    read = set(re.findall(r'"((?:FASTOPS|OMP)_[A-Z_]+)"', sources))
    assert read
    listed = set(re.findall(r"^\| `([A-Z_]+)` \|", (ROOT / "README.md").read_text(), re.MULTILINE))
    assert listed == read


@pytest.mark.parametrize("document", DOCUMENTS)
def test_named_files_and_targets_exist(document):
    text = (ROOT / document).read_text()
    paths = re.findall(r"`((?:csrc|src|tests|bench|tools|docs|\.ci)/[\w./]*)`", text) + re.findall(
        r"\]\(([\w.]+)\)", text
    )
    assert not [path for path in paths if not (ROOT / path).exists() and not re.search("NAME|MODULE", path)]
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"`?make ([a-z]+)", "\n".join(re.findall(r"`[^`]+`|^make .*$", text, re.MULTILINE))))
    assert not [target for target in targets if not re.search(rf"^{target}:", makefile, re.MULTILINE)]


# ---- docs/mitchell.md ----------------------------------------------------------------------------------------------


def cells(document, head):
    """The rows of the table that begins with that cell, without the head."""
    lines = (ROOT / document).read_text().splitlines()
    begin = next(i for i, line in enumerate(lines) if line.startswith(f"| {head} |"))
    end = next(i for i, line in enumerate(lines) if i > begin and not line.startswith("|"))
    return [tuple(line.strip("| ").split(" | ")) for line in lines[begin + 2 : end]]


def test_table_of_errors_is_what_its_tool_gives():
    tool = runpy.run_path(str(ROOT / "tools/error_table.py"))
    found = {(title, name): figures for title, types, *figures in cells("docs/mitchell.md", "function")
             for name in types.split(", ")}  # fmt: skip
    titles = {name.split(",")[0] for name, *_ in tool["ENTRIES"]}
    assert {title.split(",")[0].strip("`") for title, _ in found} == titles
    assert len(found) == sum(len(types) for *_, types in tool["ENTRIES"])
    slow = {"float64", "float16", "uint16", "int16"}
    fast = [(*entry, tuple(t for t in types if t not in slow)) for *entry, types in tool["ENTRIES"]]
    for title, dtype, figures in tool["rows"](fast):
        assert found[title, dtype] == list(figures), (title, dtype)


def test_table_of_special_values_is_true():
    info = np.finfo(np.float32)
    names = {"NaN": np.nan, "inf": np.inf, "subnormal": 1e-40, "largest": info.max, "smallest": info.tiny}
    names |= {"largest / 2": info.max / 2, "2 smallest": 2 * info.tiny}
    rows = cells("docs/mitchell.md", "x")
    assert len(rows) > 10
    for row in rows:
        x, y, product, quotient = (np.float32(names[cell] if cell in names else float(cell)) for cell in row)
        for sign in (1, -1):
            got = mitchell.multiply(x, sign * y), mitchell.divide(x, sign * y)
            for value, want in zip(got, (product, quotient), strict=True):
                assert np.array_equal(value, sign * want, equal_nan=True), row
                assert np.isnan(want) or np.signbit(value) == (sign < 0), row
