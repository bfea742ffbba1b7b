/* SPDX-License-Identifier: BSD-3-Clause
 * Prints the ISA that fastops_init chooses, or why it refuses (exit status 1). Compiled for the oldest CPU. */
#include "fastops.h"

#include <stdio.h>

int main(void)
{
    char message[256];
    const int status = fastops_init(message, sizeof message);
    puts(status ? message : fastops_isa());
    return status != 0;
}
