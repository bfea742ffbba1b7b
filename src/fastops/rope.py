# SPDX-License-Identifier: BSD-3-Clause
"""Rotary position embeddings (J. Su et al., RoFormer, 2021)."""

from ._fastops_core import rope_rotate as rotate
from ._fastops_core import rope_rotate_qk as rotate_qk
from ._rope_axes import (
    axes_chunked,
    axes_grid,
    axes_interleaved,
    positions_grid,
    positions_padded,
    positions_ragged,
)
from ._rope_frequencies import Frequencies, frequencies, frequencies_grid, frequencies_pixel, from_config
from ._rope_preset import Preset, preset
from ._rope_scaling import NTK, DynamicNTK, Linear, Proportional
from ._rope_scaling_parts import Llama3, LongRoPE, YaRN
from ._rope_table import table, xpos_table
from ._rope_weights import half_to_interleaved, interleaved_to_half
from ._rotary import Rotary

__all__ = [  # noqa: RUF022
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

for _class in (DynamicNTK, Frequencies, Linear, Llama3, LongRoPE, NTK, Preset, Proportional, Rotary, YaRN):
    _class.__module__ = __name__  # where users and pickles find it
