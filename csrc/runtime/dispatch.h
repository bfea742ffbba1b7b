/* SPDX-License-Identifier: BSD-3-Clause
 * What isa/NAME.c gives to dispatch.c: one table of loops. */
#ifndef FASTOPS_DISPATCH_H
#define FASTOPS_DISPATCH_H

#include "../fastops.h"

/* Works on items [begin, end); scratch as declared. Returns events. */
typedef unsigned fastops_loop(const void *args, ptrdiff_t begin, ptrdiff_t end, void *scratch);
typedef ptrdiff_t fastops_scratch_size(fastops_type type, const void *args);

typedef struct {
    const char *name;
    fastops_loop *loops[fastops_kernel_count][fastops_type_count];
    fastops_scratch_size *scratch[fastops_kernel_count];
} fastops_table;

extern const fastops_table fastops_table_base, fastops_table_x86v3, fastops_table_x86v4, fastops_table_neon;

#endif
