# SPDX-License-Identifier: BSD-3-Clause
# attention.softmax_attention, attention.random_feature_attention

cdef double _LOG2_E = 1.4426950408889634

ctypedef struct Attention:
    # The kernel's arguments, and what run() needs beside them.
    fastops_attention_features args
    fastops_kernel kernel
    fastops_type type


cdef int _set_heads(fastops_heads *to, cnp.ndarray x, int token_axis) except -1:
    """Strides of (batch, head, token, lane); token_axis counts from the end, -2 or, where lanes lack, -1."""
    cdef int ndim = cnp.PyArray_NDIM(x), token = ndim + token_axis
    to.data = <const char *>cnp.PyArray_DATA(x)
    to.lane = cnp.PyArray_STRIDE(x, ndim - 1) if token_axis == -2 else 0
    to.token = cnp.PyArray_STRIDE(x, token)
    to.head = cnp.PyArray_STRIDE(x, token - 1)
    to.batch = cnp.PyArray_STRIDE(x, token - 2)
    return 0


cdef tuple _set_sizes(Attention *a, cnp.ndarray queries, cnp.ndarray keys, cnp.ndarray values, bint causal):
    """Check the operands against each other, fill the sizes, return the leading axes."""
    cdef fastops_attention *s = &a.args.attention
    cdef object q = queries, k = keys, v = values
    a.type = _type("q", queries, a.kernel)
    for name, x in (("k", k), ("v", v)):
        if x.dtype != q.dtype:
            _type(name, x, a.kernel)
            raise TypeError(f"{name} has dtype {x.dtype}; {q.dtype} is needed, as q has")
    for name, x in (("q", q), ("k", k), ("v", v)):
        if x.ndim < 2:
            raise _shape_error(name, x, "at least two axes are needed, (..., heads, tokens, lanes)")
    n, d = q.shape[-2:]
    n_kv, dv = v.shape[-2:]
    heads, kv_heads, v_heads = (x.shape[-3] if x.ndim > 2 else 1 for x in (q, k, v))
    if k.shape[-1] != d:
        raise _shape_error("k", keys, f"its last axis must be {d} long, as that of q")
    if k.shape[-2] != n_kv:
        raise _shape_error("v", values, f"it must have {k.shape[-2]} tokens, as k has")
    if v_heads != kv_heads:
        raise _shape_error("v", values, f"it must have {kv_heads} heads, as k has")
    if kv_heads == 0 or heads % kv_heads:
        raise _shape_error("q", queries, f"its {heads} heads must be a multiple of the {kv_heads} of k")
    if causal and n != n_kv:
        raise _shape_error("k", keys, f"causal attention needs as many keys as queries, {n}")
    if d == 0:
        raise _shape_error("q", queries, "its last axis must not be empty")
    s.heads, s.kv_heads, s.n, s.n_kv, s.d, s.dv, s.causal = heads, kv_heads, n, n_kv, d, dv, causal
    try:
        return np.broadcast_shapes(q.shape[:-3], k.shape[:-3], v.shape[:-3])
    except ValueError:
        raise _shape_error("q", queries, f"its leading axes must broadcast against those of k, {k.shape[:-3]}, and v, "
                                         f"{v.shape[:-3]}") from None


cdef _log_weight(key_log_weight, dtype, tuple shape):
    """In base 2, one for each key; None for none."""
    if key_log_weight is None:
        return None
    weight = np.asarray(key_log_weight)
    if weight.dtype.kind not in "iuf":
        raise TypeError(f"key_log_weight has dtype {weight.dtype}; real numbers are needed")
    try:
        return np.broadcast_to((weight * _LOG2_E).astype(dtype), shape)
    except ValueError:
        raise ValueError(f"key_log_weight has shape {weight.shape}; it must broadcast to {shape}, one for each "
                         "key") from None


cdef _attend(Attention *a, q, k, v, bint causal, scale, key_log_weight, out):
    """Check operands, run the kernel once for every index of all leading axes but the last, return the output."""
    cdef cnp.ndarray queries = _array("q", q), keys = _array("k", k), values = _array("v", v), result
    cdef fastops_attention *s = &a.args.attention
    batch = _set_sizes(a, queries, keys, values, causal)
    s.scale = _LOG2_E * (1 / sqrt(s.d) if scale is None else float(scale))
    if not abs(s.scale) < float("inf"):
        raise ValueError(f"scale must be finite, got {scale!r}")
    weight = _log_weight(key_log_weight, q.dtype, batch + (s.kv_heads, s.n_kv))
    shape = batch + ((s.heads,) if q.ndim > 2 or batch else ()) + (s.n, s.dv)
    result = _result(out, shape, cnp.PyArray_TYPE(queries), (("q", queries), ("k", keys), ("v", values)))
    if result.size == 0:
        return result
    if s.n_kv == 0:
        (<object>result)[...] = 0
        return result
    s.batches = batch[-1] if batch else 1
    full = batch if batch else (1,)
    views = (np.broadcast_to(q if q.ndim > 2 else q[None], full + (s.heads, s.n, s.d)),
             np.broadcast_to(k if k.ndim > 2 else k[None], full + (s.kv_heads, s.n_kv, s.d)),
             np.broadcast_to(v if v.ndim > 2 else v[None], full + (s.kv_heads, s.n_kv, s.dv)),
             (<object>result).reshape(full + (s.heads, s.n, s.dv)))
    if weight is not None:
        weight = np.broadcast_to(weight, full + (s.kv_heads, s.n_kv))
    _run_attention(a, full[:-1], views, weight)
    return result


cdef int _run_attention(Attention *a, outer, views, weight) except -1:
    cdef fastops_attention *s = &a.args.attention
    cdef void *memory
    cdef void *scratch
    cdef ptrdiff_t size = s.batches * s.heads * s.n * s.n_kv
    cdef int threads = fastops_plan(a.kernel, size * 4)
    s.weight.data = NULL
    _allocate(a.kernel, a.type, &a.args, threads, &memory, &scratch)
    try:
        for index in np.ndindex(outer):
            q, k, v, out = (x[index] for x in views)
            _set_heads(&s.q, q, -2)
            _set_heads(&s.k, k, -2)
            _set_heads(&s.v, v, -2)
            _set_heads(&s.out, out, -2)
            if weight is not None:
                _set_heads(&s.weight, weight[index], -1)
            with nogil:
                fastops_run(a.kernel, a.type, &a.args, 0, threads, scratch)
    finally:
        free(memory)
    return 0


def softmax_attention(q, k, v, *, causal=False, scale=None, key_log_weight=None, out=None):
    """Return the exact attention of queries to keys and values, in tiles: no matrix of scores is ever held.

    Parameters
    ----------
    q : ndarray of float32 or float64, shape (..., heads, n, d)
    k : ndarray of the same dtype, shape (..., kv_heads, n_kv, d)
    v : ndarray of the same dtype, shape (..., kv_heads, n_kv, dv)
        `heads` must be a multiple of `kv_heads`: consecutive queries' heads share one of keys and values. Leading axes
        broadcast; any strides.
    causal : bool
        Query i sees keys 0 to i only. Needs as many keys as queries.
    scale : float, optional
        Of the products q . k; default 1 / sqrt(d).
    key_log_weight : array_like, optional
        Broadcasts to ``k.shape[:-1]`` and is added to the scores of each key; -inf masks a key, whatever it holds.
    out : ndarray, optional
        Where to write. Must not overlap an input.

    Returns
    -------
    ndarray, shape (..., heads, n, dv)
        A query whose keys are all masked gives 0.

    Raises
    ------
    TypeError
        If an argument is not an array, or dtypes differ or are not supported.
    ValueError
        If shapes do not fit, `scale` is not finite, or `out` is read-only or overlaps an input. Nothing is written
        then.
    MemoryError
        If there is no memory for the result or the tiles.

    Notes
    -----
    The bits are the same for any number of threads, and causal outputs do not depend on later keys in any bit.
    Instruction sets agree to the rounding of their sums. A key whose score is below -2**100 counts as masked.

    Examples
    --------
    >>> import numpy as np
    >>> from fastops import attention
    >>> q = k = np.zeros((1, 3, 4), np.float32)
    >>> v = np.arange(6, dtype=np.float32).reshape(1, 3, 2)
    >>> attention.softmax_attention(q, k, v, causal=True)
    array([[[0., 1.],
            [1., 2.],
            [2., 3.]]], dtype=float32)
    """
    cdef Attention a
    a.kernel = fastops_kernel_attention_softmax
    return _attend(&a, q, k, v, causal, scale, key_log_weight, out)


def random_feature_attention(q, k, v, features, *, causal=False, scale=None, key_log_weight=None, out=None):
    """Return an estimate of the attention of queries to keys and values, in time linear in their number.

    Parameters
    ----------
    q, k, v, causal, scale, key_log_weight, out
        As for `softmax_attention`.
    features : RandomFeatures
        Of the same head dimension.

    Returns
    -------
    ndarray, shape (..., heads, n, dv)

    Raises
    ------
    TypeError, ValueError, MemoryError
        As for `softmax_attention`; if `features` are of another head dimension, or `scale` is negative.

    Notes
    -----
    exp(scale q . k) is replaced by the mean over features of exp(w . x - |x|**2 / 2) exp(w . y - |y|**2 / 2), where
    x = sqrt(scale) q and y = sqrt(scale) k; sums over keys are then taken once, for all queries. The estimate of the
    kernel is unbiased; its error grows with the size of x and y, and may exceed that of the plain mean of v: check it.

    Features are kept in powers of two under a running maximum of each feature. Nothing is added to denominators, so
    that nothing vanishes or leaks; causal outputs do not depend on later keys in any bit, and no number of threads
    changes one. No array of n times the number of features is made.

    Source: K. Choromanski et al., Rethinking attention with Performers (2021).

    Examples
    --------
    >>> import numpy as np
    >>> from fastops import attention
    >>> rng = np.random.default_rng(0)
    >>> q, k, v = 0.3 * rng.standard_normal((3, 1, 100, 16))
    >>> exact = attention.softmax_attention(q, k, v)
    >>> estimate = attention.random_feature_attention(q, k, v, attention.RandomFeatures(16, 512, seed=0))
    >>> bool(np.abs(estimate - exact).max() < 0.02)
    True
    """
    cdef Attention a
    cdef cnp.ndarray rows
    cdef ptrdiff_t count
    a.kernel = fastops_kernel_attention_features
    projection = features.projection
    if not isinstance(q, np.ndarray) or q.ndim == 0 or q.shape[-1] != projection.shape[1]:
        raise _shape_error("q", _array("q", q), f"its last axis must be {projection.shape[1]} long, as features say")
    factor = 1 / q.shape[-1] ** 0.5 if scale is None else float(scale)
    if not factor >= 0:
        raise ValueError(f"scale must be at least 0, got {scale!r}")
    _type("q", q, a.kernel)
    count = projection.shape[0]
    # whole tiles of rows; those past the last feature are read to no effect
    rows = np.zeros((count + -count % 6, projection.shape[1]), dtype=q.dtype)
    (<object>rows)[:count] = projection * (factor ** 0.5 * _LOG2_E)
    a.args.w = cnp.PyArray_DATA(rows)
    a.args.features = count
    return _attend(&a, q, k, v, causal, scale, key_log_weight, out)
