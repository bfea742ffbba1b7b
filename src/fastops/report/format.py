# SPDX-License-Identifier: BSD-3-Clause
"""Values of a table as text, the same on the terminal and on the page."""

import re
from collections.abc import Callable
from typing import Any

from . import Column

__all__ = ["counted", "is_loss", "is_text", "machine", "paragraph", "title", "value"]


def _digits(x: float, digits: int = 3) -> str:
    """Three significant digits, without an exponent and without cutting whole numbers."""
    if x == 0:
        return "0"
    magnitude = len(str(int(abs(x)))) if abs(x) >= 1 else 0
    return f"{x:.{max(digits - magnitude, 0)}f}"


def _time(seconds: float) -> str:
    for limit, factor, unit in ((1e-6, 1e9, "ns"), (1e-3, 1e6, "µs"), (1.0, 1e3, "ms")):
        if seconds < limit:
            return f"{_digits(seconds * factor)} {unit}"
    return f"{_digits(seconds)} s"


def _percent(fraction: float) -> str:
    text = f"{100 * fraction:.3f}"
    return "0" if float(text) == 0 else text  # exactly 0 and what is rounding of a float64 division


def _ratio(ratio: float) -> str:
    return f"{ratio:.3f}" if ratio < 0.1 else f"{ratio:.2f}"


_FORMATS: dict[str, Callable[[Any], str]] = {
    "text": str,
    "count": lambda n: f"{n:,}",
    "time": _time,
    "ratio": _ratio,
    "rate": lambda bytes_per_second: _digits(bytes_per_second / 1e9),
    "percent": _percent,
    "error": lambda x: "0" if x == 0 else f"{x:.1e}",
}
_UNITS = {"percent": "%"}


def value(kind: str, x: Any) -> str:
    """Text of a value in a column of that kind."""
    return "" if x is None else _FORMATS[kind](x)


def title(column: Column) -> str:
    """Title of a column with its unit."""
    unit = _UNITS.get(column.kind)
    return f"{column.title}, {unit}" if unit else column.title


def is_text(kind: str) -> bool:
    """Whether a column is set to the left."""
    return kind == "text"


def is_loss(kind: str, x: Any) -> bool:
    """Whether a value is a ratio that says ours is slower."""
    return kind == "ratio" and x is not None and x > 1


def machine(runtime: dict[str, Any]) -> str:
    """One line: what ran, on what."""
    versions = f"fastops {runtime['fastops']}, NumPy {runtime['numpy']}, Python {runtime['python']}"
    return f"{runtime['cpu']}, {runtime['isa']}, {counted(runtime['threads'], 'thread')}; {versions}"


def counted(count: int, noun: str) -> str:
    """'1 thread', '2 threads', '10,000 threads'."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def paragraph(text: str, mark: Callable[[str], str]) -> str:
    """A paragraph with mark applied to what stands in backquotes."""
    return re.sub(r"`([^`]*)`", lambda match: mark(match[1]), text)
