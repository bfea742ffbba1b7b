/* SPDX-License-Identifier: BSD-3-Clause
 * What the C test programs share: results, random numbers, blocks. */
#ifndef CHECK_H
#define CHECK_H

#include "fastops.h"

#include <stddef.h>
#include <stdint.h>

/* Notes a failure of the running section; prints the first ones. */
void wrong(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Ends a section: prints its line, ok or FAILED, and counts it. */
void section(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Prints the totals; the exit status of the program. */
int summary(void);

void random_seed(uint64_t seed); /* and counts cases from 0 */
uint64_t random_bits(void);
ptrdiff_t random_below(ptrdiff_t n); /* of [0, n) */

/* After thin_out(n), left_out() is 0 in every n-th call only: for emulators. n should be prime. */
void thin_out(int n);
int left_out(void);

/* malloc of exactly that size, so that AddressSanitizer sees the first byte beyond; never NULL. */
char *block(ptrdiff_t size);
char *block_copy(const char *from, ptrdiff_t size);

/* The scratch that a call needs, 64-byte aligned and of exactly that size; NULL for none. */
void *scratch_for(fastops_kernel kernel, fastops_type type, const void *args, int threads);

/* Around every lane count: 0, 1 .. 67, 97, 128, 129, 257, 1000. */
enum { SIZES = 73, LARGEST = 1000 };
ptrdiff_t size_of(int index);

/* Elements of 1, 2, 4 or 8 bytes as patterns, at any alignment. */
uint64_t get(const char *from, int size);
void put(char *to, int size, uint64_t pattern);

/* Hash of all that kernels wrote: every ISA must reach the same. */
extern uint64_t digest;
void fold(const char *from, ptrdiff_t size);

#endif
