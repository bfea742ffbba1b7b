# SPDX-License-Identifier: BSD-3-Clause
"""What pytest says at the top of a run of the benchmarks, and that a failure of one of them is no mere warning."""

import numpy as np

import fastops
from fastops import _fastops_core as core


def pytest_report_header():
    return f"fastops {fastops.__version__}: core {core._fingerprint}, isa {core._isa()}, numpy {np.__version__}"
