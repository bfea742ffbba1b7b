# SPDX-License-Identifier: BSD-3-Clause
"""Writes the table of a README from the JSON of pytest-benchmark.

    python bench/table.py bench.json README.md

Without a README the table is printed.
"""

import json
import sys
from pathlib import Path

BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"
HEAD = ("what", "beside", "its time", "1 thread", "ratio", "2 threads", "ratio", "at best")


def table(report):
    """Markdown of one report: a row for each input and each NumPy function beside it."""
    groups = {}
    for entry in report["benchmarks"]:
        groups.setdefault(entry["group"], []).append(entry)
    rows = [row for group, entries in groups.items() for row in rows_of(group, entries)]
    lines = [f"| {' | '.join(HEAD)} |", "|---|---|" + "---:|" * (len(HEAD) - 2)]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([*lines, "", conditions(report)])


def rows_of(group, entries):
    ours = {entry["extra_info"]["threads"]: entry for entry in entries if entry["extra_info"]["who"] == "fastops"}
    numpys = {}
    for entry in entries:
        if entry["extra_info"]["who"] != "fastops":
            numpys.setdefault(entry["extra_info"]["who"], {})[entry["extra_info"]["threads"]] = entry
    for who, by_threads in numpys.items():
        one = by_threads[min(by_threads)]
        row = [group, f"`{who}`", duration(one["stats"]["min"])]
        for threads, entry in sorted(ours.items()):
            row += [duration(entry["stats"]["min"]), ratio(entry, by_threads.get(threads, one))]
        yield [*row, max((rate(entry) for entry in ours.values()), key=lambda text: float(text.split()[0]))]


def rate(entry):
    unit = next(key for key in entry["extra_info"] if key.endswith("/s"))
    return f"{entry['extra_info'][unit]:.3g} {unit}"


def ratio(ours, numpys):
    """Best time by best time, and median by median; a loss is bold."""
    best, middle = (ours["stats"][key] / numpys["stats"][key] for key in ("min", "median"))
    text = f"{best:.2f} ({middle:.2f})"
    return f"**{text}**" if best > 1 else text


def duration(seconds):
    for unit, size in (("s", 1), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def conditions(report):
    """What a reader must know to compare the table with another."""
    info = report["benchmarks"][0]["extra_info"]
    cpu = report["machine_info"].get("cpu", {}).get("brand_raw", "unknown processor")
    return (
        f"Best times of one run on {report['datetime'][:10]}: {cpu}, instruction set {info['isa']}, "
        f"NumPy {info['numpy']}. In brackets the ratio of medians. **Bold: slower than NumPy.** "
        "What uses BLAS, and `torch`, have as many threads as fastops; other functions of NumPy have one. "
        "`reference` is the formulation in `fastops.reference`; `np.copyto` only copies; `torch` is its "
        "`scaled_dot_product_attention`."
    )


def write(readme, text):
    """Puts text between the two marks of the file."""
    old = readme.read_text(encoding="utf-8")
    if old.count(BEGIN) != 1 or old.count(END) != 1 or old.index(BEGIN) > old.index(END):
        raise SystemExit(f"{readme} must have one line {BEGIN} and after it one line {END}")
    before, rest = old.split(BEGIN)
    readme.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.split(END)[1]}", encoding="utf-8")


def main(arguments):
    if not 1 <= len(arguments) <= 2:
        raise SystemExit(__doc__)
    text = table(json.loads(Path(arguments[0]).read_text(encoding="utf-8")))
    if len(arguments) == 1:
        print(text)
    else:
        write(Path(arguments[1]), text)


if __name__ == "__main__":
    main(sys.argv[1:])
