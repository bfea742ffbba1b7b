# SPDX-License-Identifier: BSD-3-Clause
"""Which sources the compiled core was built from: setup.py stamps it, the import compares it.

Without pathlib, whose import takes longer than that of all of fastops.
"""

import os
import zlib

_FOLDERS = (("csrc", (".c", ".h", ".inc")), (os.path.join("src", "fastops"), (".pyx", ".pxi", ".pxd")))


def sources(root: str | os.PathLike[str]) -> list[str]:
    """All that is compiled into the core, or says how, in the source tree at root: paths from there, sorted."""
    found = ["setup.py"]
    for folder, endings in _FOLDERS:
        for path, _, names in os.walk(os.path.join(root, folder)):
            found += [os.path.relpath(os.path.join(path, name), root) for name in names if name.endswith(endings)]
    return sorted(found)


def fingerprint(root: str | os.PathLike[str]) -> str:
    """Checksum of `sources`."""
    crc = 0
    for name in sources(root):
        with open(os.path.join(root, name), "rb") as file:
            crc = zlib.crc32(file.read(), zlib.crc32(os.path.basename(name).encode(), crc))
    return f"{crc:08x}"
