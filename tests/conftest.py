# SPDX-License-Identifier: BSD-3-Clause
"""Fixtures: instruction set, number of threads, random numbers. All of them restore what they change."""

import os
import zlib

import numpy as np
import pytest

import fastops
from fastops import _fastops_core as core

SEED = int(os.environ.get("FASTOPS_TEST_SEED", "1962"))


def pytest_report_header():
    return (
        f"fastops {fastops.__version__}: core {core._fingerprint}, isa {core._isa()} of {core._isa_names()}, "
        f"{fastops.get_num_threads()} threads, numpy {np.__version__}, FASTOPS_TEST_SEED={SEED}"
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.failed and "rng" in item.fixturenames:
        report.sections.append(("random numbers", f"FASTOPS_TEST_SEED={SEED}"))
    return report


@pytest.fixture
def rng(request):
    """Random numbers that depend on the seed and on the test's name only."""
    return np.random.default_rng([SEED, zlib.crc32(request.node.nodeid.encode())])


@pytest.fixture(params=core._isa_names())
def isa(request):
    """Each instruction set that this machine can run."""
    before = core._isa()
    core._use_isa(request.param)
    yield request.param
    core._use_isa(before)


@pytest.fixture(params=[1, 2], ids="{}_threads".format)
def threads(request):
    before = fastops.get_num_threads()
    fastops.set_num_threads(request.param)
    yield request.param
    fastops.set_num_threads(before)


@pytest.fixture
def two_threads():
    before = fastops.get_num_threads()
    fastops.set_num_threads(2)
    yield
    fastops.set_num_threads(before)


@pytest.fixture(autouse=True)
def _nothing_left_behind():
    """Each test leaves the instruction set, the number of threads and the failing allocation as it found them."""
    before = core._isa(), fastops.get_num_threads()
    yield
    core._fail_allocation(-1)
    assert (core._isa(), fastops.get_num_threads()) == before
