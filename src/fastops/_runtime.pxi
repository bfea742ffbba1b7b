# SPDX-License-Identifier: BSD-3-Clause
# ISA and threads, as Python sees them; scratch memory; hooks for the tests.

def get_num_threads():
    """Return the number of threads that a call may use.

    The default is the first of ``FASTOPS_NUM_THREADS``, ``OMP_NUM_THREADS`` and the CPUs that the process may use
    (affinity and cgroup quota).

    Returns
    -------
    int

    Examples
    --------
    >>> import fastops
    >>> fastops.get_num_threads() >= 1
    True
    """
    return fastops_get_num_threads()


def set_num_threads(n):
    """Set the number of threads that a call may use, for the whole process.

    Results do not depend on it, to the bit.

    Parameters
    ----------
    n : int
        From 1 to 256.

    Raises
    ------
    TypeError
        If `n` is not an integer.
    ValueError
        If `n` is out of range.

    Examples
    --------
    >>> import fastops
    >>> before = fastops.get_num_threads()
    >>> fastops.set_num_threads(1)
    >>> fastops.get_num_threads()
    1
    >>> fastops.set_num_threads(before)
    """
    count = _integer("n", n)
    if not 1 <= count <= FASTOPS_MAX_THREADS:
        raise ValueError(f"n must be from 1 to {FASTOPS_MAX_THREADS}, got {count}")
    fastops_set_num_threads(count)


def _isa():
    return fastops_isa().decode()


def _isa_names():
    """Tables of this build that this machine can run, worst first."""
    return [fastops_isa_name(i).decode() for i in range(fastops_isa_count()) if fastops_isa_usable(i)]


def _use_isa(name):
    """Switch tables. For tests: no kernel may be running in another thread."""
    if fastops_isa_use(name.encode()) != 0:
        raise ValueError(f"name must be one of {', '.join(_isa_names())}, got {name!r}")


_TYPE_NAMES = "f32 f64 f16 bf16 e4m3 e5m2 i8 u8 i16 u16 i32 u32 i64 u64".split()


def _kernels():
    """The kernel list: name -> names of its element types."""
    return {
        fastops_kernel_name(<fastops_kernel>kernel).decode(): [
            _TYPE_NAMES[type] for type in range(fastops_type_count)
            if fastops_kernel_has(<fastops_kernel>kernel, <fastops_type>type)
        ]
        for kernel in range(fastops_kernel_count)
    }


# ---- scratch memory: the only allocation that is not an array ------------------------------------------------------

cdef int _failing = -1


def _fail_allocation(n):
    """Make the n-th allocation from now on fail (0: the next one), once. For tests."""
    global _failing
    _failing = n


cdef int _allocate(fastops_kernel kernel, fastops_type type, const void *args, int threads,
                   void **memory, void **scratch) except -1:
    """Scratch for a run: *scratch is 64-byte aligned inside *memory, which the caller frees; both NULL for none."""
    global _failing
    cdef ptrdiff_t size = fastops_scratch(kernel, type, args, threads)
    memory[0] = scratch[0] = NULL
    if size == 0:
        return 0
    if _failing != 0:
        memory[0] = malloc(size + 63)
    if _failing >= 0:
        _failing -= 1
    if memory[0] == NULL:
        raise MemoryError(f"no memory for {size} bytes of scratch")
    scratch[0] = <void *>((<size_t>memory[0] + 63) & ~<size_t>63)
    return 0
