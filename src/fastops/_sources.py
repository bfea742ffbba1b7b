# SPDX-License-Identifier: BSD-3-Clause
"""Which sources the compiled core was built from: setup.py stamps it, the import compares it."""

import zlib
from pathlib import Path

_PATTERNS = (
    "setup.py",
    "csrc/**/*.[ch]",
    "csrc/**/*.inc",
    "src/fastops/*.pyx",
    "src/fastops/*.px[di]",
)


def sources(root: Path) -> list[Path]:
    """All that is compiled into the core, or says how, in the source tree at root."""
    return sorted(file for pattern in _PATTERNS for file in root.glob(pattern))


def fingerprint(root: Path) -> str:
    """Checksum of `sources`."""
    crc = 0
    for file in sources(root):
        crc = zlib.crc32(file.read_bytes(), zlib.crc32(file.name.encode(), crc))
    return f"{crc:08x}"
