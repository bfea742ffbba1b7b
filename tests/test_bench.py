# SPDX-License-Identifier: BSD-3-Clause
"""The benchmarks run, and their table says what they found."""

import json
import os
import runpy
import subprocess
import sys

import pytest

from support import IN_SOURCE_TREE, PACKAGE, ROOT

pytestmark = pytest.mark.skipif(not IN_SOURCE_TREE, reason="needs the source tree")


@pytest.fixture
def table():
    return runpy.run_path(str(ROOT / "bench/table.py"))


def entry(who, threads, best, median, rate=1.0, group="rope.rotate f32"):
    unit = "Gproducts/s" if "matmul" in group else "GB/s"
    info = {"who": who, "threads": threads, "isa": "base", "numpy": "2.0", unit: rate}
    return {"group": group, "extra_info": info, "stats": {"min": best, "median": median}}


REPORT = {
    "datetime": "2001-02-03T04:05:06",
    "machine_info": {"cpu": {"brand_raw": "Some CPU"}},
    "benchmarks": [
        entry("np.copyto", 1, 2e-3, 4e-3),
        entry("reference", 1, 1e-1, 1e-1),
        entry("fastops", 1, 3e-3, 4e-3, 7.0),
        entry("fastops", 2, 1e-3, 2e-3, 21.0),
        entry("np.matmul", 1, 4e-6, 4e-6, group="mitchell.matmul"),
        entry("np.matmul", 2, 2e-6, 2e-6, group="mitchell.matmul"),
        entry("fastops", 1, 3e-6, 3e-6, group="mitchell.matmul"),
        entry("fastops", 2, 3e-6, 3e-6, group="mitchell.matmul"),
    ],
}


def test_table_has_a_row_for_each_baseline_and_marks_losses(table):
    text = table["table"](REPORT)
    rows = [line for line in text.splitlines() if line.startswith("|")][2:]
    assert rows == [
        "| rope.rotate f32 | `np.copyto` | 2 ms | 3 ms | **1.50 (1.00)** | 1 ms | 0.50 (0.50) | 21 GB/s |",
        "| rope.rotate f32 | `reference` | 100 ms | 3 ms | 0.03 (0.04) | 1 ms | 0.01 (0.02) | 21 GB/s |",
        "| mitchell.matmul | `np.matmul` | 4 us | 3 us | 0.75 (0.75) | 3 us | **1.50 (1.50)** | 1 Gproducts/s |",
    ]
    assert "2001-02-03: Some CPU, instruction set base, NumPy 2.0" in text


def test_table_replaces_what_is_between_the_marks(table, tmp_path):
    readme, figures = tmp_path / "README.md", tmp_path / "bench.json"
    figures.write_text(json.dumps(REPORT))
    readme.write_text("above\n<!-- bench:begin -->\nold\n<!-- bench:end -->\nbelow\n")
    for _ in range(2):
        subprocess.run([sys.executable, ROOT / "bench/table.py", figures, readme], check=True)
        lines = readme.read_text().splitlines()
        assert lines[:2] == ["above", "<!-- bench:begin -->"]
        assert lines[-2:] == ["<!-- bench:end -->", "below"]
        assert "\n".join(lines[2:-2]) == table["table"](REPORT)


@pytest.mark.parametrize("text", ["", "<!-- bench:begin -->", "<!-- bench:end -->\n<!-- bench:begin -->"])
def test_a_readme_without_a_place_for_the_table_stays_as_it_is(table, tmp_path, text):
    readme = tmp_path / "README.md"
    readme.write_text(text)
    with pytest.raises(SystemExit, match="bench:begin"):
        table["write"](readme, "new")
    assert readme.read_text() == text


def test_the_benchmarks_run():
    command = [sys.executable, "-m", "pytest", "-q", "bench", "--benchmark-disable", "-p", "no:cacheprovider"]
    environment = os.environ | {"PYTHONPATH": str(PACKAGE.parent)}
    chosen = ["-k", "rotate_qk or table or zeros or matmul"]
    done = subprocess.run([*command, *chosen], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
