# SPDX-License-Identifier: BSD-3-Clause
"""Other people's implementations, for the tests marked `oracle`. A peer that is not installed skips the test."""

import functools
import importlib
import warnings
from dataclasses import dataclass

import pytest


def peer(name):
    """Import a module, whatever it warns of; skip the test where it is missing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name != name.partition(".")[0]:
                raise  # installed, but not whole
            pytest.skip(f"{name} is not installed")


@dataclass(frozen=True)
class NodeCase:
    """One case of the ONNX backend node suite: a single node, with its inputs and outputs by name."""

    name: str
    options: dict
    inputs: dict
    outputs: dict


SUITE = "onnx.backend.test.case.node"
SUITE_MODULES = {"Attention": "attention", "RotaryEmbedding": "rotaryembedding"}


@functools.cache
def node_suite():
    """The cases of the operators above. Cases are made when their module is imported, for all operators or for one."""
    peer("onnx")
    for name in SUITE_MODULES.values():
        peer(f"{SUITE}.{name}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return tuple(peer(SUITE).collect_testcases("Attention"))


def onnx_node_cases(op):
    """All cases of an operator, without those that only spell it out in smaller operators."""
    onnx = peer("onnx")
    schema_inputs = [item.name for item in onnx.defs.get_schema(op).inputs]
    for case in node_suite():
        nodes = case.model.graph.node
        if len(nodes) != 1 or nodes[0].op_type != op:
            continue
        values, results = case.data_sets[0]
        options = {item.name: onnx.helper.get_attribute_value(item) for item in nodes[0].attribute}
        given = [name for name, place in zip(schema_inputs, nodes[0].input, strict=False) if place]
        made = [name for name in nodes[0].output if name]
        yield NodeCase(case.name, options, dict(zip(given, values, strict=True)), dict(zip(made, results, strict=True)))
