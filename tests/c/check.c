/* SPDX-License-Identifier: BSD-3-Clause */
#include "check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN = 5 };

static int passed, failed;
static long wrong_here;

void wrong(const char *format, ...)
{
    va_list arguments;
    if (wrong_here++ >= SHOWN)
        return;
    va_start(arguments, format);
    printf("       ");
    vprintf(format, arguments);
    printf("\n");
    va_end(arguments);
}

void section(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    printf(wrong_here ? "FAILED " : "ok     ");
    vprintf(format, arguments);
    va_end(arguments);
    if (wrong_here)
        printf(": %ld wrong", wrong_here);
    printf("\n");
    fflush(stdout);
    *(wrong_here ? &failed : &passed) += 1;
    wrong_here = 0;
}

int summary(void)
{
    printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}

static uint64_t state = 1;
static int thinning = 1, cases;

void random_seed(uint64_t seed)
{
    state = seed * 2 + 1;
    cases = 0;
}

/* splitmix64 */
uint64_t random_bits(void)
{
    uint64_t z = state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

ptrdiff_t random_below(ptrdiff_t n) { return (ptrdiff_t)(random_bits() % (uint64_t)n); }

void thin_out(int n) { thinning = n > 1 ? n : 1; }
int left_out(void) { return cases++ % thinning != 0; }

char *block(ptrdiff_t size)
{
    char *p = malloc((size_t)size);
    if (!p && size)
        printf("no memory for %td bytes\n", size), exit(2);
    return p ? p : block(1);
}

char *block_copy(const char *from, ptrdiff_t size)
{
    return memcpy(block(size), from, (size_t)size);
}

ptrdiff_t size_of(int index)
{
    static const ptrdiff_t large[] = {97, 128, 129, 257, LARGEST};
    return index < 68 ? index : large[index - 68];
}

uint64_t get(const char *from, int size)
{
    uint8_t b;
    uint16_t h;
    uint32_t w;
    uint64_t d;
    switch (size) {
    case 1: memcpy(&b, from, sizeof b); return b;
    case 2: memcpy(&h, from, sizeof h); return h;
    case 4: memcpy(&w, from, sizeof w); return w;
    default: memcpy(&d, from, sizeof d); return d;
    }
}

void put(char *to, int size, uint64_t pattern)
{
    const uint8_t b = (uint8_t)pattern;
    const uint16_t h = (uint16_t)pattern;
    const uint32_t w = (uint32_t)pattern;
    switch (size) {
    case 1: memcpy(to, &b, sizeof b); return;
    case 2: memcpy(to, &h, sizeof h); return;
    case 4: memcpy(to, &w, sizeof w); return;
    default: memcpy(to, &pattern, sizeof pattern); return;
    }
}

uint64_t digest;

void fold(const char *from, ptrdiff_t size)
{
    uint64_t word;
    for (; size >= 8; size -= 8, from += 8) {
        memcpy(&word, from, sizeof word);
        digest = (digest ^ word) * UINT64_C(0x9fb21c651e98df25);
        digest ^= digest >> 32;
    }
    for (; size > 0; size--, from++)
        digest = (digest ^ (unsigned char)*from) * UINT64_C(0x9fb21c651e98df25);
}
