from typing import Any, Literal, SupportsFloat, TypeAlias, TypeVar, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["matmul_vjp", "multiply_vjp"]

_Number = TypeVar("_Number", bound=np.generic)
_Mode: TypeAlias = Literal["exact", "approximate", "straight_through"]

@overload
def multiply_vjp(
    x: NDArray[_Number],
    y: NDArray[_Number],
    grad: NDArray[_Number],
    *,
    mode: _Mode = "exact",
    offset: SupportsFloat = 0.0,
) -> tuple[NDArray[_Number], NDArray[_Number]]: ...
@overload
def multiply_vjp(
    x: ArrayLike, y: ArrayLike, grad: ArrayLike, *, mode: _Mode = "exact", offset: SupportsFloat = 0.0
) -> tuple[Any, Any]: ...
def matmul_vjp(
    a: NDArray[_Number],
    b: NDArray[_Number],
    grad: NDArray[_Number],
    *,
    mode: _Mode = "exact",
    method: Literal["mitchell", "offset", "lmul", "mbm"] = "mitchell",
    offset: SupportsFloat = 0.0,
) -> tuple[NDArray[_Number], NDArray[_Number]]: ...
