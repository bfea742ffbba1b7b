# SPDX-License-Identifier: BSD-3-Clause
"""The instructions of one ISA stand only in functions that carry its name.

Everything else in the shared object runs on a CPU that may lack them, if only to say so. Reads `objdump -d`.
"""

import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]

FUNCTION = re.compile(r"^[0-9a-f]+ <(?P<name>.+)>:$")
INSTRUCTION = re.compile(r"^\s+[0-9a-f]+:\t(?P<mnemonic>\S+)\s*(?P<operands>.*)$")
# Compilers put .cold, .part.0, .constprop.0, .isra.0 behind a name.
SUFFIX = re.compile(r"_(base|x86v3|x86v4|neon)(\.|$)")

# From AVX on every vector instruction, fused multiply-add too, begins with v; so do a few of virtual machines.
AVX = re.compile(r"v(?!err|erw|m[a-z]+$)[a-z]")
BMI = {"andn", "bextr", "blsi", "blsmsk", "blsr", "bzhi", "lzcnt", "movbe", "mulx", "pdep", "pext"}
BMI |= {"rorx", "sarx", "shlx", "shrx"}
NAMED_FOR = {"x86v3": 3, "x86v4": 4}


def level(mnemonic: str, operands: str) -> int:
    """The x86-64 level that an instruction needs, as far as it matters here."""
    if "%zmm" in operands or "{%k" in operands or re.match(r"k[a-z]+[bwdq]$", mnemonic):
        return 4
    return 3 if AVX.match(mnemonic) or mnemonic in BMI else 2


def instructions(lines: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    """(function, mnemonic, operands), one by one."""
    function = ""
    for line in lines:
        if match := FUNCTION.match(line):
            function = match["name"]
        elif match := INSTRUCTION.match(line):
            yield function, match["mnemonic"], match["operands"]


def misplaced(lines: Iterable[str]) -> tuple[dict[str, str], dict[str, int]]:
    """Functions that use more than their names say, with an example; and functions counted by the ISA of their name."""
    bad: dict[str, str] = {}
    seen: dict[str, set[str]] = defaultdict(set)
    for function, mnemonic, operands in instructions(lines):
        match = SUFFIX.search(function)
        isa = match[1] if match else "common"
        seen[isa].add(function)
        if level(mnemonic, operands) > NAMED_FOR.get(isa, 2):
            bad.setdefault(function, f"{mnemonic} {operands}")
    return bad, {isa: len(functions) for isa, functions in seen.items()}


def main(paths: list[str]) -> str | None:
    libraries = paths or sorted(map(str, (ROOT / "src/fastops").glob("_fastops_core*.so")))
    if not libraries:
        return "there is no shared object to check: make build"
    for library in libraries:
        command = ["objdump", "-d", "-w", "--no-show-raw-insn", library]
        listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
        bad, functions = misplaced(listing)
        for function, example in sorted(bad.items()):
            print(f"{library}: {function} uses {example}")
        print(f"{Path(library).name}: functions by ISA", dict(sorted(functions.items())))
        if bad:
            return f"{len(bad)} functions use instructions that their names do not promise"
        if functions.keys() <= {"common"}:
            return f"{library} has no function named for an ISA: was it stripped?"
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
