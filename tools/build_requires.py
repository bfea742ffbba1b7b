# SPDX-License-Identifier: BSD-3-Clause
"""Prints what the build needs, one requirement a line, as pyproject.toml states it."""

import tomllib
from pathlib import Path

pyproject = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())
print(*pyproject["build-system"]["requires"], sep="\n")
