from collections.abc import Sequence
from typing import Literal, SupportsIndex, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["RandomFeatures", "random_feature_attention", "softmax_attention"]

_Float = TypeVar("_Float", np.float32, np.float64)

class RandomFeatures:
    kind: Literal["positive", "hyperbolic"]
    projection: NDArray[np.float64]
    def __init__(
        self,
        head_dim: SupportsIndex,
        num_features: SupportsIndex = 256,
        *,
        kind: Literal["positive", "hyperbolic"] = "positive",
        projection: Literal["orthogonal", "iid"] = "orthogonal",
        norms: Literal["chi", "sqrt_d"] = "chi",
        seed: int | Sequence[int] | np.random.Generator | None = None,
    ) -> None: ...
    @classmethod
    def from_projection(cls, projection: ArrayLike) -> RandomFeatures: ...
    def log_features(self, x: ArrayLike) -> NDArray[np.float64]: ...
    @property
    def fingerprint(self) -> str: ...

def softmax_attention(
    q: NDArray[_Float],
    k: NDArray[_Float],
    v: NDArray[_Float],
    *,
    causal: bool = False,
    scale: float | None = None,
    key_log_weight: ArrayLike | None = None,
    out: NDArray[_Float] | None = None,
) -> NDArray[_Float]: ...
def random_feature_attention(
    q: NDArray[_Float],
    k: NDArray[_Float],
    v: NDArray[_Float],
    features: RandomFeatures,
    *,
    causal: bool = False,
    scale: float | None = None,
    key_log_weight: ArrayLike | None = None,
    out: NDArray[_Float] | None = None,
) -> NDArray[_Float]: ...
