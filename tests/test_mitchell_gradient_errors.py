# SPDX-License-Identifier: BSD-3-Clause
"""Each error of the gradients of mitchell: it says which argument is wrong."""

import ml_dtypes
import numpy as np
import pytest

from fastops import mitchell

F32 = np.ones((2, 3), np.float32)
MULTIPLY_ERRORS = {
    "x_integers": (
        {"x": np.ones((2, 3), int)},
        TypeError,
        "x has dtype int64; supported: float32, float64, float16, b",
    ),
    "y_other": ({"y": F32.astype(float)}, TypeError, "y has dtype float64; float32 is needed, as x has"),
    "grad_other": ({"grad": F32.astype(float)}, TypeError, "grad has dtype float64; float32 is needed, as x has"),
    "float8": ({"x": F32.astype(ml_dtypes.float8_e5m2)}, TypeError, "x has dtype float8_e5m2; supported"),
    "swapped": ({"y": F32.astype(">f4")}, TypeError, "y is byte-swapped .*native byte order"),
    "shapes": ({"y": np.ones(2, np.float32)}, ValueError, r"y has shape \(2,\); it must broadcast.*\(2, 3\)"),
    "grad_shape": ({"grad": F32[0]}, ValueError, r"grad has shape \(3,\); \(2, 3\) is needed"),
    "mode": ({"mode": "ste"}, ValueError, "mode must be one of 'exact', 'approximate', 'straight_through', got 'ste'"),
    "offset_text": ({"offset": "a"}, TypeError, "offset must be a real number, got str"),
    "offset_none": ({"offset": None}, TypeError, "offset must be a real number, got NoneType"),
    "offset_nan": ({"offset": np.nan}, ValueError, "offset must be finite, got nan"),
    "offset_inf": ({"offset": -np.inf}, ValueError, "offset must be finite, got -inf"),
}
SQUARE = np.ones((3, 3), np.float32)
MATMUL_ERRORS = {
    "a_list": ({"a": [[1.0]]}, TypeError, "a must be a numpy.ndarray, got list"),
    "grad_list": ({"grad": [1.0]}, TypeError, "grad must be a numpy.ndarray, got list"),
    "b_integers": ({"b": SQUARE.astype(int)}, TypeError, "b has dtype int64; supported"),
    "b_other": ({"b": SQUARE.astype(float)}, TypeError, "b has dtype float64; float32 is needed, as a has"),
    "a_0d": ({"a": np.array(1, np.float32)}, ValueError, r"a has shape \(\); at least one axis"),
    "inner": ({"b": SQUARE[:2]}, ValueError, r"b has shape \(2, 3\); its axis of products must be 3 long"),
    "batch": (
        {"a": np.ones((2, 3, 3), np.float32), "b": np.ones((4, 3, 3), np.float32)},
        ValueError,
        r"b has shape \(4, 3, 3\); its leading axes must broadcast.*\(2,\)",
    ),
    "grad_shape": ({"grad": SQUARE[0]}, ValueError, r"grad has shape \(3,\); \(3, 3\) is needed"),
    "mode": ({"mode": None}, ValueError, "mode must be one of"),
    "method": (
        {"method": "realm"},
        ValueError,
        "method must be one of 'mitchell', 'offset', 'lmul', 'mbm', got 'realm'",
    ),
    "offset_of_another": (
        {"method": "lmul", "offset": 0.1},
        ValueError,
        "offset goes with method 'offset', got 0.1.* 'lmul'",
    ),
    "offset_small": ({"offset": 1e-30}, ValueError, "offset goes with method 'offset', got 1e-30 .* 'mitchell'"),
    "offset_inf": ({"method": "offset", "offset": np.inf}, ValueError, "offset must be finite, got inf"),
}


@pytest.mark.parametrize(("change", "error", "message"), MULTIPLY_ERRORS.values(), ids=MULTIPLY_ERRORS)
def test_errors_of_multiply_vjp(change, error, message):
    arguments = {"x": F32, "y": F32, "grad": F32} | change
    with pytest.raises(error, match=message):
        mitchell.multiply_vjp(arguments.pop("x"), arguments.pop("y"), arguments.pop("grad"), **arguments)


@pytest.mark.parametrize(("change", "error", "message"), MATMUL_ERRORS.values(), ids=MATMUL_ERRORS)
def test_errors_of_matmul_vjp(change, error, message):
    arguments = {"a": SQUARE, "b": SQUARE, "grad": SQUARE} | change
    with pytest.raises(error, match=message):
        mitchell.matmul_vjp(arguments.pop("a"), arguments.pop("b"), arguments.pop("grad"), **arguments)
