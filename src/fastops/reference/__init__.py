# SPDX-License-Identifier: BSD-3-Clause
"""The obvious NumPy version of every kernel: baseline of the benchmarks, oracle of the tests.

Nothing here uses the compiled core. Names and results are those of the modules beside this
package (``fastops.reference.mitchell.multiply`` is ``fastops.mitchell.multiply`` in NumPy).
"""

from . import attention, mitchell, rope, sinusoidal

__all__ = ["attention", "mitchell", "rope", "sinusoidal"]
