# SPDX-License-Identifier: BSD-3-Clause
# cython: language_level=3, binding=True, freethreading_compatible=True, initializedcheck=False
"""The Python boundary of the C kernels: checks, allocation, errors, ufunc registration, GIL. One part a file."""

cimport cython
cimport numpy as cnp
from cpython.ref cimport PyObject
from libc.math cimport INFINITY, sqrt
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t
from libc.stdlib cimport free, malloc

from fastops._c cimport *

import numpy as np

cnp.import_array()
cnp.import_umath()

cdef extern from *:
    const char *FASTOPS_VERSION
    const char *FASTOPS_FINGERPRINT

__version__ = FASTOPS_VERSION.decode()
_fingerprint = FASTOPS_FINGERPRINT.decode()


cdef _initialise():
    cdef char message[256]
    if fastops_init(message, sizeof(message)) != 0:
        raise ImportError(message.decode(errors="replace"))

_initialise()

include "_runtime.pxi"
include "_checks.pxi"
include "_ufuncs.pxi"
include "_mitchell.pxi"
include "_mitchell_functions.pxi"
include "_mitchell_ilm.pxi"
include "_rope.pxi"
include "_rotary.pxi"
include "_matmul.pxi"
include "_attention.pxi"
