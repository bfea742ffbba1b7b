# SPDX-License-Identifier: BSD-3-Clause
"""Which sources the compiled core was built from: setup.py stamps it, the import compares it."""

import zlib
from pathlib import Path


def fingerprint(root: Path) -> str:
    """Checksum of all that is compiled into the core, of the source tree at root."""
    patterns = ("setup.py", "pyproject.toml", "csrc/**/*.[ch]", "csrc/**/*.inc", "src/fastops/*.pyx", "src/fastops/*.px[di]")
    files = [file for pattern in patterns for file in root.glob(pattern)]
    crc = 0
    for file in sorted(files):
        crc = zlib.crc32(file.read_bytes(), zlib.crc32(file.name.encode(), crc))
    return f"{crc:08x}"
