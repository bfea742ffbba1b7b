# SPDX-License-Identifier: BSD-3-Clause
# csrc/fastops.h, as much of it as the boundary calls.

cdef extern from "fastops.h" nogil:
    ctypedef enum fastops_type:
        fastops_f32, fastops_f64, fastops_f16, fastops_bf16, fastops_e4m3, fastops_e5m2
        fastops_i8, fastops_u8, fastops_i16, fastops_u16, fastops_i32, fastops_u32, fastops_i64, fastops_u64
        fastops_type_count

    ctypedef enum fastops_kernel:
        fastops_kernel_mitchell_multiply, fastops_kernel_mitchell_divide, fastops_kernel_mitchell_square
        fastops_kernel_mitchell_sqrt, fastops_kernel_mitchell_reciprocal, fastops_kernel_mitchell_rsqrt
        fastops_kernel_mitchell_log2, fastops_kernel_mitchell_exp2, fastops_kernel_mitchell_power
        fastops_kernel_mitchell_multiply_offset, fastops_kernel_mitchell_divide_offset
        fastops_kernel_mitchell_multiply_lmul, fastops_kernel_mitchell_multiply_mbm
        fastops_kernel_mitchell_multiply_realm, fastops_kernel_mitchell_multiply_ilm
        fastops_kernel_mitchell_matmul
        fastops_kernel_rope_table, fastops_kernel_rope_rotate
        fastops_kernel_attention_softmax, fastops_kernel_attention_features
        fastops_kernel_count

    enum:
        FASTOPS_DIVIDE_BY_ZERO
        FASTOPS_MAX_DIMS
        FASTOPS_MAX_THREADS
        FASTOPS_STREAM_BYTES
        FASTOPS_MAX_INPUTS

    ctypedef struct fastops_elementwise:
        const char *in_ "in"[3]
        char *out
        ptrdiff_t in_stride[3]
        ptrdiff_t out_stride
        int in_order, stream

    ctypedef struct fastops_matmul:
        const char *a
        const char *b
        char *c
        double offset
        int mbm
        ptrdiff_t m, n, k
        ptrdiff_t a_row, a_column, b_row, b_column, c_row, c_column

    ctypedef struct fastops_heads:
        const char *data
        ptrdiff_t batch, head, token, lane

    ctypedef struct fastops_attention:
        fastops_heads q, k, v, out, weight
        ptrdiff_t batches, heads, kv_heads, n, n_kv, d, dv
        double scale
        int causal

    ctypedef struct fastops_attention_features:
        fastops_attention attention
        const void *w
        ptrdiff_t features

    ctypedef struct fastops_rope_table:
        const double *positions
        const double *inverse
        const ptrdiff_t *axes
        ptrdiff_t coordinates
        void *cos
        void *sin
        ptrdiff_t pairs
        double factor
        int angle_in_f32

    ctypedef struct fastops_rope_rotate:
        const char *x
        const char *cos
        const char *sin
        char *out
        ptrdiff_t lanes, start, pairs
        int interleaved, full_width, transpose, ndim
        ptrdiff_t x_lane, out_lane, cos_lane, sin_lane
        ptrdiff_t shape[64]
        ptrdiff_t x_strides[64]
        ptrdiff_t out_strides[64]
        ptrdiff_t cos_strides[64]
        ptrdiff_t sin_strides[64]

    int fastops_init(char *message, size_t size)
    int fastops_isa_count()
    const char *fastops_isa_name(int index)
    int fastops_isa_usable(int index)
    const char *fastops_isa()
    int fastops_isa_use(const char *name)
    const char *fastops_kernel_name(fastops_kernel kernel)
    int fastops_kernel_has(fastops_kernel kernel, fastops_type type)
    int fastops_get_num_threads()
    void fastops_set_num_threads(int count)
    int fastops_plan(fastops_kernel kernel, ptrdiff_t bytes)
    ptrdiff_t fastops_scratch(fastops_kernel kernel, fastops_type type, const void *args, int threads)
    unsigned fastops_run(fastops_kernel kernel, fastops_type type, const void *args, ptrdiff_t items, int threads,
                         void *scratch)
