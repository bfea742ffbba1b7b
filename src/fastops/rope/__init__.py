# SPDX-License-Identifier: BSD-3-Clause
# ruff: noqa: RUF022 (names that are imported later; in the order of sorted)
"""Rotary position embeddings (J. Su et al., RoFormer, 2021)."""

from .._fastops_core import rope_rotate as rotate
from .._fastops_core import rope_rotate_qk as rotate_qk
from .._later import later as _later
from ._frequencies import Frequencies, frequencies, frequencies_grid, frequencies_pixel, from_config
from ._rotary import Rotary
from ._table import table, xpos_table

__all__ = [
    "DynamicNTK",
    "Frequencies",
    "Linear",
    "Llama3",
    "LongRoPE",
    "NTK",
    "Preset",
    "Proportional",
    "Rotary",
    "YaRN",
    "axes_chunked",
    "axes_grid",
    "axes_interleaved",
    "frequencies",
    "frequencies_grid",
    "frequencies_pixel",
    "from_config",
    "half_to_interleaved",
    "interleaved_to_half",
    "positions_grid",
    "positions_padded",
    "positions_ragged",
    "preset",
    "rotate",
    "rotate_qk",
    "table",
    "xpos_table",
]

# What most programs do not need: 0.6 of the 1.2 ms that all of it takes.
__getattr__, __dir__ = _later(
    globals(),
    {
        "_axes": (
            "axes_chunked",
            "axes_grid",
            "axes_interleaved",
            "positions_grid",
            "positions_padded",
            "positions_ragged",
        ),
        "_preset": ("Preset", "preset"),
        "_scaling_plain": ("NTK", "DynamicNTK", "Linear", "Proportional"),
        "_scaling_parts": ("Llama3", "LongRoPE", "YaRN"),
        "_weights": ("half_to_interleaved", "interleaved_to_half"),
    },
)
