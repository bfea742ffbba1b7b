# SPDX-License-Identifier: BSD-3-Clause
"""Instruction set and threads."""

import platform
import sys

import numpy as np

from . import _fastops_core
from ._fastops_core import get_num_threads, set_num_threads

__all__ = ["get_num_threads", "register_threadpoolctl", "runtime_info", "set_num_threads", "show_runtime"]


def runtime_info():
    """Return what a bug report about speed or results needs to say.

    Returns
    -------
    dict
        Versions, the instruction set in use and those possible, the number of threads, the machine.

    Examples
    --------
    >>> import fastops
    >>> sorted(fastops.runtime_info())
    ['cpu', 'fastops', 'isa', 'isa_possible', 'ml_dtypes', 'numpy', 'platform', 'python', 'threads']
    """
    ml_dtypes = sys.modules.get("ml_dtypes")
    return {
        "fastops": _fastops_core.__version__,
        "numpy": np.__version__,
        "ml_dtypes": getattr(ml_dtypes, "__version__", None),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu": _cpu(),
        "isa": _fastops_core._isa(),
        "isa_possible": _fastops_core._isa_names(),
        "threads": get_num_threads(),
    }


def _cpu():
    try:
        with open("/proc/cpuinfo") as lines:
            return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def show_runtime():
    """Print `runtime_info`, one line an entry.

    Examples
    --------
    >>> import fastops
    >>> fastops.show_runtime()  # doctest: +ELLIPSIS
    fastops ...
    """
    for key, value in runtime_info().items():
        print(f"{key:<12} {', '.join(value) if isinstance(value, list) else value}")


def register_threadpoolctl():
    """Let `threadpoolctl` see and limit the threads of fastops.

    Done at import if threadpoolctl is imported already; call it if threadpoolctl is imported later. Calling it twice
    does no harm.

    Raises
    ------
    ModuleNotFoundError
        If threadpoolctl is not installed.

    Examples
    --------
    >>> import fastops, threadpoolctl
    >>> fastops.runtime.register_threadpoolctl()
    >>> with threadpoolctl.threadpool_limits(1):
    ...     fastops.get_num_threads()
    1
    """
    import threadpoolctl

    if any(controller.internal_api == "fastops" for controller in threadpoolctl._ALL_CONTROLLERS):
        return

    class FastopsController(threadpoolctl.LibController):
        user_api = "fastops"
        internal_api = "fastops"
        filename_prefixes = ("_fastops_core",)
        check_symbols = ("fastops_get_num_threads", "fastops_set_num_threads")

        def get_num_threads(self):
            return self.dynlib.fastops_get_num_threads()

        def set_num_threads(self, num_threads):
            self.dynlib.fastops_set_num_threads(num_threads)

        def get_version(self):
            return _fastops_core.__version__

    threadpoolctl.register(FastopsController)


if "threadpoolctl" in sys.modules:
    register_threadpoolctl()
