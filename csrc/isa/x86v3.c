/* SPDX-License-Identifier: BSD-3-Clause
 * x86-64-v3: AVX2, FMA, F16C. */
#if !defined(__AVX2__) || !defined(__FMA__) || !defined(__F16C__)
#error "compile this file with -march=x86-64-v3"
#endif
#define ISA x86v3
#include "table.h"
