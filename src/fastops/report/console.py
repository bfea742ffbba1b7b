# SPDX-License-Identifier: BSD-3-Clause
"""A report on a terminal, and as plain text where there is none."""

import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING, TextIO

from . import Report, Section, Table
from .format import is_loss, is_text, machine, paragraph, title, value

if TYPE_CHECKING:  # rich is imported when it is used
    from rich.console import Console

__all__ = ["LOSS", "show"]

LOSS = "slower"  # what marks a ratio above 1
_WIDTH = 100  # of paragraphs


def show(report: Report, stream: TextIO) -> None:
    """Print the report: with rich on a terminal (which obeys NO_COLOR), else as plain text."""
    if stream.isatty():
        _show_rich(report, stream)
    else:
        stream.writelines(f"{line}\n" for line in _plain(report))


def _cells(table: Table) -> list[list[str]]:
    """All rows as text. A column of ratios in which one is a loss gets room for the mark in every row."""
    columns = []
    for i, column in enumerate(table.columns):
        values = [row[i] for row in table.rows]
        losses = [is_loss(column.kind, x) for x in values]
        mark = [f" {LOSS}" if lost else " " * (len(LOSS) + 1) if any(losses) else "" for lost in losses]
        columns.append([value(column.kind, x) + m for x, m in zip(values, mark, strict=True)])
    return [list(row) for row in zip(*columns, strict=True)]


def _widths(table: Table, rows: list[list[str]]) -> list[int]:
    return [max(map(len, column)) for column in zip(map(title, table.columns), *rows, strict=True)]


# ---- plain ---------------------------------------------------------------------------------------------------------


def _plain(report: Report) -> Iterator[str]:
    yield machine(report.runtime)
    for section in report.sections.values():
        yield from ("", section.title, "=" * len(section.title))
        for text in section.text:
            yield ""
            yield from textwrap.wrap(paragraph(text, str), _WIDTH)
        for table in section.tables:
            yield from ("", paragraph(table.title, str), "")
            yield from _plain_table(table)


def _plain_table(table: Table) -> Iterator[str]:
    rows = _cells(table)
    widths = _widths(table, rows)
    for row in ([title(column) for column in table.columns], ["-" * width for width in widths], *rows):
        cells = [
            cell.ljust(width) if is_text(column.kind) else cell.rjust(width)
            for cell, width, column in zip(row, widths, table.columns, strict=True)
        ]
        yield "  ".join(cells).rstrip()


# ---- rich ----------------------------------------------------------------------------------------------------------


def _show_rich(report: Report, stream: TextIO) -> None:
    from rich.console import Console

    console = Console(file=stream, highlight=False)
    console.print(machine(report.runtime), style="dim", markup=False)
    for section in report.sections.values():
        _rich_section(console, section)


def _rich_section(console: "Console", section: Section) -> None:
    from rich import box
    from rich.markup import escape
    from rich.padding import Padding
    from rich.rule import Rule
    from rich.table import Table as RichTable
    from rich.text import Text

    def marked(text: str) -> str:
        return paragraph(escape(text), lambda name: f"[cyan]{name}[/cyan]")

    console.print()
    console.print(Rule(escape(section.title), align="left", style="cyan"))
    for text in section.text:
        console.print(Padding(marked(text), (1, 0, 0, 0)), width=min(console.width, _WIDTH))
    for table in section.tables:
        console.print(f"\n[bold]{marked(table.title)}[/bold]")
        cells = _cells(table)
        widths = _widths(table, cells)
        gap = 1 if sum(widths) + 2 * len(widths) <= console.width else 0  # one more is between columns
        grid = RichTable(box=box.SIMPLE_HEAD, padding=(0, gap, 0, 0), pad_edge=False, header_style="bold cyan")
        for column in table.columns:
            left = is_text(column.kind)
            grid.add_column(escape(title(column)), justify="left" if left else "right", overflow="fold")
        for row, values in zip(cells, table.rows, strict=True):
            grid.add_row(
                *(
                    Text(text, style="bold red" if is_loss(column.kind, x) else "")
                    for text, column, x in zip(row, table.columns, values, strict=True)
                )
            )
        console.print(grid)
