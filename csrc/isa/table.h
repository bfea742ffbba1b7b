/* SPDX-License-Identifier: BSD-3-Clause
 * Instantiates every kernel for ISA and puts them into one table. Included by the few lines of isa/NAME.c. */
#include "../runtime/dispatch.h"
#include "../simd/vec.h"

#include "../kernels/mitchell.h"
#include "../kernels/rope.h"

static ptrdiff_t FN(no_scratch)(fastops_type type, const void *args)
{
    (void)type, (void)args;
    return 0;
}

#define FASTOPS_LOOP_ENTRY(type, kernel) [fastops_kernel_##kernel][fastops_##type] = FN_FOR(kernel, type),

const fastops_table JOIN(fastops_table_, ISA) = {
    .name = STRING(ISA),
    .loops = {
#define FASTOPS_KERNEL(kernel, types, scratch_size, grain) types(FASTOPS_LOOP_ENTRY, kernel)
#include "../kernels/kernels.inc"
#undef FASTOPS_KERNEL
    },
    .scratch = {
#define FASTOPS_KERNEL(kernel, types, scratch_size, grain) [fastops_kernel_##kernel] = FN(scratch_size),
#include "../kernels/kernels.inc"
#undef FASTOPS_KERNEL
    },
};
