/* SPDX-License-Identifier: BSD-3-Clause
 * x86-64-v2 on x86-64, the plain architecture elsewhere. */
#define ISA base
#include "table.h"
