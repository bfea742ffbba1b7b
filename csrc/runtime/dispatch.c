/* SPDX-License-Identifier: BSD-3-Clause
 * Chooses one ISA table at load, and runs kernels from it. Compiled for the oldest CPU: what stands here must run
 * on a machine that has nothing, to say so. */
#include "dispatch.h"
#include "threads.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

/* ---- what this machine can run --------------------------------------------------------------------------------- */

#if defined(__x86_64__)
/* Register state that the operating system saves on a context switch. */
static unsigned long long saved_state(void)
{
    unsigned eax, edx;
    __asm__ volatile("xgetbv" : "=a"(eax), "=d"(edx) : "c"(0));
    return ((unsigned long long)edx << 32) | eax;
}

#define HAS(reg, bits) (((reg) & (bits)) == (bits))

static int x86_level(void)
{
    unsigned eax, ebx, ecx, edx, ebx7 = 0, ecx_ext = 0;
    if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx))
        return 1;
    const unsigned v2 = bit_SSE3 | bit_SSSE3 | bit_SSE4_1 | bit_SSE4_2 | bit_POPCNT | bit_CMPXCHG16B;
    const unsigned v3 = bit_AVX | bit_FMA | bit_F16C | bit_MOVBE | bit_OSXSAVE;
    if (!HAS(ecx, v2))
        return 1;
    if (!HAS(ecx, v3))
        return 2;
    unsigned unused;
    if (!__get_cpuid_count(7, 0, &unused, &ebx7, &unused, &unused))
        return 2;
    if (!__get_cpuid(0x80000001, &unused, &unused, &ecx_ext, &unused))
        return 2;
    const unsigned ymm = 0x6, zmm = 0xe6; /* XCR0: sse + avx; also opmask + both halves of zmm */
    const unsigned long long saved = saved_state();
    if (!HAS(saved, ymm) || !HAS(ebx7, (unsigned)(bit_AVX2 | bit_BMI | bit_BMI2)) || !HAS(ecx_ext, bit_LZCNT))
        return 2;
    const unsigned v4 = bit_AVX512F | bit_AVX512BW | bit_AVX512CD | bit_AVX512DQ | bit_AVX512VL;
    return HAS(saved, zmm) && HAS(ebx7, v4) ? 4 : 3;
}

#else
static int x86_level(void) { return 4; }
#endif

/* Worst first: the last usable one is the default. level: of x86-64; of no meaning elsewhere. */
static const struct {
    const fastops_table *table;
    int level;
} tables[] = {
#ifdef FASTOPS_HAVE_base
    {&fastops_table_base, 2},
#endif
#ifdef FASTOPS_HAVE_x86v3
    {&fastops_table_x86v3, 3},
#endif
#ifdef FASTOPS_HAVE_x86v4
    {&fastops_table_x86v4, 4},
#endif
#ifdef FASTOPS_HAVE_neon
    {&fastops_table_neon, 0},
#endif
};
enum { table_count = sizeof tables / sizeof tables[0] };

/* Written by fastops_init and the test hook only, when no kernel runs. */
static const fastops_table *chosen;

int fastops_isa_count(void) { return table_count; }
const char *fastops_isa_name(int index) { return tables[index].table->name; }
int fastops_isa_usable(int index) { return x86_level() >= tables[index].level; }
const char *fastops_isa(void) { return chosen->name; }

int fastops_isa_use(const char *name)
{
    for (int i = 0; i < table_count; i++)
        if (strcmp(fastops_isa_name(i), name) == 0 && fastops_isa_usable(i)) {
            chosen = tables[i].table;
            return 0;
        }
    return -1;
}

int fastops_init(char *message, size_t size)
{
    char possible[128] = "";
    for (int i = 0; i < table_count; i++) {
        if (!fastops_isa_usable(i))
            continue;
        chosen = tables[i].table;
        const size_t used = strlen(possible);
        snprintf(possible + used, sizeof possible - used, "%s%s", used ? ", " : "", chosen->name);
    }
    if (!chosen) {
        snprintf(message, size,
                 "this CPU is too old for fastops: it needs x86-64-v2 (SSE4.2 and POPCNT, about 2009)");
        return -1;
    }
    const char *wanted = getenv("FASTOPS_ISA");
    if (wanted && *wanted && fastops_isa_use(wanted) != 0) {
        snprintf(message, size, "FASTOPS_ISA=%.32s is not possible on this CPU with this build; possible: %s", wanted,
                 possible);
        return -1;
    }
    return fastops_threads_init(message, size);
}

/* ---- kernels --------------------------------------------------------------------------------------------------- */

#define FASTOPS_KERNEL(name, types, needs, grain) {#name, grain},
static const struct {
    const char *name;
    ptrdiff_t grain;
} kernels[] = {
#include "../kernels/kernels.inc"
};

const char *fastops_kernel_name(fastops_kernel kernel) { return kernels[kernel].name; }

int fastops_kernel_has(fastops_kernel kernel, fastops_type type)
{
    return tables[0].table->loops[kernel][type] != NULL;
}

int fastops_plan(fastops_kernel kernel, ptrdiff_t bytes)
{
    const ptrdiff_t most = 1 + bytes / kernels[kernel].grain;
    const int threads = fastops_get_num_threads();
    return most < threads ? (int)most : threads;
}

static ptrdiff_t aligned(ptrdiff_t bytes) { return (bytes + 63) / 64 * 64; }

ptrdiff_t fastops_scratch(fastops_kernel kernel, fastops_type type, const void *args, int threads)
{
    const fastops_needs needs = chosen->needs[kernel](type, args, threads);
    return aligned(needs.thread_bytes) * threads + aligned(needs.shared_bytes);
}

typedef struct {
    fastops_loop *loop;
    const void *args;
    char *scratch, *shared;
    ptrdiff_t thread_bytes, items, parts;
    int phase, threads;
    atomic_uint events;
} job;

static void run_part(void *context, ptrdiff_t task, int worker)
{
    job *j = context;
    /* part sizes differ by at most one item */
    const ptrdiff_t size = j->items / j->parts, longer = j->items % j->parts;
    const ptrdiff_t begin = task * size + (task < longer ? task : longer);
    const fastops_part part = {.begin = begin,
                               .end = begin + size + (task < longer),
                               .phase = j->phase,
                               .threads = j->threads,
                               .scratch = j->scratch ? j->scratch + worker * j->thread_bytes : NULL,
                               .shared = j->shared};
    const unsigned events = j->loop(j->args, &part);
    if (events)
        atomic_fetch_or_explicit(&j->events, events, memory_order_relaxed);
}

unsigned fastops_run(fastops_kernel kernel, fastops_type type, const void *args, ptrdiff_t items, int threads,
                     void *scratch)
{
    const fastops_needs needs = chosen->needs[kernel](type, args, threads);
    job j = {.loop = chosen->loops[kernel][type],
             .args = args,
             .scratch = scratch,
             .thread_bytes = aligned(needs.thread_bytes),
             .shared = scratch ? (char *)scratch + aligned(needs.thread_bytes) * threads : NULL,
             .threads = threads};
    assert(j.loop && items >= 0 && threads >= 1);
    for (j.phase = 0; j.phase < needs.phases; j.phase++) {
        j.items = needs.items[0] ? needs.items[j.phase % 2] : items;
        if (j.items == 0) /* a loop may count on a first item */
            continue;
        /* 4 parts a thread: a neighbour that slows one core then costs a quarter of its share, not all of it */
        j.parts = threads == 1 ? 1 : 4 * (ptrdiff_t)threads < j.items ? 4 * (ptrdiff_t)threads : j.items;
        fastops_parallel(run_part, &j, j.parts, threads);
    }
    return atomic_load_explicit(&j.events, memory_order_relaxed);
}
