/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FASTOPS_THREADS_H
#define FASTOPS_THREADS_H

#include <stddef.h>

/* Sets the default number of threads from the environment and the CPUs allowed.
 * Returns 0, or -1 with the reason in message. Starts no thread. */
int fastops_threads_init(char *message, size_t size);

/* One task of a parallel call; worker is in [0, threads) and no two tasks run at once with the same worker. */
typedef void fastops_task(void *context, ptrdiff_t task, int worker);

/* Calls task(context, i, worker) once for every i in [0, tasks), on at most that many threads, and returns when all
 * are done; what the tasks wrote is visible. Runs inline, in order, as worker 0, where threads is 1, where the pool is
 * busy with another call, inside another task, and where no thread can be started. */
void fastops_parallel(fastops_task *task, void *context, ptrdiff_t tasks, int threads);

#endif
