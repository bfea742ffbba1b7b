# The ufuncs are typed by callable protocols: as plain numpy.ufunc every call of them would be Any.
from collections.abc import Sequence
from typing import Any, Literal, Protocol, SupportsIndex, TypeAlias, TypedDict, TypeVar, Unpack, overload

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from ._mitchell_errors import ErrorStatistics as ErrorStatistics
from ._mitchell_errors import error_statistics as error_statistics
from ._mitchell_gradients import matmul_vjp as matmul_vjp
from ._mitchell_gradients import multiply_vjp as multiply_vjp

__all__ = [
    "ErrorStatistics",
    "divide",
    "divide_offset",
    "error_statistics",
    "exp2",
    "log2",
    "matmul",
    "matmul_vjp",
    "multiply",
    "multiply_ilm",
    "multiply_lmul",
    "multiply_mbm",
    "multiply_offset",
    "multiply_realm",
    "multiply_vjp",
    "power",
    "reciprocal",
    "rsqrt",
    "sqrt",
    "square",
]

_Float = TypeVar("_Float", np.float16, np.float32, np.float64)
_Wide = TypeVar("_Wide", np.int64, np.uint64)
_Product = TypeVar("_Product", np.float16, np.float32, np.float64)
_Eight = TypeVar("_Eight", np.int8, np.uint8)
_Out = TypeVar("_Out", bound=NDArray[Any])

# What integers of a type give: themselves, or those of twice the size. 64 bits always stay.
_I8 = TypeVar("_I8", bound=np.generic, covariant=True)
_I16 = TypeVar("_I16", bound=np.generic, covariant=True)
_I32 = TypeVar("_I32", bound=np.generic, covariant=True)
_I64 = TypeVar("_I64", bound=np.generic, covariant=True)
_U8 = TypeVar("_U8", bound=np.generic, covariant=True)
_U16 = TypeVar("_U16", bound=np.generic, covariant=True)
_U32 = TypeVar("_U32", bound=np.generic, covariant=True)
_U64 = TypeVar("_U64", bound=np.generic, covariant=True)

# What meets an array of a type, and has no type of its own if it is Python's.
_OrInt8: TypeAlias = NDArray[np.int8] | np.int8 | int
_OrInt16: TypeAlias = NDArray[np.int16] | np.int16 | int
_OrInt32: TypeAlias = NDArray[np.int32] | np.int32 | int
_OrUint8: TypeAlias = NDArray[np.uint8] | np.uint8 | int
_OrUint16: TypeAlias = NDArray[np.uint16] | np.uint16 | int
_OrUint32: TypeAlias = NDArray[np.uint32] | np.uint32 | int

class _Options(TypedDict, total=False):
    where: bool | NDArray[np.bool_]
    casting: Literal["no", "equiv", "safe", "same_kind", "unsafe"]
    order: Literal["K", "A", "C", "F"]
    subok: bool

class _AllOptions(_Options, total=False):
    dtype: DTypeLike | None
    signature: Any

class _Ufunc(Protocol):
    @property
    def __name__(self) -> str: ...
    @property
    def nin(self) -> int: ...
    @property
    def nout(self) -> int: ...
    @property
    def nargs(self) -> int: ...
    @property
    def ntypes(self) -> int: ...
    @property
    def types(self) -> list[Any]: ...
    @property
    def identity(self) -> Any: ...
    @property
    def signature(self) -> Any: ...

class _OfTwo(_Ufunc, Protocol):
    def at(self, a: NDArray[Any], indices: Any, b: ArrayLike, /) -> None: ...
    def reduce(
        self,
        array: ArrayLike,
        /,
        axis: SupportsIndex | tuple[SupportsIndex, ...] | None = 0,
        dtype: DTypeLike | None = None,
        out: NDArray[Any] | None = None,
        *,
        keepdims: bool = False,
        initial: Any = ...,
        where: Any = True,
    ) -> Any: ...
    def accumulate(
        self,
        array: ArrayLike,
        /,
        axis: SupportsIndex = 0,
        dtype: DTypeLike | None = None,
        out: NDArray[Any] | None = None,
    ) -> NDArray[Any]: ...
    def reduceat(
        self,
        array: ArrayLike,
        /,
        indices: Sequence[int] | NDArray[np.integer[Any]],
        axis: SupportsIndex = 0,
        dtype: DTypeLike | None = None,
        out: NDArray[Any] | None = None,
    ) -> NDArray[Any]: ...
    def outer(self, A: ArrayLike, B: ArrayLike, /, **options: Any) -> Any: ...

# Operands of one type have a result of a known type; mixed ones are promoted by NumPy's rules, and Any here.
class _Binary(_OfTwo, Protocol[_I8, _I16, _I32, _U8, _U16, _U32]):
    @overload
    def __call__(self, x: int, y: int, /, **options: Unpack[_Options]) -> np.signedinteger[Any]: ...
    @overload
    def __call__(self, x: float, y: float, /, **options: Unpack[_Options]) -> np.float64: ...
    @overload
    def __call__(self, x: _Float, y: _Float, /, **options: Unpack[_Options]) -> _Float: ...
    # numpy.float64 is a float to Python, but not to NumPy's promotion.
    @overload
    def __call__(
        self, x: NDArray[np.floating[Any]], y: np.float64, /, **options: Unpack[_Options]
    ) -> NDArray[np.float64]: ...
    @overload
    def __call__(
        self, x: np.float64, y: NDArray[np.floating[Any]], /, **options: Unpack[_Options]
    ) -> NDArray[np.float64]: ...
    @overload
    def __call__(
        self, x: NDArray[_Float], y: NDArray[_Float] | _Float | float, /, **options: Unpack[_Options]
    ) -> NDArray[_Float]: ...
    @overload
    def __call__(self, x: _Float | float, y: NDArray[_Float], /, **options: Unpack[_Options]) -> NDArray[_Float]: ...
    @overload
    def __call__(
        self, x: NDArray[_Wide], y: NDArray[_Wide] | _Wide | int, /, **options: Unpack[_Options]
    ) -> NDArray[_Wide]: ...
    @overload
    def __call__(self, x: NDArray[np.int8], y: _OrInt8, /, **options: Unpack[_Options]) -> NDArray[_I8]: ...
    @overload
    def __call__(self, x: NDArray[np.int16], y: _OrInt16, /, **options: Unpack[_Options]) -> NDArray[_I16]: ...
    @overload
    def __call__(self, x: NDArray[np.int32], y: _OrInt32, /, **options: Unpack[_Options]) -> NDArray[_I32]: ...
    @overload
    def __call__(self, x: NDArray[np.uint8], y: _OrUint8, /, **options: Unpack[_Options]) -> NDArray[_U8]: ...
    @overload
    def __call__(self, x: NDArray[np.uint16], y: _OrUint16, /, **options: Unpack[_Options]) -> NDArray[_U16]: ...
    @overload
    def __call__(self, x: NDArray[np.uint32], y: _OrUint32, /, **options: Unpack[_Options]) -> NDArray[_U32]: ...
    @overload
    def __call__(
        self, x: ArrayLike, y: ArrayLike, /, out: _Out | tuple[_Out], **options: Unpack[_AllOptions]
    ) -> _Out: ...
    @overload
    def __call__(
        self, x: ArrayLike, y: ArrayLike, /, out: tuple[None] | None = None, **options: Unpack[_AllOptions]
    ) -> Any: ...

# Only floats have loops: integers become floats.
class _FloatBinary(_OfTwo, Protocol):
    @overload
    def __call__(self, x: _Float, y: _Float, /, **options: Unpack[_Options]) -> _Float: ...
    @overload
    def __call__(self, x: float, y: float, /, **options: Unpack[_Options]) -> np.floating[Any]: ...
    @overload
    def __call__(
        self, x: NDArray[np.floating[Any]], y: np.float64, /, **options: Unpack[_Options]
    ) -> NDArray[np.float64]: ...
    @overload
    def __call__(
        self, x: np.float64, y: NDArray[np.floating[Any]], /, **options: Unpack[_Options]
    ) -> NDArray[np.float64]: ...
    @overload
    def __call__(
        self, x: NDArray[_Float], y: NDArray[_Float] | _Float | float, /, **options: Unpack[_Options]
    ) -> NDArray[_Float]: ...
    @overload
    def __call__(self, x: _Float | float, y: NDArray[_Float], /, **options: Unpack[_Options]) -> NDArray[_Float]: ...
    @overload
    def __call__(
        self, x: ArrayLike, y: ArrayLike, /, out: _Out | tuple[_Out], **options: Unpack[_AllOptions]
    ) -> _Out: ...
    @overload
    def __call__(
        self, x: ArrayLike, y: ArrayLike, /, out: tuple[None] | None = None, **options: Unpack[_AllOptions]
    ) -> Any: ...

class _Unary(_Ufunc, Protocol[_I8, _I16, _I32, _I64, _U8, _U16, _U32, _U64]):
    @overload
    def __call__(self, x: _Float, /, **options: Unpack[_Options]) -> _Float: ...
    @overload
    def __call__(self, x: NDArray[_Float], /, **options: Unpack[_Options]) -> NDArray[_Float]: ...
    @overload
    def __call__(self, x: NDArray[np.int8], /, **options: Unpack[_Options]) -> NDArray[_I8]: ...
    @overload
    def __call__(self, x: NDArray[np.int16], /, **options: Unpack[_Options]) -> NDArray[_I16]: ...
    @overload
    def __call__(self, x: NDArray[np.int32], /, **options: Unpack[_Options]) -> NDArray[_I32]: ...
    @overload
    def __call__(self, x: NDArray[np.int64], /, **options: Unpack[_Options]) -> NDArray[_I64]: ...
    @overload
    def __call__(self, x: NDArray[np.uint8], /, **options: Unpack[_Options]) -> NDArray[_U8]: ...
    @overload
    def __call__(self, x: NDArray[np.uint16], /, **options: Unpack[_Options]) -> NDArray[_U16]: ...
    @overload
    def __call__(self, x: NDArray[np.uint32], /, **options: Unpack[_Options]) -> NDArray[_U32]: ...
    @overload
    def __call__(self, x: NDArray[np.uint64], /, **options: Unpack[_Options]) -> NDArray[_U64]: ...
    @overload
    def __call__(self, x: ArrayLike, /, out: _Out | tuple[_Out], **options: Unpack[_AllOptions]) -> _Out: ...
    @overload
    def __call__(self, x: ArrayLike, /, out: tuple[None] | None = None, **options: Unpack[_AllOptions]) -> Any: ...
    def at(self, a: NDArray[Any], indices: Any, /) -> None: ...

class _FloatTernary(_Ufunc, Protocol):
    @overload
    def __call__(self, x: _Float, y: _Float, c: _Float, /, **options: Unpack[_Options]) -> _Float: ...
    @overload
    def __call__(
        self,
        x: NDArray[_Float],
        y: NDArray[_Float] | float,
        c: NDArray[_Float] | float,
        /,
        **options: Unpack[_Options],
    ) -> NDArray[_Float]: ...
    @overload
    def __call__(
        self, x: ArrayLike, y: ArrayLike, c: ArrayLike, /, out: _Out | tuple[_Out], **options: Unpack[_AllOptions]
    ) -> _Out: ...
    @overload
    def __call__(
        self,
        x: ArrayLike,
        y: ArrayLike,
        c: ArrayLike,
        /,
        out: tuple[None] | None = None,
        **options: Unpack[_AllOptions],
    ) -> Any: ...

class _IntegerTernary(_Ufunc, Protocol[_I8, _I16, _I32, _U8, _U16, _U32]):
    @overload
    def __call__(
        self, x: NDArray[_Wide], y: NDArray[_Wide] | int, k: NDArray[_Wide] | int, /, **options: Unpack[_Options]
    ) -> NDArray[_Wide]: ...
    @overload
    def __call__(self, x: NDArray[np.int8], y: _OrInt8, k: _OrInt8, /, **options: Unpack[_Options]) -> NDArray[_I8]: ...
    @overload
    def __call__(
        self, x: NDArray[np.int16], y: _OrInt16, k: _OrInt16, /, **options: Unpack[_Options]
    ) -> NDArray[_I16]: ...
    @overload
    def __call__(
        self, x: NDArray[np.int32], y: _OrInt32, k: _OrInt32, /, **options: Unpack[_Options]
    ) -> NDArray[_I32]: ...
    @overload
    def __call__(
        self, x: NDArray[np.uint8], y: _OrUint8, k: _OrUint8, /, **options: Unpack[_Options]
    ) -> NDArray[_U8]: ...
    @overload
    def __call__(
        self, x: NDArray[np.uint16], y: _OrUint16, k: _OrUint16, /, **options: Unpack[_Options]
    ) -> NDArray[_U16]: ...
    @overload
    def __call__(
        self, x: NDArray[np.uint32], y: _OrUint32, k: _OrUint32, /, **options: Unpack[_Options]
    ) -> NDArray[_U32]: ...
    @overload
    def __call__(
        self, x: ArrayLike, y: ArrayLike, k: ArrayLike, /, out: _Out | tuple[_Out], **options: Unpack[_AllOptions]
    ) -> _Out: ...
    @overload
    def __call__(
        self,
        x: ArrayLike,
        y: ArrayLike,
        k: ArrayLike,
        /,
        out: tuple[None] | None = None,
        **options: Unpack[_AllOptions],
    ) -> Any: ...

_Root = _Unary[
    np.float16, np.float32, np.float64, np.float64, np.float16, np.float32, np.float64, np.float64
]  # integers become the smallest float that holds them

divide: _Binary[np.int8, np.int16, np.int32, np.uint8, np.uint16, np.uint32]
divide_offset: _FloatTernary
exp2: _Root
log2: _Root
multiply: _Binary[np.int16, np.int32, np.int64, np.uint16, np.uint32, np.uint64]
multiply_ilm: _IntegerTernary[np.int16, np.int32, np.int64, np.uint16, np.uint32, np.uint64]
multiply_lmul: _FloatBinary
multiply_mbm: _FloatBinary
multiply_offset: _FloatTernary
multiply_realm: _FloatBinary
power: _FloatBinary
reciprocal: _Root
rsqrt: _Root
sqrt: _Root
square: _Unary[np.int16, np.int32, np.int64, np.int64, np.uint16, np.uint32, np.uint64, np.uint64]

@overload
def matmul(
    a: NDArray[_Product],
    b: NDArray[_Product],
    /,
    out: NDArray[_Product] | None = None,
    *,
    method: Literal["mitchell", "offset", "lmul", "mbm"] = "mitchell",
    offset: float = 0.0,
) -> NDArray[_Product]: ...
@overload
def matmul(
    a: NDArray[_Eight],
    b: NDArray[_Eight],
    /,
    out: NDArray[np.int32] | None = None,
    *,
    method: Literal["mitchell"] = "mitchell",
    offset: float = 0.0,
) -> NDArray[np.int32]: ...
@overload
def matmul(
    a: NDArray[np.int16],
    b: NDArray[np.int16],
    /,
    out: NDArray[np.int64] | None = None,
    *,
    method: Literal["mitchell"] = "mitchell",
    offset: float = 0.0,
) -> NDArray[np.int64]: ...
@overload  # bfloat16, which NumPy's stubs do not know
def matmul(
    a: NDArray[Any],
    b: NDArray[Any],
    /,
    out: NDArray[Any] | None = None,
    *,
    method: Literal["mitchell", "offset", "lmul", "mbm"] = "mitchell",
    offset: float = 0.0,
) -> NDArray[Any]: ...
