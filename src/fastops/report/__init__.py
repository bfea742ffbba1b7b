# SPDX-License-Identifier: BSD-3-Clause
"""What the package does on this machine: its errors beside its times, with pictures.

A section is one module of this folder with one function ``section(context) -> Section``, and one line in `SECTIONS`.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

__all__ = ["SECTIONS", "Column", "Context", "Missing", "Picture", "Report", "Section", "Table", "require", "run"]

SECTIONS = (
    "model",
    "attention",
    "mitchell",
    "rope",
)


class Missing(Exception):
    """Something that a section needs is not installed; the message is one line that says how to get it."""


@dataclass(frozen=True)
class Column:
    """Title and meaning of one column.

    The kinds: "text"; "count"; "time" in seconds; "ratio" of two times, ours first, so above 1 is a loss; "rate" in
    bytes per second, shown in GB/s; "percent" of a fraction; "error", a small number.
    """

    title: str
    kind: str = "text"


@dataclass(frozen=True)
class Table:
    """Rows hold plain values, None where there is nothing; each kind of column has its unit."""

    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Any]]


@dataclass(frozen=True)
class Picture:
    """An svg element for a page, without references to anything outside it."""

    caption: str
    svg: str


@dataclass(frozen=True)
class Section:
    """Paragraphs of text, with `names` in backquotes; figures is flat, for programs."""

    title: str
    text: Sequence[str]
    tables: Sequence[Table] = ()
    pictures: Sequence[Picture] = ()
    figures: dict[str, float | int | str | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Context:
    """What sections are given.

    Attributes
    ----------
    quick : bool
        Fewer samples, for a first look.
    step : callable
        To be told in a few words what is done now.
    model : Path, optional
        Folder of a BERT checkpoint; default: the one that a package carries.
    """

    quick: bool = False
    step: Callable[[str], None] = lambda what: None
    model: Path | None = None

    @property
    def seconds(self) -> float:
        """How long one comparison of times may take."""
        return 0.2 if self.quick else 0.8


@dataclass(frozen=True)
class Report:
    sections: dict[str, Section]
    runtime: dict[str, Any]
    quick: bool
    created: str  # UTC, ISO 8601
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """What report.json holds."""
        return {
            "schema": 1,
            "created": self.created,
            "quick": self.quick,
            "seconds": round(self.seconds, 1),
            "runtime": self.runtime,
            "sections": {
                name: {
                    "title": section.title,
                    "text": list(section.text),
                    "tables": [
                        {
                            "title": table.title,
                            "columns": [{"title": column.title, "kind": column.kind} for column in table.columns],
                            "rows": [list(row) for row in table.rows],
                        }
                        for table in section.tables
                    ],
                    "figures": section.figures,
                }
                for name, section in self.sections.items()
            },
        }


def require(*modules: str, extra: str = "report") -> None:
    """Raise Missing if one of the modules is not installed."""
    for module in modules:
        if find_spec(module) is None:
            raise Missing(f"{module} is not installed: pip install 'fastops-kernels[{extra}]'")


def run(
    names: Iterable[str] = SECTIONS,
    *,
    quick: bool = False,
    step: Callable[[str], None] | None = None,
    model: Path | None = None,
) -> Report:
    """Run the sections of those names; step, if given, is told what is done now."""
    import fastops

    require("rich", "matplotlib")
    names = list(names)
    start = time.perf_counter()
    created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    sections = {}
    for number, name in enumerate(names, 1):

        def report_step(what: str, prefix: str = f"[{number}/{len(names)}] {name}: ") -> None:
            if step is not None:
                step(prefix + what)

        section = import_module(f".{name}", __name__).section
        sections[name] = section(Context(quick, report_step, model))
    return Report(sections, fastops.runtime_info(), quick, created, time.perf_counter() - start)
