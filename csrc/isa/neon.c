/* SPDX-License-Identifier: BSD-3-Clause
 * aarch64, whose baseline has NEON. */
#if !defined(__aarch64__)
#error "compile this file for aarch64"
#endif
#define ISA neon
#include "table.h"
