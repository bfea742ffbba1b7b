/* SPDX-License-Identifier: BSD-3-Clause
 * What isa/NAME.c gives to dispatch.c: one table of loops. */
#ifndef FASTOPS_DISPATCH_H
#define FASTOPS_DISPATCH_H

#include "../fastops.h"

/* What one call of a loop works on: items [begin, end) of a phase. */
typedef struct {
    ptrdiff_t begin, end;
    int phase, threads;
    void *scratch, *shared; /* of this thread; of all */
} fastops_part;

/* Returns events. */
typedef unsigned fastops_loop(const void *args, const fastops_part *part);

/* What a call needs beside its arguments. A phase begins when all parts of the one before are done. */
typedef struct {
    ptrdiff_t thread_bytes, shared_bytes;
    ptrdiff_t phases;
    ptrdiff_t items[2]; /* of even and odd phases; items[0] is 0 where the caller knows */
} fastops_needs;

typedef fastops_needs fastops_needs_of(fastops_type type, const void *args, int threads);

typedef struct {
    const char *name;
    fastops_loop *loops[fastops_kernel_count][fastops_type_count];
    fastops_needs_of *needs[fastops_kernel_count];
} fastops_table;

extern const fastops_table fastops_table_base, fastops_table_x86v3, fastops_table_x86v4, fastops_table_neon;

#endif
