# SPDX-License-Identifier: BSD-3-Clause
"""C kernels on NumPy buffers for the mathematics of Transformers and approximate hardware."""

import os as _os

from . import _fastops_core

_root = _os.path.dirname(_os.path.dirname(_os.path.dirname(_os.path.abspath(__file__))))
if _os.path.isdir(_os.path.join(_root, "csrc")):  # a source tree: the core must be the one built from it
    from ._sources import fingerprint as _fingerprint

    if _fingerprint(_root) != _fastops_core._fingerprint:
        raise ImportError(
            "the compiled core of fastops was built from other sources than these: rebuild it (make build)"
        )

from . import attention, mitchell, rope, runtime, sinusoidal  # noqa: E402
from ._fastops_core import __version__  # noqa: E402
from .runtime import get_num_threads, runtime_info, set_num_threads, show_runtime  # noqa: E402

__all__ = [
    "__version__",
    "attention",
    "get_num_threads",
    "mitchell",
    "rope",
    "runtime",
    "runtime_info",
    "set_num_threads",
    "show_runtime",
    "sinusoidal",
]
