# SPDX-License-Identifier: BSD-3-Clause
"""Writes the table of errors of docs/mitchell.md, from `fastops.mitchell.error_statistics`.

    python tools/error_table.py docs/mitchell.md

Without a file the table is printed. It takes half a minute, most of it for 16-bit integers.
"""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import ml_dtypes  # noqa: F401 - gives NumPy the names of its types

from fastops import mitchell

BEGIN, END = "<!-- errors:begin -->", "<!-- errors:end -->"
HEAD = ("function", "types", "bias", "mean absolute", "rms", "least", "largest")

WIDE = ("float64", "float32", "float16", "bfloat16")
SMALL = ("float8_e4m3fn", "float8_e5m2")
INTEGERS = ("uint8", "int8", "uint16", "int16")

# What the table calls it, the method and its options, and the types.
Entry = tuple[str, str, dict[str, Any], tuple[str, ...]]
ENTRIES: tuple[Entry, ...] = (
    ("multiply", "mitchell", {}, WIDE + SMALL + INTEGERS),
    ("multiply_offset, c = 0.0566234", "offset", {"offset": 0.0566234}, WIDE),
    ("multiply_offset, c = 0.068858", "offset", {"offset": 0.068858}, WIDE),
    ("multiply_lmul", "lmul", {}, WIDE + SMALL),
    ("multiply_mbm", "mbm", {}, WIDE),
    ("multiply_realm", "realm", {}, WIDE),
    *((f"multiply_ilm, k = {k}", "ilm", {"corrections": k}, ("uint8", "uint16")) for k in range(4)),
    ("divide", "divide", {}, WIDE + SMALL + INTEGERS),
    ("divide_offset, c = -0.057995", "divide_offset", {"offset": -0.057995}, WIDE),
    ("square", "square", {}, (*WIDE, "uint8", "uint16")),
    ("sqrt", "sqrt", {}, WIDE),
    ("reciprocal", "reciprocal", {}, WIDE),
    ("rsqrt", "rsqrt", {}, WIDE),
    ("exp2", "exp2", {}, WIDE),
    ("log2, absolute", "log2", {}, WIDE),
)


def rows(entries: Iterable[Entry] = ENTRIES) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """What the table calls a function, a type, and the figures."""
    for name, method, options, types in entries:
        function, *rest = name.split(", ")
        title = ", ".join([f"`{function}`", *rest])
        for dtype in types:
            found = mitchell.error_statistics(method, dtype, **options)  # type: ignore[arg-type]
            yield title, dtype, tuple(map(percent, found))


def table() -> str:
    """Markdown: a row for each function and all types whose figures are the same."""
    merged: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for title, dtype, figures in rows():
        merged.setdefault((title, figures), []).append(dtype)
    lines = [f"| {' | '.join(HEAD)} |", "|---|---|" + "---:|" * (len(HEAD) - 2)]
    lines += [f"| {' | '.join([title, ', '.join(types), *figures])} |" for (title, figures), types in merged.items()]
    return "\n".join(lines)


def percent(fraction: float) -> str:
    """In percent, with three decimals; what is 0 but for rounding has no sign."""
    text = f"{100 * fraction:.3f}"
    return text.removeprefix("-") if float(text) == 0 else text


def write(file: Path, text: str) -> None:
    """Puts text between the two marks of the file."""
    old = file.read_text(encoding="utf-8")
    if old.count(BEGIN) != 1 or old.count(END) != 1 or old.index(BEGIN) > old.index(END):
        raise SystemExit(f"{file} must have one line {BEGIN} and after it one line {END}")
    before, rest = old.split(BEGIN)
    file.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.split(END)[1]}", encoding="utf-8")


def main(arguments: list[str]) -> None:
    if len(arguments) > 1:
        raise SystemExit(__doc__)
    if arguments:
        write(Path(arguments[0]), table())
    else:
        print(table())


if __name__ == "__main__":
    main(sys.argv[1:])
