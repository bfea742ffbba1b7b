# SPDX-License-Identifier: BSD-3-Clause
"""The command: arguments, exit codes, what goes to which stream."""

import io
import json
import subprocess
import sys
import types

import pytest

import fastops
from fastops import cli
from fastops.report import SECTIONS
from fastops.report.progress import Progress

COMMANDS = ("report", "info", "bench", "selftest")


def run(code_or_arguments, **options):
    """A fresh interpreter with that code, or with ``python -m fastops`` and those arguments."""
    tail = ["-c", code_or_arguments] if isinstance(code_or_arguments, str) else ["-m", "fastops", *code_or_arguments]
    return subprocess.run([sys.executable, *tail], capture_output=True, text=True, check=False, timeout=60, **options)


@pytest.fixture
def selftest(monkeypatch):
    """Let the command find these results."""

    def put(*results):
        module = types.ModuleType("fastops._selftest")
        module.selftest = lambda: list(results)
        monkeypatch.setitem(sys.modules, "fastops._selftest", module)

    return put


# ---- arguments -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS)
def test_help(command, capsys):
    with pytest.raises(SystemExit) as exit:
        cli.main([command, "--help"])
    assert exit.value.code == 0
    out = capsys.readouterr().out
    assert f"usage: python -m fastops {command}" in out
    assert "--json" in out


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ([], "COMMAND"),
        (["nothing"], "nothing"),
        (["info", "--nothing"], "--nothing"),
        (["report", "--only", "nothing"], "nothing"),
    ],
)
def test_wrong_arguments(arguments, word, capsys):
    with pytest.raises(SystemExit) as exit:
        cli.main(arguments)
    assert exit.value.code == 2
    streams = capsys.readouterr()
    assert streams.out == ""
    assert word in streams.err


def test_import_brings_nothing_heavy():
    result = run(
        "import sys, fastops; before = set(sys.modules); import fastops.cli; fastops.cli._parser();"
        "print(*sorted(m for m in set(sys.modules) - before if m.split('.')[0] in "
        "{'rich', 'matplotlib', 'subprocess', 'tempfile'} or m.startswith('fastops.report.')))"
    )
    assert result.stdout == "\n", result.stdout + result.stderr


# ---- info, selftest ------------------------------------------------------------------------------------------------


def test_info(capsys):
    assert cli.main(["info"]) == 0
    assert capsys.readouterr().out.startswith("fastops ")


def test_info_as_json(capsys):
    assert cli.main(["info", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == fastops.runtime_info()


def test_module_runs_the_command():
    result = run(["info", "--json"])
    assert result.returncode == 0
    assert result.stderr == ""
    assert json.loads(result.stdout)["fastops"] == fastops.__version__


def test_selftest_passes(selftest, capsys):
    selftest(("a", "base", True, ""), ("a", "x86v3", True, ""))
    assert cli.main(["selftest"]) == 0
    assert capsys.readouterr().out == "2 of 2 checks passed on base, x86v3\n"


def test_selftest_fails(selftest, capsys):
    selftest(("a", "base", True, ""), ("b", "base", False, "3 of 4 differ"))
    assert cli.main(["selftest"]) == 1
    assert capsys.readouterr().out == "FAILED b on base: 3 of 4 differ\n1 of 2 checks passed on base\n"


def test_selftest_as_json(selftest, capsys):
    selftest(("b", "base", False, "bits"))
    assert cli.main(["selftest", "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == [{"case": "b", "isa": "base", "ok": False, "detail": "bits"}]


def test_selftest_without_checks_is_a_failure(selftest):
    selftest()
    assert cli.main(["selftest"]) == 1


# ---- bench ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A source tree with benchmarks; the processes that would be started are returned instead."""
    (tmp_path / "bench").mkdir()
    (tmp_path / "bench" / "table.py").touch()
    monkeypatch.setattr(cli, "__file__", str(tmp_path / "src" / "fastops" / "cli.py"))
    monkeypatch.setitem(sys.modules, "pytest_benchmark", types.ModuleType("pytest_benchmark"))
    sys.modules["pytest_benchmark"].__spec__ = object()
    started = []

    def start(arguments, **options):
        started.append(arguments[1:])
        for argument in arguments:
            if argument.startswith("--benchmark-json="):
                with open(argument.partition("=")[2], "w") as file:
                    file.write('{"benchmarks": []}')
        return types.SimpleNamespace(returncode=start.code)

    start.code = 0
    started_and_code = types.SimpleNamespace(started=started, start=start, root=tmp_path)
    monkeypatch.setattr(subprocess, "run", start)
    return started_and_code


def test_bench_runs_and_writes_the_table(checkout):
    assert cli.main(["bench"]) == 0
    pytest_arguments, table_arguments = checkout.started
    assert pytest_arguments[:3] == ["-m", "pytest", "bench"]
    assert table_arguments[0] == "bench/table.py"
    assert table_arguments[-1] == "README.md"


def test_bench_as_json_leaves_the_readme(checkout, capsys):
    assert cli.main(["bench", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"benchmarks": []}
    assert len(checkout.started) == 1


def test_bench_that_fails_writes_no_table(checkout):
    checkout.start.code = 1
    assert cli.main(["bench"]) == 1
    assert len(checkout.started) == 1


def test_bench_outside_a_checkout(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(cli, "__file__", str(tmp_path / "site-packages" / "fastops" / "cli.py"))
    assert cli.main(["bench"]) == 2
    assert one_line(capsys).startswith("fastops: bench needs a source checkout")


def test_bench_without_its_plugin(checkout, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "pytest_benchmark", None)
    assert cli.main(["bench"]) == 2
    assert "pip install pytest-benchmark" in one_line(capsys)


def one_line(capsys):
    streams = capsys.readouterr()
    assert streams.out == ""
    assert streams.err.count("\n") == 1
    return streams.err


# ---- report: what stops it -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", ["rich", "matplotlib"])
def test_report_without_an_extra(missing, tmp_path):
    result = run(
        f"import sys; sys.modules[{missing!r}] = None; from fastops.cli import main; sys.exit(main(['report']))",
        cwd=tmp_path,
    )
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr == f"fastops: {missing} is not installed: pip install 'fastops-kernels[report]'\n"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("option", ["--html", "--json-file"])
def test_report_into_a_missing_folder(option, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["report", option, "missing/file"]) == 2
    assert one_line(capsys) == "fastops: cannot write missing/file\n"


@pytest.fixture
def empty_report(monkeypatch, tmp_path):
    """Sections that are there at once, in a folder of their own."""
    from fastops import report

    monkeypatch.chdir(tmp_path)
    names = []

    def run(chosen, *, quick, step, model):
        names.extend(chosen)
        step("working")
        return report.Report({}, fastops.runtime_info(), quick, "2000-01-01T00:00:00Z", 0.0)

    monkeypatch.setattr(report, "run", run)
    return names


def test_report_writes_where_it_is_told(empty_report, tmp_path, capsys):
    assert cli.main(["report", "--html", "a.html", "--json-file", "b.json"]) == 0
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.html", "b.json"]
    assert tuple(empty_report) == SECTIONS
    streams = capsys.readouterr()
    assert streams.out.endswith("Wrote a.html and b.json.\n")
    assert streams.err == ""  # no progress where there is no terminal


def test_report_of_one_section(empty_report):
    assert cli.main(["report", "--only", "rope", "--only", "rope"]) == 0
    assert empty_report == ["rope"]


def test_report_as_json(empty_report, tmp_path, capsys):
    assert cli.main(["report", "--json"]) == 0
    out = capsys.readouterr().out
    assert json.loads(out)["schema"] == 1
    assert (tmp_path / "report.json").read_text() == out


# ---- streams -------------------------------------------------------------------------------------------------------


def test_progress_is_drawn_on_a_terminal_only_and_wiped():
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    for stream, shown in ((Terminal(), True), (io.StringIO(), False)):
        with Progress(stream) as progress:
            progress.step("a long step")
            progress.step("short")
        text = stream.getvalue()
        assert ("a long step" in text) == shown
        assert text == "" or text.endswith("\r")
        assert text == "" or text.rsplit("\r", 2)[-2].strip() == ""


def test_interrupt_ends_quietly(monkeypatch, capsys):
    def interrupt():
        raise KeyboardInterrupt

    monkeypatch.setattr(fastops.runtime, "show_runtime", interrupt)
    assert cli.main(["info"]) == 130
    assert capsys.readouterr() == ("", "")


def test_closed_pipe_ends_quietly():
    process = subprocess.Popen(
        [sys.executable, "-m", "fastops", "info"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdout.close()
    error = process.stderr.read()
    process.stderr.close()
    assert process.wait(60) == 141
    assert error == b""


def test_streams_without_unicode_do_not_fail(tmp_path):
    code = (
        "from fastops import cli, runtime; runtime.show_runtime = lambda: print('\\u00b5'); "
        "raise SystemExit(cli.main(['info']))"
    )
    result = run(code, env={"PYTHONIOENCODING": "ascii", "PYTHONPATH": ":".join(sys.path)})
    assert (result.returncode, result.stdout, result.stderr) == (0, "?\n", "")
