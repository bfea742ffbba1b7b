from typing import Literal, NamedTuple, SupportsFloat, SupportsIndex, TypeAlias

from numpy.typing import DTypeLike

__all__ = ["ErrorStatistics", "error_statistics"]

_Product: TypeAlias = Literal["mitchell", "offset", "lmul", "mbm", "realm", "ilm"]
_Quotient: TypeAlias = Literal["divide", "divide_offset"]
_Function: TypeAlias = Literal["square", "sqrt", "reciprocal", "rsqrt", "log2", "exp2"]

class ErrorStatistics(NamedTuple):
    bias: float
    mean_absolute: float
    rms: float
    minimum: float
    maximum: float

def error_statistics(
    method: _Product | _Quotient | _Function,
    dtype: DTypeLike,
    *,
    offset: SupportsFloat = 0.0,
    corrections: SupportsIndex = 0,
) -> ErrorStatistics: ...
