# SPDX-License-Identifier: BSD-3-Clause
"""A NumPy forward pass of Transformer checkpoints, into which any matrix product and any attention can be plugged.

Reading a checkpoint needs safetensors, and text needs tokenizers: ``pip install 'fastops-kernels[checkpoint]'``.
Neither is imported before it is used.
"""

from .bert import Bert
from .checkpoint import find_package_model

__all__ = ["Bert", "find_package_model"]
