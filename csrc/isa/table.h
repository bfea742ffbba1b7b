/* SPDX-License-Identifier: BSD-3-Clause
 * Instantiates every kernel for ISA and puts them into one table. Included by the few lines of isa/NAME.c. */
#include "../runtime/dispatch.h"
#include "../simd/vec.h"

#include "../kernels/mitchell.h"
#include "../kernels/attention.h"
#include "../kernels/matmul.h"
#include "../kernels/rope.h"

static fastops_needs FN(nothing)(fastops_type type, const void *args, int threads)
{
    (void)type, (void)args, (void)threads;
    return (fastops_needs){.phases = 1};
}

#define FASTOPS_LOOP_ENTRY(type, kernel) [fastops_kernel_##kernel][fastops_##type] = FN_FOR(kernel, type),

const fastops_table JOIN(fastops_table_, ISA) = {
    .name = STRING(ISA),
    .loops = {
#define FASTOPS_KERNEL(kernel, types, needs, grain) types(FASTOPS_LOOP_ENTRY, kernel)
#include "../kernels/kernels.inc"
#undef FASTOPS_KERNEL
    },
    .needs = {
#define FASTOPS_KERNEL(kernel, types, needs, grain) [fastops_kernel_##kernel] = FN(needs),
#include "../kernels/kernels.inc"
#undef FASTOPS_KERNEL
    },
};
