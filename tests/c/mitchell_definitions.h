/* SPDX-License-Identifier: BSD-3-Clause
 * Which element types and how many inputs the elementwise kernels of mitchell have, and what they must compute. */
#ifndef MITCHELL_DEFINITIONS_H
#define MITCHELL_DEFINITIONS_H

#include "fastops.h"

#include "mitchell_functions.h"
#include "mitchell_integers.h"

static const struct {
    const char *name;
    int in, out; /* bytes */
    int is_float, is_signed;
    format format;
} types[fastops_type_count] = {
    [fastops_f32] = {"f32", 4, 4, 1, 0, FORMAT_F32},   [fastops_f64] = {"f64", 8, 8, 1, 0, FORMAT_F64},
    [fastops_f16] = {"f16", 2, 2, 1, 0, FORMAT_F16},   [fastops_bf16] = {"bf16", 2, 2, 1, 0, FORMAT_BF16},
    [fastops_e4m3] = {"e4m3", 1, 1, 1, 0, FORMAT_E4M3}, [fastops_e5m2] = {"e5m2", 1, 1, 1, 0, FORMAT_E5M2},
    [fastops_i8] = {"i8", 1, 2, 0, 1, {0}},            [fastops_u8] = {"u8", 1, 2, 0, 0, {0}},
    [fastops_i16] = {"i16", 2, 4, 0, 1, {0}},          [fastops_u16] = {"u16", 2, 4, 0, 0, {0}},
    [fastops_i32] = {"i32", 4, 8, 0, 1, {0}},          [fastops_u32] = {"u32", 4, 8, 0, 0, {0}},
    [fastops_i64] = {"i64", 8, 8, 0, 1, {0}},          [fastops_u64] = {"u64", 8, 8, 0, 0, {0}},
};

static int is_quotient(fastops_kernel kernel) { return kernel == fastops_kernel_mitchell_divide; }
static int out_size(fastops_kernel kernel, fastops_type type)
{
    return is_quotient(kernel) ? types[type].in : types[type].out;
}

static int inputs_of(fastops_kernel kernel)
{
    switch (kernel) {
    case fastops_kernel_mitchell_square:
    case fastops_kernel_mitchell_sqrt:
    case fastops_kernel_mitchell_reciprocal:
    case fastops_kernel_mitchell_rsqrt:
    case fastops_kernel_mitchell_log2:
    case fastops_kernel_mitchell_exp2: return 1;
    case fastops_kernel_mitchell_multiply_offset:
    case fastops_kernel_mitchell_divide_offset:
    case fastops_kernel_mitchell_multiply_ilm: return 3;
    default: return 2;
    }
}

/* ---- the definitions -------------------------------------------------------------------------------------------- */

static uint64_t of_integers(fastops_kernel kernel, int size, int is_signed, const uint64_t *in, unsigned *events)
{
    const int unused = 64 - 8 * size;
    const uint64_t a = in[0], b = kernel == fastops_kernel_mitchell_square ? in[0] : in[1];
    const int a_negative = is_signed && a >> (8 * size - 1), b_negative = is_signed && b >> (8 * size - 1);
    const uint64_t x = a_negative ? -a << unused >> unused : a, y = b_negative ? -b << unused >> unused : b;
    const int ilm = kernel == fastops_kernel_mitchell_multiply_ilm;
    if (is_quotient(kernel) && b == 0)
        *events |= FASTOPS_DIVIDE_BY_ZERO;
    const uint64_t r = ilm ? iterated(x, y, in[2]) : is_quotient(kernel) ? quotient(x, y) : product(x, y);
    return a_negative != b_negative ? -r : r;
}

static uint64_t of_floats(fastops_kernel kernel, format f, const uint64_t *in)
{
    const uint64_t one = (uint64_t)f.bias << f.mantissa, a = in[0], b = in[1], c = in[2];
    switch (kernel) {
    case fastops_kernel_mitchell_divide: return mitchell_quotient(f, a, b);
    case fastops_kernel_mitchell_square: return mitchell_product(f, a, a);
    case fastops_kernel_mitchell_sqrt: return mitchell_root(f, a, 0, top_of(f), 0);
    case fastops_kernel_mitchell_reciprocal: return mitchell_quotient(f, one, a);
    case fastops_kernel_mitchell_rsqrt: return mitchell_root(f, a, top_of(f), 0, 1);
    case fastops_kernel_mitchell_log2: return mitchell_log2(f, a);
    case fastops_kernel_mitchell_exp2: return mitchell_exp2(f, a);
    case fastops_kernel_mitchell_power: return mitchell_power(f, a, b);
    case fastops_kernel_mitchell_multiply_lmul: return mitchell_lmul(f, a, b);
    case fastops_kernel_mitchell_multiply_mbm: return mitchell_corrected(f, a, b, 0);
    case fastops_kernel_mitchell_multiply_realm: return mitchell_corrected(f, a, b, 1);
    case fastops_kernel_mitchell_multiply_offset:
    case fastops_kernel_mitchell_divide_offset:
        if (is_nan(f, c) && !is_nan(f, a) && !is_nan(f, b))
            return c | quiet_bit(f);
        return mitchell_offset(f, a, b, value_of(f, c), kernel == fastops_kernel_mitchell_divide_offset);
    default: return mitchell_product(f, a, b);
    }
}

static uint64_t definition(fastops_kernel kernel, fastops_type type, const uint64_t *in, unsigned *events)
{
    if (types[type].is_float)
        return of_floats(kernel, types[type].format, in);
    return of_integers(kernel, types[type].in, types[type].is_signed, in, events);
}

#endif
