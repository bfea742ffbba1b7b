# SPDX-License-Identifier: BSD-3-Clause
"""Which sources the compiled core was built from: setup.py stamps it, the import compares it."""

import os
import zlib

# pathlib would double the time of the import.

_FOLDERS = {"csrc": (".c", ".h", ".inc"), "src/fastops": (".pyx", ".pxd", ".pxi")}


def sources(root: str | os.PathLike[str]) -> list[str]:
    """All that is compiled into the core, and setup.py, which says how; relative to the source tree at root."""
    found = ["setup.py"]
    for folder, suffixes in _FOLDERS.items():
        for path, _, files in os.walk(os.path.join(root, folder)):
            found += [os.path.relpath(os.path.join(path, file), root) for file in files if file.endswith(suffixes)]
    return sorted(found)


def fingerprint(root: str | os.PathLike[str]) -> str:
    """Checksum of `sources`."""
    crc = 0
    for name in sources(root):
        with open(os.path.join(root, name), "rb") as file:
            crc = zlib.crc32(file.read(), zlib.crc32(name.encode(), crc))
    return f"{crc:08x}"
