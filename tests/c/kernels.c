/* SPDX-License-Identifier: BSD-3-Clause
 * Calls every kernel without Python, for every element type, on every ISA that this CPU can run, and compares it with
 * a scalar definition and, bit for bit, with the first ISA. One line per kernel and ISA, exit status 1 if one failed.
 * With an argument n, every n-th case only. tests/test_c.py builds and runs it, with sanitizers too.
 */
#define _POSIX_C_SOURCE 200809L
#include "fastops.h"

#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A kernel of the list that has no test_NAME does not link. */
#define FASTOPS_KERNEL(name, types, needs, grain) void test_##name(fastops_type type);
#include "kernels/kernels.inc"
#undef FASTOPS_KERNEL

#define FASTOPS_KERNEL(kernel, types, needs, grain) {#kernel, test_##kernel, grain},
static const struct {
    const char *name;
    void (*test)(fastops_type type);
    ptrdiff_t grain;
} tests[] = {
#include "kernels/kernels.inc"
};

void *scratch_for(fastops_kernel kernel, fastops_type type, const void *args, int threads)
{
    const ptrdiff_t size = fastops_scratch(kernel, type, args, threads);
    void *scratch = NULL;
    if (size < 0 || size % 64)
        wrong("%td bytes of scratch", size);
    if (size && posix_memalign(&scratch, 64, (size_t)size) != 0)
        exit(2);
    return scratch;
}

/* ---- choosing an ISA, planning ---------------------------------------------------------------------------------- */

static const char *last_usable(void)
{
    const char *name = NULL;
    for (int i = 0; i < fastops_isa_count(); i++)
        if (fastops_isa_usable(i))
            name = fastops_isa_name(i);
    return name;
}

static void test_init(void)
{
    char message[256] = "", little[9] = "";
    setenv("FASTOPS_ISA", "pdp11", 1);
    if (fastops_init(message, sizeof message) != -1 || !strstr(message, "FASTOPS_ISA=pdp11"))
        wrong("FASTOPS_ISA=pdp11 gives '%s'", message);
    if (fastops_init(little, sizeof little) != -1 || strlen(little) != sizeof little - 1)
        wrong("a short buffer holds '%s'", little);
    for (int i = 0; i < fastops_isa_count(); i++) {
        const char *name = fastops_isa_name(i);
        char ignored[256];
        setenv("FASTOPS_ISA", name, 1);
        const int refused = fastops_init(ignored, sizeof ignored);
        if (fastops_isa_usable(i) ? refused || strcmp(fastops_isa(), name) || !strstr(message, name) : !refused)
            wrong("FASTOPS_ISA=%s gives %d, %s, '%s'", name, refused, fastops_isa(), message);
    }
    setenv("FASTOPS_ISA", "", 1); /* as unset */
    if (fastops_init(message, sizeof message) || strcmp(fastops_isa(), last_usable()))
        wrong("the default is %s", fastops_isa());
    unsetenv("FASTOPS_ISA");
    if (fastops_init(message, sizeof message) || strcmp(fastops_isa(), last_usable()))
        wrong("the default is %s", fastops_isa());
    if (fastops_isa_use("pdp11") != -1 || fastops_isa_use("") != -1 || strcmp(fastops_isa(), last_usable()))
        wrong("an unknown ISA was taken");
    section("init and choice of ISA");
}

static void test_plan(void)
{
    for (int k = 0; k < fastops_kernel_count; k++) {
        const fastops_kernel kernel = (fastops_kernel)k;
        const ptrdiff_t grain = tests[k].grain;
        if (strcmp(fastops_kernel_name(kernel), tests[k].name) != 0)
            wrong("kernel %d is %s, not %s", k, fastops_kernel_name(kernel), tests[k].name);
        fastops_set_num_threads(2);
        if (fastops_plan(kernel, 0) != 1 || fastops_plan(kernel, grain - 1) != 1 || fastops_plan(kernel, grain) != 2 ||
            fastops_plan(kernel, PTRDIFF_MAX) != 2)
            wrong("%s: 2 threads are planned as %d %d %d %d", tests[k].name, fastops_plan(kernel, 0),
                  fastops_plan(kernel, grain - 1), fastops_plan(kernel, grain), fastops_plan(kernel, PTRDIFF_MAX));
        fastops_set_num_threads(1);
        if (fastops_plan(kernel, PTRDIFF_MAX) != 1)
            wrong("%s: 1 thread is planned as %d", tests[k].name, fastops_plan(kernel, PTRDIFF_MAX));
    }
    fastops_set_num_threads(2);
    section("names, and threads worth using");
}

/* ---- kernels ---------------------------------------------------------------------------------------------------- */

static void test_kernel(int k, const char *isa, const char *first, uint64_t *first_digest)
{
    int types = 0;
    digest = 0;
    for (int type = 0; type < fastops_type_count; type++)
        if (fastops_kernel_has((fastops_kernel)k, (fastops_type)type)) {
            random_seed((uint64_t)type);
            tests[k].test((fastops_type)type);
            types++;
        }
    if (types == 0)
        wrong("no element type");
    if (strcmp(isa, first) == 0)
        *first_digest = digest;
    else if (*first_digest != digest)
        wrong("not the bits of %s", first);
    section("%s %s, %d types", tests[k].name, isa, types);
}

int main(int argc, char **argv)
{
    uint64_t first_digests[fastops_kernel_count];
    const char *first = NULL;
    thin_out(argc > 1 ? atoi(argv[1]) : 1);
    test_init();
    test_plan();
    for (int i = 0; i < fastops_isa_count(); i++) {
        const char *isa = fastops_isa_name(i);
        if (!fastops_isa_usable(i)) {
            printf("skip   %s: not on this CPU\n", isa);
            continue;
        }
        if (fastops_isa_use(isa) != 0 || strcmp(fastops_isa(), isa) != 0)
            wrong("%s cannot be chosen", isa);
        first = first ? first : isa;
        for (int k = 0; k < fastops_kernel_count; k++)
            test_kernel(k, isa, first, &first_digests[k]);
    }
    return summary();
}
