from typing import Any, Literal, SupportsIndex, TypeAlias, TypeVar, overload

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

__all__ = ["correlation", "correlation_limit", "encode", "encode_grid", "shift_matrix"]

_Scalar = TypeVar("_Scalar", bound=np.generic)
_Array = TypeVar("_Array", bound=NDArray[Any])
_Real: TypeAlias = float | np.floating[Any] | np.integer[Any]
_Layout: TypeAlias = Literal["interleaved", "sin_cos", "cos_sin"]
_Order: TypeAlias = Literal["row_column", "column_row"]

@overload
def encode(
    positions: ArrayLike,
    dim: SupportsIndex,
    *,
    base: _Real = 10000.0,
    layout: _Layout = "interleaved",
    shift: _Real = 0,
    padding_index: SupportsIndex | None = None,
    out: None = None,
) -> NDArray[np.float32]: ...
@overload
def encode(
    positions: ArrayLike,
    dim: SupportsIndex,
    *,
    base: _Real = 10000.0,
    layout: _Layout = "interleaved",
    shift: _Real = 0,
    padding_index: SupportsIndex | None = None,
    dtype: type[_Scalar] | np.dtype[_Scalar],
    out: None = None,
) -> NDArray[_Scalar]: ...
@overload
def encode(
    positions: ArrayLike,
    dim: SupportsIndex,
    *,
    base: _Real = 10000.0,
    layout: _Layout = "interleaved",
    shift: _Real = 0,
    padding_index: SupportsIndex | None = None,
    dtype: DTypeLike = ...,
    out: _Array,
) -> _Array: ...
@overload
def encode_grid(
    height: SupportsIndex,
    width: SupportsIndex,
    dim: SupportsIndex,
    *,
    base: _Real = 10000.0,
    layout: _Layout = "interleaved",
    shift: _Real = 0,
    order: _Order = "row_column",
    out: None = None,
) -> NDArray[np.float32]: ...
@overload
def encode_grid(
    height: SupportsIndex,
    width: SupportsIndex,
    dim: SupportsIndex,
    *,
    base: _Real = 10000.0,
    layout: _Layout = "interleaved",
    shift: _Real = 0,
    order: _Order = "row_column",
    dtype: type[_Scalar] | np.dtype[_Scalar],
    out: None = None,
) -> NDArray[_Scalar]: ...
@overload
def encode_grid(
    height: SupportsIndex,
    width: SupportsIndex,
    dim: SupportsIndex,
    *,
    base: _Real = 10000.0,
    layout: _Layout = "interleaved",
    shift: _Real = 0,
    order: _Order = "row_column",
    dtype: DTypeLike = ...,
    out: _Array,
) -> _Array: ...
def shift_matrix(
    k: _Real, dim: SupportsIndex, *, base: _Real = 10000.0, layout: _Layout = "interleaved", shift: _Real = 0
) -> NDArray[np.float64]: ...
def correlation(
    distance: ArrayLike, dim: SupportsIndex, *, base: _Real = 10000.0, shift: _Real = 0
) -> NDArray[np.float64]: ...
def correlation_limit(distance: ArrayLike, *, base: _Real = 10000.0) -> NDArray[np.float64]: ...
