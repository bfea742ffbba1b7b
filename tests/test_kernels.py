# SPDX-License-Identifier: BSD-3-Clause
"""Every case of fastops._cases: base against the reference, each instruction set against base, threads against one."""

import numpy as np
import pytest

import fastops
from fastops import _fastops_core as core
from fastops._case import DTYPES, arrays, bits, mismatch, run
from fastops._cases import CASES
from support import LARGE, guarded, slices

# Around the lanes of 1 to 8 registers of any width, and around a block of 256 bytes.
SIZES = (0, 1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 67, 97, 128, 129, 255, 256, 257, 1000)
STREAMED = 33 << 20  # bytes; outputs are written around the caches from 32 MiB on

INPUTS = [(case, kind, name) for case in CASES for kind in case.inputs for name in case.types]


def parametrised(inputs):
    return pytest.mark.parametrize(
        ("case", "kind", "name"), inputs, ids=[f"{case.name}-{kind}-{name}" for case, kind, name in inputs]
    )


every_input = parametrised(INPUTS)


@pytest.fixture
def base():
    before = core._isa()
    core._use_isa(core._isa_names()[0])
    yield
    core._use_isa(before)


def calls(case, kind, name, rng, sizes=SIZES):
    for size in sizes:
        yield size, case.inputs[kind](rng, DTYPES[name], size)


@pytest.mark.usefixtures("base")
@every_input
def test_base_equals_the_reference(case, kind, name, rng):
    for size, call in calls(case, kind, name, rng):
        wrong = mismatch(run(case.function, call), run(case.reference, call), case.tolerance)
        assert not wrong, f"size {size}: {wrong}; expected within {case.tolerance} eps, as {case.reason}"


@pytest.mark.usefixtures("base")
@pytest.mark.parametrize("other", core._isa_names()[1:])
@every_input
def test_bits_are_those_of_base(case, kind, name, other, rng):
    for size, call in calls(case, kind, name, rng):
        core._use_isa(core._isa_names()[0])
        want = run(case.function, call)
        core._use_isa(other)
        wrong = mismatch(run(case.function, call), want, 0 if case.same_bits_on_every_isa else case.tolerance)
        assert not wrong, f"size {size}: {wrong}"


@every_input
def test_inputs_do_not_change(case, kind, name, isa, rng):
    for size, call in calls(case, kind, name, rng):
        before = [array.tobytes() for array in arrays(call)]
        for array in arrays(call):
            array.flags.writeable = False
        run(case.function, call)
        assert [array.tobytes() for array in arrays(call)] == before, f"size {size}"


@pytest.mark.parametrize("offset", [0, "one element"])
@parametrised([entry for entry in INPUTS if entry[0].takes_out])
def test_out_gets_the_result_and_nothing_around_it_changes(case, kind, name, offset, isa, rng):
    for size, (args, kwargs) in calls(case, kind, name, rng):
        want = run(case.function, (args, kwargs))
        buffers = [guarded(w.shape, w.dtype, w.dtype.itemsize if offset else 0) for w in want]
        outs = tuple(array for array, _ in buffers)
        got = run(case.function, (args, {**kwargs, "out": outs if len(outs) > 1 else outs[0]}))
        assert all(g is out for g, out in zip(got, outs, strict=True))
        assert not mismatch(got, want), f"size {size}"
        assert all(intact() for _, intact in buffers), f"size {size}"


@pytest.mark.usefixtures("two_threads")
@every_input
def test_two_threads_give_the_bits_of_one(case, kind, name, isa, rng):
    call = case.inputs[kind](rng, DTYPES[name], LARGE // DTYPES[name].itemsize + 77)
    got = run(case.function, call)
    fastops.set_num_threads(1)
    wrong = mismatch(got, run(case.function, call))
    assert not wrong


@parametrised([entry for entry in INPUTS if isinstance(entry[0].function, np.ufunc) and entry[1] == "any_bits"])
@pytest.mark.usefixtures("two_threads")
def test_results_written_around_the_caches_are_the_same(case, kind, name, isa, rng):
    args, _ = case.inputs[kind](rng, DTYPES[name], 100_003)
    out_dtype = run(case.function, ([a[:0] for a in args], {}))[0].dtype
    size = STREAMED // (len(args) * args[0].itemsize + out_dtype.itemsize) + 5
    args = [np.resize(a, size) for a in args]
    parts = slices(size, size // 3)
    want = np.concatenate([run(case.function, ([a[part] for a in args], {}))[0] for part in parts])
    for offset in (out_dtype.itemsize, 64 - out_dtype.itemsize):
        out, intact = guarded(size, out_dtype, offset)
        run(case.function, (args, {"out": out}))
        assert np.array_equal(bits(out), bits(want))
        assert intact()
    if out_dtype == args[0].dtype:
        run(case.function, (args, {"out": args[0]}))
        assert np.array_equal(bits(args[0]), bits(want))
