/* SPDX-License-Identifier: BSD-3-Clause
 * The thread pool: the only file that knows threads.
 * The calling thread is worker 0; every other worker waits at a gate of its own. A call opens the gates of the workers
 * it wants, works through the tasks with them, takes back the openings that nobody has used yet, and waits at gate 0
 * for the workers that came. So no call waits for a sleeper to wake up, and workers that it does not want sleep on.
 * Workers are detached and never end: nothing has to be joined, and no exit can hang. A task must not fork, except to
 * exec; any other thread may fork at any time, and the child starts workers of its own.
 */
#define _GNU_SOURCE
#include "threads.h"
#include "fastops.h"
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Float mode: rounding and flush-to-zero. A worker takes its caller's, else bits would depend on who had the task. */
#if defined(__SSE__)
#include <xmmintrin.h>
#define PAUSE() _mm_pause()
#define GET_FLOAT_MODE(mode) ((mode) = _mm_getcsr())
#define SET_FLOAT_MODE(mode) _mm_setcsr((unsigned)(mode))
#elif defined(__aarch64__)
#define PAUSE() __asm__ volatile("isb") /* yield does nothing on most cores */
#define GET_FLOAT_MODE(mode) __asm__ volatile("mrs %0, fpcr" : "=r"(mode))
#define SET_FLOAT_MODE(mode) __asm__ volatile("msr fpcr, %0" : : "r"(mode))
#else
#define PAUSE() (void)0
#define GET_FLOAT_MODE(mode) ((mode) = 0)
#define SET_FLOAT_MODE(mode) (void)(mode)
#endif
#if !defined(__linux__)
#define sched_getcpu() (-1)
#endif

enum {
    CACHE_LINE = 64, PATH_SIZE = 4096, PAUSES_PER_CLOCK = 16,
    SPIN_NS = 15000,     /* before sleeping; an idle worker that spins longer takes the core from NumPy's BLAS */
    STACK_SIZE = 1 << 20 /* musl's own 128 KB is little; glibc's 8 MB for 255 workers are 2 GB of `ulimit -v` */
};

/* One thread waits at a gate, another lets it through. ASLEEP: closed, and the waiter needs a signal. */
enum { CLOSED, ASLEEP, OPEN };
typedef struct {
    _Alignas(CACHE_LINE) atomic_int state;
    pthread_mutex_t lock;
    pthread_cond_t wake;
} gate;

static struct {
    gate gates[FASTOPS_MAX_THREADS];            /* gate 0: the caller, for the end; others: workers, for work */
    _Alignas(CACHE_LINE) atomic_ptrdiff_t next; /* task to hand out */
    _Alignas(CACHE_LINE) atomic_int pending;    /* threads, the caller too, that may still be inside this call */
    _Alignas(CACHE_LINE) atomic_int busy;
    /* The rest belongs to who has set busy, and to the workers whose gates it opened. */
    int threads; /* workers started, plus the caller; 0 before the first start */
    fastops_task *task;
    void *context;
    ptrdiff_t tasks;
    int spin, cpu;
    unsigned long float_mode;
} pool;

static atomic_int num_threads = 1;
static int allowed_cpus = 1;
static _Thread_local int inside; /* a task of this thread is running */

static void gate_init(gate *g)
{
    memset(g, 0, sizeof *g); /* in the child of a fork it holds whatever the parent's threads were doing */
    pthread_mutex_init(&g->lock, NULL);
    pthread_cond_init(&g->wake, NULL);
}

static void gate_open(gate *g)
{
    if (atomic_exchange(&g->state, OPEN) == ASLEEP) {
        /* The waiter holds the lock from ASLEEP until it waits: past this it does wait, and cannot miss the signal. */
        pthread_mutex_lock(&g->lock);
        pthread_mutex_unlock(&g->lock);
        pthread_cond_signal(&g->wake);
    }
}

/* Closes the gate if it was open: the waiter to pass, or who opened it to take the opening back. */
static int gate_try(gate *g)
{
    int state = OPEN;
    return atomic_load(&g->state) == OPEN && atomic_compare_exchange_strong(&g->state, &state, CLOSED);
}

static long long nanoseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static void gate_pass(gate *g, int spin)
{
    /* By the clock: a pause takes 140 cycles on some processors and 40 on others. */
    for (long long end = spin ? nanoseconds() + SPIN_NS : 0; spin && nanoseconds() < end;)
        for (int i = 0; i < PAUSES_PER_CLOCK; ++i) {
            if (gate_try(g))
                return;
            PAUSE();
        }
    pthread_mutex_lock(&g->lock);
    while (!gate_try(g)) {
        int state = CLOSED;
        if (atomic_compare_exchange_strong(&g->state, &state, ASLEEP) || state == ASLEEP)
            pthread_cond_wait(&g->wake, &g->lock);
    }
    pthread_mutex_unlock(&g->lock);
}

static int clamp(long threads)
{
    return threads < 1 ? 1 : threads < FASTOPS_MAX_THREADS ? (int)threads : FASTOPS_MAX_THREADS;
}

static void work(int worker)
{
    for (ptrdiff_t i; (i = atomic_fetch_add(&pool.next, 1)) < pool.tasks;)
        pool.task(pool.context, i, worker);
}

static void *worker_main(void *argument)
{
    gate *mine = argument;
    int spin = 0;
    inside = 1;
    for (;;) {
        gate_pass(mine, spin);
        /* Read now: once counted out, the pool belongs to the next call. No spinning on the caller's own CPU, where a
         * worker wakes when the others are taken: it made an empty call 21 us long, without it is 6. */
        spin = pool.spin && (pool.cpu < 0 || pool.cpu != sched_getcpu());
        SET_FLOAT_MODE(pool.float_mode);
        work((int)(mine - pool.gates));
        if (atomic_fetch_sub(&pool.pending, 1) == 1)
            gate_open(&pool.gates[0]);
    }
    return NULL;
}

/* Starts the workers that are missing; returns how many threads there are, at most the number asked for. */
static int start_workers(int threads)
{
    pthread_attr_t attributes;
    if (pool.threads >= threads || pthread_attr_init(&attributes) != 0)
        return pool.threads < threads ? clamp(pool.threads) : threads;
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, STACK_SIZE);
    sigset_t blocked, before;
    sigfillset(&blocked); /* signals are for the program's own threads, but a fault in a kernel for faulthandler */
    for (const int *fault = (const int[]){SIGSEGV, SIGBUS, SIGFPE, SIGILL, 0}; *fault; ++fault)
        sigdelset(&blocked, *fault);
    pthread_sigmask(SIG_SETMASK, &blocked, &before);
    for (pthread_t thread; pool.threads < threads; ++pool.threads) {
        gate *g = &pool.gates[pool.threads];
        gate_init(g);
        if (g != pool.gates && pthread_create(&thread, &attributes, worker_main, g) != 0)
            break; /* the next call tries again */
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return pool.threads;
}

static void run_shared(int threads)
{
    atomic_store(&pool.next, 0);
    atomic_store(&pool.pending, threads);
    for (int worker = 1; worker < threads; ++worker)
        gate_open(&pool.gates[worker]);
    work(0);
    int out = 1; /* this thread, and the workers that will not come */
    for (int worker = 1; worker < threads; ++worker)
        out += gate_try(&pool.gates[worker]);
    if (atomic_fetch_sub(&pool.pending, out) != out)
        gate_pass(&pool.gates[0], pool.spin);
}

void fastops_parallel(fastops_task *task, void *context, ptrdiff_t tasks, int threads)
{
    const int wanted = tasks < clamp(threads) ? (int)tasks : clamp(threads);
    const int outer = inside;
    inside = 1;
    if (wanted < 2 || outer || atomic_exchange(&pool.busy, 1)) {
        for (ptrdiff_t i = 0; i < tasks; ++i)
            task(context, i, 0);
    } else {
        pool.task = task;
        pool.context = context;
        pool.tasks = tasks;
        pool.spin = wanted <= allowed_cpus; /* else a waiter spins on the core that a worker needs */
        pool.cpu = sched_getcpu();
        GET_FLOAT_MODE(pool.float_mode);
        run_shared(start_workers(wanted));
        atomic_store(&pool.busy, 0);
    }
    inside = outer;
}

/* In a forked child only the forking thread is left, and its `inside` is right; gates are made anew with workers. */
static void forget_workers(void)
{
    pool.threads = 0;
    atomic_store(&pool.busy, 0);
}

#if defined(__linux__)
/* Lowers count to the quotas, rounded up, of this control group and of those above it, which limit it too. Inside a
 * container the path may be the host's and not exist; then the root is the container's own group. */
static void limit_by_group(long *count, const char *root, const char *path, int version)
{
    const char *const names[] = {version == 2 ? "cpu.max" : "cpu.cfs_quota_us", "cpu.cfs_period_us"};
    char group[PATH_SIZE + 32], name[PATH_SIZE + 64]; /* root and path; and file */
    snprintf(group, sizeof group, "%s%s", root, path[1] ? path : "");
    for (; strlen(group) >= strlen(root); *strrchr(group, '/') = '\0') {
        long quota[] = {-1, -1}; /* of CPU time, in each period; cpu.max has both, or "max" for none */
        for (int i = 0; i < 3 - version; ++i) {
            snprintf(name, sizeof name, "%s/%s", group, names[i]);
            FILE *file = fopen(name, "re");
            if (file && fscanf(file, "%ld %ld", &quota[i], &quota[1]) < 1)
                quota[0] = -1;
            if (file)
                fclose(file);
        }
        if (quota[0] > 0 && quota[1] > 0 && (quota[0] - 1) / quota[1] + 1 < *count)
            *count = (quota[0] - 1) / quota[1] + 1;
    }
}
#endif

static int count_allowed_cpus(void)
{
#if defined(__linux__)
    cpu_set_t sets[16]; /* 16384 CPUs: the kernel refuses fewer than it was built for, which is 8192 at most */
    const int failed = sched_getaffinity(0, sizeof sets, sets);
    long count = failed ? sysconf(_SC_NPROCESSORS_ONLN) : CPU_COUNT_S(sizeof sets, sets);
    char line[PATH_SIZE], names[PATH_SIZE], path[PATH_SIZE];
    FILE *file = fopen("/proc/self/cgroup", "re");
    while (file && fgets(line, sizeof line, file)) {
        if (sscanf(line, "%*d%[^/]%[^\n]", names, path) != 2) /* hierarchy:controllers:path, in names the colons too */
            continue;
        if (strcmp(names, "::") == 0)
            limit_by_group(&count, "/sys/fs/cgroup", path, 2);
        for (char *rest, *name = strtok_r(names, ":,", &rest); name; name = strtok_r(NULL, ":,", &rest))
            if (strcmp(name, "cpu") == 0)
                limit_by_group(&count, "/sys/fs/cgroup/cpu", path, 1);
    }
    if (file)
        fclose(file);
#else
    const long count = sysconf(_SC_NPROCESSORS_ONLN);
#endif
    return clamp(count);
}

int fastops_threads_init(char *message, size_t size)
{
    static int unregistered = 1;
    if (unregistered && (unregistered = pthread_atfork(NULL, NULL, forget_workers)) != 0) {
        snprintf(message, size, "no memory for the thread pool's fork handler");
        return -1;
    }
    const char *own = getenv("FASTOPS_NUM_THREADS"), *openmp = getenv("OMP_NUM_THREADS");
    char *end;
    allowed_cpus = count_allowed_cpus();
    long count = openmp ? strtol(openmp, &end, 10) : 0;
    if (count < 1 || !strchr(",", end[strspn(end, " ")])) /* a list is for levels of nesting; ours is the first */
        count = allowed_cpus;
    if (own && *own) {
        count = strtol(own, &end, 10);
        if (count < 1 || count > FASTOPS_MAX_THREADS || end[strspn(end, " ")]) {
            snprintf(message, size, "FASTOPS_NUM_THREADS must be an integer from 1 to %d, not '%.40s'",
                     FASTOPS_MAX_THREADS, own);
            return -1;
        }
    }
    atomic_store(&num_threads, clamp(count));
    return 0;
}

int fastops_get_num_threads(void)
{
    return atomic_load(&num_threads);
}

void fastops_set_num_threads(int count)
{
    atomic_store(&num_threads, clamp(count));
}
