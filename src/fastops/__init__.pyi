from . import attention as attention
from . import mitchell as mitchell
from . import rope as rope
from . import runtime as runtime
from . import sinusoidal as sinusoidal
from .runtime import get_num_threads as get_num_threads
from .runtime import runtime_info as runtime_info
from .runtime import set_num_threads as set_num_threads
from .runtime import show_runtime as show_runtime

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

__version__: str
