/* SPDX-License-Identifier: BSD-3-Clause
 * Checks the thread pool from plain C. pool [rounds]: one line per check, exit status 1 if one failed.
 *
 *     gcc -std=c11 -O1 -g -fsanitize=thread -Icsrc tests/c/pool.c csrc/runtime/threads.c -lpthread
 *
 * and with -fsanitize=address,undefined, and plain -O2.
 */
#define _GNU_SOURCE
#include "fastops.h"
#include "runtime/threads.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#if defined(__SSE__)
#include <xmmintrin.h>
#endif

#if defined(__has_feature)
#define HAS_FEATURE(x) __has_feature(x)
#else
#define HAS_FEATURE(x) 0
#endif
/* A sanitizer cannot map its shadow under a limit on address space; macOS has no such limit. */
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__) || HAS_FEATURE(thread_sanitizer) || \
    HAS_FEATURE(address_sanitizer) || !defined(__linux__)
#define CAN_LIMIT_MEMORY 0
#else
#define CAN_LIMIT_MEMORY 1
#endif

/* ThreadSanitizer by default ends the child of a threaded process that starts a thread, as the fork checks do, and
 * sleeps 1 s at every exit. With gcc 12 and clang 14 the child runs well without. */
const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
    return "die_after_fork=0:atexit_sleep_ms=0";
}

enum { MOST_TASKS = 1000, CALLERS = 8, CHILD_SECONDS = 30, MEETING_SECONDS = 10 };

static int passed, failed;

static void report(const char *name, int ok)
{
    printf("%s %s\n", ok ? "ok    " : "FAILED", name);
    fflush(stdout);
    *(ok ? &passed : &failed) += 1;
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* ---- a call that watches itself -------------------------------------------------------------------------------- */

typedef struct {
    int runs[MOST_TASKS]; /* plain on purpose: the pool has to order these writes and the caller's reads */
    int threads;
    atomic_int running[FASTOPS_MAX_THREADS];
    atomic_int shared; /* tasks that met another one with the same worker, or a worker out of range */
} watch;

static void watch_task(void *context, ptrdiff_t i, int worker)
{
    watch *w = context;
    if (worker < 0 || worker >= w->threads) {
        atomic_fetch_add(&w->shared, 1);
        return;
    }
    if (atomic_fetch_add(&w->running[worker], 1) != 0)
        atomic_fetch_add(&w->shared, 1);
    w->runs[i] += 1;
    atomic_fetch_sub(&w->running[worker], 1);
}

/* Every task once, no worker twice at a time. Without malloc: AddressSanitizer's may be locked in a forked child. */
static int call_is_right(ptrdiff_t tasks, int threads)
{
    watch w = {.threads = threads > FASTOPS_MAX_THREADS ? FASTOPS_MAX_THREADS : threads > 1 ? threads : 1};
    fastops_parallel(watch_task, &w, tasks, threads);
    int right = atomic_load(&w.shared) == 0;
    for (ptrdiff_t i = 0; i < MOST_TASKS; ++i)
        right &= w.runs[i] == (i < tasks);
    return right;
}

/* Tasks that wait for one another: all of them arrive only if as many threads run at once. */
typedef struct {
    atomic_int arrived, signals, workers[FASTOPS_MAX_THREADS];
    int tasks;
} meeting;

static void meeting_task(void *context, ptrdiff_t i, int worker)
{
    meeting *m = context;
    (void)i;
    atomic_fetch_add(&m->workers[worker], 1);
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    if (sigismember(&mask, SIGINT) != (worker > 0) || sigismember(&mask, SIGSEGV))
        atomic_fetch_add(&m->signals, 1);
    atomic_fetch_add(&m->arrived, 1);
    for (const double end = seconds() + MEETING_SECONDS; atomic_load(&m->arrived) < m->tasks && seconds() < end;)
        usleep(50);
}

static int meets(int threads)
{
    meeting m = {.tasks = threads};
    fastops_parallel(meeting_task, &m, threads, threads);
    int right = atomic_load(&m.signals) == 0;
    for (int worker = 0; worker < threads; ++worker)
        right &= atomic_load(&m.workers[worker]) == 1;
    return right;
}

/* ---- checks ---------------------------------------------------------------------------------------------------- */

/* Whether init gives this count; 0: refuses and names the value. NULL unsets a variable. */
static int environment_gives(const char *own, const char *openmp, int count)
{
    char message[128] = "";
    own ? setenv("FASTOPS_NUM_THREADS", own, 1) : unsetenv("FASTOPS_NUM_THREADS");
    openmp ? setenv("OMP_NUM_THREADS", openmp, 1) : unsetenv("OMP_NUM_THREADS");
    const int status = fastops_threads_init(message, sizeof message);
    const int right = count ? status == 0 && fastops_get_num_threads() == count
                            : status == -1 && strstr(message, "FASTOPS_NUM_THREADS") && strstr(message, own) &&
                                  strstr(message, "1 to 256");
    if (!right)
        printf("  own=%s openmp=%s: %d, %d threads, %s\n", own ? own : "unset", openmp ? openmp : "unset", status,
               fastops_get_num_threads(), message);
    return right;
}

static void check_environment(void)
{
    static const struct {
        const char *own, *openmp;
        int count;
    } good[] = {{"3", NULL, 3},     {"3", "7", 3},      {"1", NULL, 1},     {"256", NULL, 256}, {"  12  ", NULL, 12},
                {"", "7", 7},       {NULL, "7", 7},     {NULL, "4,2", 4},   {NULL, " 5 , 2", 5}, {NULL, "99999", 256},
                {"007", NULL, 7},   {NULL, "1", 1},     {NULL, "99999999999999999999", 256}};
    static const char *const bad[] = {"abc", "0", "-1", "257", "4.5", "4,2", "4 2", "0x4", "4x", " ", "1e1",
                                      "99999999999999999999", "18446744073709551617"};
    static const char *const ignored[] = {"abc", "0", "-4", "", "4;2", "4x"};
    int right = 1;
    for (size_t i = 0; i < sizeof good / sizeof *good; ++i)
        right &= environment_gives(good[i].own, good[i].openmp, good[i].count);
    report("environment: counts, spaces, lists, priority", right);

    right = 1;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; ++i)
        right &= environment_gives(bad[i], "2", 0);
    char message[8], big[1000];
    memset(big, 'x', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    setenv("FASTOPS_NUM_THREADS", big, 1);
    right &= fastops_threads_init(message, sizeof message) == -1 && strlen(message) == sizeof message - 1;
    report("environment: a bad FASTOPS_NUM_THREADS is refused by name", right);

    unsetenv("FASTOPS_NUM_THREADS");
    unsetenv("OMP_NUM_THREADS");
    right = fastops_threads_init(message, sizeof message) == 0;
    const int cpus = fastops_get_num_threads();
    right &= cpus >= 1 && cpus <= sysconf(_SC_NPROCESSORS_CONF);
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; ++i)
        right &= environment_gives(NULL, ignored[i], cpus);
    report("environment: unset, or a bad OMP_NUM_THREADS, is the CPUs allowed", right);
}

static void check_set_get(void)
{
    static const int asked[] = {1, 5, FASTOPS_MAX_THREADS, 100000, 0, -3, 2};
    static const int given[] = {1, 5, FASTOPS_MAX_THREADS, FASTOPS_MAX_THREADS, 1, 1, 2};
    int right = 1;
    for (size_t i = 0; i < sizeof asked / sizeof *asked; ++i) {
        fastops_set_num_threads(asked[i]);
        right &= fastops_get_num_threads() == given[i];
    }
    report("set and get: clamped to 1 .. 256", right);
}

static void check_once(int rounds)
{
    static const ptrdiff_t tasks[] = {0, 1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 63, 64, 65, 257, MOST_TASKS};
    static const int threads[] = {1, 2, 3, 4, 8, 2, 0, -1, 5};
    int right = 1;
    for (int round = 0; round < rounds; ++round)
        for (size_t i = 0; i < sizeof tasks / sizeof *tasks; ++i)
            for (size_t j = 0; j < sizeof threads / sizeof *threads; ++j)
                right &= call_is_right(tasks[i], threads[j]);
    report("every task once, no worker twice at a time", right);

    right = 1;
    for (int round = 0; round < 20 * rounds; ++round) {
        usleep((useconds_t)(round % 7) * 7); /* 0 to 42 us: workers that spin, fall asleep, sleep */
        right &= call_is_right(round % 5, 2 + round % 3);
    }
    report("the same after pauses around the spin time", right);
}

static void check_growth(void)
{
    int right = meets(2) && meets(4) && meets(1) && meets(2) && meets(8) && meets(3);
    report("2, 4, 1, 2, 8, 3 threads run at once; only the caller takes signals, but all take faults", right);
}

typedef struct {
    pthread_t thread;
    int next, wrong;
} nested;

static void inner_task(void *context, ptrdiff_t i, int worker)
{
    nested *n = context;
    n->wrong += worker != 0 || i != n->next++ || !pthread_equal(n->thread, pthread_self());
}

static void outer_task(void *context, ptrdiff_t i, int worker)
{
    (void)worker;
    int *wrong = context;
    nested n = {.thread = pthread_self()};
    fastops_parallel(inner_task, &n, 50, 4);
    fastops_parallel(inner_task, &n, 0, 4);
    wrong[i] = n.wrong + (n.next != 50);
}

static void check_nested(int rounds)
{
    int right = 1;
    for (int round = 0; round < rounds; ++round)
        for (int threads = 1; threads <= 4; ++threads) {
            int wrong[20];
            memset(wrong, 1, sizeof wrong);
            fastops_parallel(outer_task, wrong, 20, threads);
            for (int i = 0; i < 20; ++i)
                right &= wrong[i] == 0;
        }
    report("nested calls run inline, in order", right && meets(2));
}

static void *caller_main(void *argument)
{
    const int rounds = *(const int *)argument;
    int right = 1;
    for (int round = 0; round < rounds; ++round)
        right &= call_is_right(1 + round % 40, 1 + round % 5);
    return right ? argument : NULL;
}

static void check_callers(int rounds)
{
    pthread_t threads[CALLERS];
    int right = 1, count = 20 * rounds;
    for (int i = 0; i < CALLERS; ++i)
        right &= pthread_create(&threads[i], NULL, caller_main, &count) == 0;
    for (int i = 0; i < CALLERS; ++i) {
        void *result = NULL;
        pthread_join(threads[i], &result);
        right &= result != NULL;
    }
    report("8 threads call at once", right && meets(2));
}

/* While the pool is busy, another thread's call is inline, and does not wait. */
typedef struct {
    atomic_int started, release;
} holder;

static void hold_task(void *context, ptrdiff_t i, int worker)
{
    holder *h = context;
    (void)i, (void)worker;
    atomic_fetch_add(&h->started, 1);
    while (!atomic_load(&h->release))
        usleep(100);
}

static void *hold_main(void *argument)
{
    fastops_parallel(hold_task, argument, 2, 2);
    return NULL;
}

static void hold(holder *h, pthread_t *thread)
{
    pthread_create(thread, NULL, hold_main, h);
    while (atomic_load(&h->started) < 2)
        usleep(100);
}

static void release(holder *h, pthread_t thread)
{
    atomic_store(&h->release, 1);
    pthread_join(thread, NULL);
}

static void check_busy(void)
{
    holder h = {0};
    pthread_t thread;
    hold(&h, &thread);
    nested n = {.thread = pthread_self()};
    fastops_parallel(inner_task, &n, 50, 4);
    release(&h, thread);
    report("a call on a busy pool runs inline, in order", n.wrong == 0 && n.next == 50 && meets(2));
}

#if defined(__SSE__)
static void third_task(void *context, ptrdiff_t i, int worker)
{
    (void)worker;
    volatile float one = 1.0f, three = 3.0f;
    ((float *)context)[i] = one / three;
    usleep(100); /* so that every worker has some */
}

static void check_float_mode(void)
{
    const unsigned before = _mm_getcsr();
    float up[50], nearest[50];
    _MM_SET_ROUNDING_MODE(_MM_ROUND_DOWN);
    fastops_parallel(third_task, up, 50, 4);
    _mm_setcsr(before);
    fastops_parallel(third_task, nearest, 50, 4);
    int right = _mm_getcsr() == (before | (_mm_getcsr() & _MM_EXCEPT_MASK)) && up[0] < nearest[0];
    for (int i = 0; i < 50; ++i)
        right &= up[i] == up[0] && nearest[i] == nearest[0];
    report("workers compute in the caller's rounding mode", right);
}
#endif

/* ---- checks that fork ------------------------------------------------------------------------------------------ */

/* Whether the child ends with status 0, in time: alarm() ends one that hangs. */
static int child_succeeds(int (*body)(void))
{
    fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        alarm(CHILD_SECONDS);
        _exit(body() ? 0 : 1);
    }
    int status = -1;
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static int child_computes(void)
{
    return meets(2) && call_is_right(100, 4) && meets(4) && meets(3);
}

static int child_forks(void)
{
    return meets(2) && child_succeeds(child_computes) && meets(3);
}

static void check_fork(int rounds)
{
    int right = 1;
    for (int round = 0; round < rounds; ++round)
        right &= call_is_right(10, 3) && child_succeeds(child_computes) && meets(2);
    report("after fork the child computes in a pool of its own, the parent goes on", right);
    report("a child of a child too", child_succeeds(child_forks) && meets(4));

    right = 1;
    for (int round = 0; round < rounds; ++round) {
        holder h = {0};
        pthread_t thread;
        hold(&h, &thread);
        right &= child_succeeds(child_computes);
        release(&h, thread);
        right &= meets(2);
    }
    report("fork while another thread is inside a call", right);
}

static atomic_int hammering;

static void *hammer_main(void *argument)
{
    (void)argument;
    for (int round = 0; atomic_load(&hammering); ++round) {
        call_is_right(1 + round % 10, 2 + round % 3);
        if (round % 16 == 0)
            usleep(50);
    }
    return NULL;
}

static void check_fork_anywhere(int rounds)
{
    pthread_t thread;
    int right = 1;
    atomic_store(&hammering, 1);
    pthread_create(&thread, NULL, hammer_main, NULL);
    for (int round = 0; round < 5 * rounds; ++round)
        right &= child_succeeds(child_computes);
    atomic_store(&hammering, 0);
    pthread_join(thread, NULL);
    report("fork at any moment of another thread's calls", right && meets(2));
}

static int child_exits_busy(void)
{
    static holder h;
    pthread_t thread;
    hold(&h, &thread); /* never released: a worker and its caller are inside tasks */
    exit(0);
}

/* Called before this process has threads: LeakSanitizer, at the child's exit, looks for those of the parent. */
static void check_exit(int rounds)
{
    int right = 1;
    for (int round = 0; round < rounds; ++round)
        right &= child_succeeds(child_exits_busy);
    report("exit while workers are busy neither hangs nor crashes", right);
}

#if CAN_LIMIT_MEMORY
static int child_starts_nothing(void)
{
    const struct rlimit least = {.rlim_cur = 1 << 20, .rlim_max = RLIM_INFINITY}, all = {RLIM_INFINITY, RLIM_INFINITY};
    nested n = {.thread = pthread_self()};
    if (setrlimit(RLIMIT_AS, &least) != 0)
        return 0;
    fastops_parallel(inner_task, &n, 50, 4);
    return n.wrong == 0 && n.next == 50 && setrlimit(RLIMIT_AS, &all) == 0 && meets(4);
}

/* Called before any thread exists: a child has its parent's stacks to give to new threads. */
static void check_no_thread(void)
{
    report("inline where no thread can be started, a pool once it can", child_succeeds(child_starts_nothing));
}
#endif

int main(int argc, char **argv)
{
    const int rounds = argc > 1 ? atoi(argv[1]) : 5;
    check_environment();
    check_set_get();
#if CAN_LIMIT_MEMORY
    check_no_thread();
#endif
    check_exit(rounds);
    check_once(rounds);
    check_growth();
    check_nested(rounds);
    check_callers(rounds);
    check_busy();
#if defined(__SSE__)
    check_float_mode();
#endif
    check_fork(rounds);
    check_fork_anywhere(rounds);
    report("all 256 threads, and more asked for", call_is_right(MOST_TASKS, 256) && call_is_right(MOST_TASKS, 100000));
    printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}
