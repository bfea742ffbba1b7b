# SPDX-License-Identifier: BSD-3-Clause
"""A report as one page: one file that loads nothing, for wide and narrow, light and dark screens and for paper."""

from collections.abc import Iterator
from html import escape

from . import Picture, Report, Section, Table
from .console import LOSS
from .format import is_loss, is_text, machine, paragraph, title, value

__all__ = ["page"]

_STYLE = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1d2733; --muted: #69707a; --line: #d9dee5; --shade: #f5f7f9;
  --ours: #0b6bcb; --ours-too: #0f8a5f; --theirs: #c2570c; }
@media (prefers-color-scheme: dark) { :root { --paper: #14181d; --ink: #e4e8ed; --muted: #98a2ae; --line: #353d47;
  --shade: #1c2229; --ours: #62aeff; --ours-too: #4cc79a; --theirs: #ff9d57; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 66rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif; }
h1 { margin: 0 0 .25rem; font-size: 1.7rem; line-height: 1.2; }
h2 { margin: 3rem 0 .5rem; padding-top: 1rem; border-top: 1px solid var(--line); font-size: 1.3rem; line-height: 1.3; }
h3 { margin: 2rem 0 .5rem; font-size: 1rem; }
p { max-width: 46rem; margin: .5rem 0; }
a { color: var(--ours); }
code { font: .92em ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; background: var(--shade);
  padding: .08em .3em; border-radius: .25em; overflow-wrap: anywhere; }
.quiet { color: var(--muted); font-size: .88rem; }
.scroll { overflow-x: auto; border: 1px solid var(--line); border-radius: .5rem; max-width: max-content; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { padding: .35rem .75rem; text-align: right; white-space: nowrap; }
th { background: var(--shade); color: var(--muted); font-weight: 600; vertical-align: bottom; }
tr + tr td { border-top: 1px solid var(--line); }
thead + tbody td { border-top: 1px solid var(--line); }
.text { text-align: left; }
.loss { color: var(--theirs); font-weight: 600; }
.pictures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr)); gap: 1.5rem;
  margin: 1.5rem 0; }
figure { margin: 0; max-width: 34rem; }
svg { display: block; width: 100%; height: auto; }
figcaption { color: var(--muted); font-size: .88rem; line-height: 1.45; margin-top: .4rem; }
@media print { body { max-width: none; } h2, figure, .scroll { break-inside: avoid; } }
"""


def page(report: Report) -> str:
    """The whole file."""
    body = "\n".join(_body(report))
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>fastops report</title>
<style>{_STYLE}</style>
</head>
<body>
{body}
</body>
</html>
"""


def _body(report: Report) -> Iterator[str]:
    quick = ", quick: few samples" if report.quick else ""
    when = report.created.replace("T", " ").replace("Z", " UTC")
    yield "<h1>fastops report</h1>"
    yield f'<p class="quiet">{escape(machine(report.runtime))}<br>{escape(when + quick)}</p>'
    yield (
        "<p>Times are medians of samples taken in turns, in one process. A ratio is our time over the other's, so "
        f'<span class="loss">above 1 is {LOSS}</span>.</p>'
    )
    if len(report.sections) > 1:
        links = (f'<a href="#{name}">{escape(section.title)}</a>' for name, section in report.sections.items())
        yield f"<p>{' · '.join(links)}</p>"
    for name, section in report.sections.items():
        yield from _section(name, section)
    yield f'<p class="quiet">Made by <code>python -m fastops report</code> in {report.seconds:.0f} s.</p>'


def _section(name: str, section: Section) -> Iterator[str]:
    yield f'<section id="{name}">'
    yield f"<h2>{escape(section.title)}</h2>"
    for text in section.text:
        yield f"<p>{_paragraph(text)}</p>"
    if section.pictures:
        yield '<div class="pictures">'
        yield from map(_picture, section.pictures)
        yield "</div>"
    for table in section.tables:
        yield from _table(table)
    yield "</section>"


def _paragraph(text: str) -> str:
    return paragraph(escape(text), lambda name: f"<code>{name}</code>")


def _picture(picture: Picture) -> str:
    return f"<figure>\n{picture.svg}\n<figcaption>{_paragraph(picture.caption)}</figcaption>\n</figure>"


def _table(table: Table) -> Iterator[str]:
    yield f"<h3>{_paragraph(table.title)}</h3>"
    yield '<div class="scroll"><table>'
    classes = [' class="text"' if is_text(column.kind) else "" for column in table.columns]
    heads = (
        f'<th scope="col"{kind}>{escape(title(column))}</th>'
        for column, kind in zip(table.columns, classes, strict=True)
    )
    yield f"<thead><tr>{''.join(heads)}</tr></thead><tbody>"
    for row in table.rows:
        cells = (
            f'<td class="loss">{value(column.kind, x)} {LOSS}</td>'
            if is_loss(column.kind, x)
            else f"<td{kind}>{escape(value(column.kind, x))}</td>"
            for column, x, kind in zip(table.columns, row, classes, strict=True)
        )
        yield f"<tr>{''.join(cells)}</tr>"
    yield "</tbody></table></div>"
