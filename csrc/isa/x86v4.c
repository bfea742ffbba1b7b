/* SPDX-License-Identifier: BSD-3-Clause
 * x86-64-v4: AVX-512. Compiled by the checks, not shipped. */
#if !defined(__AVX512F__) || !defined(__AVX512VL__)
#error "compile this file with -march=x86-64-v4"
#endif
#define ISA x86v4
#include "table.h"
