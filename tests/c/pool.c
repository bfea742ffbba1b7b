/* SPDX-License-Identifier: BSD-3-Clause
 * Checks the thread pool from plain C: a line for each check, exit status 1 if one failed.
 *
 *     pool [rounds [nofork]]      nofork: for user-mode emulators, whose forked children cannot start threads
 *     gcc -std=c11 -O1 -g -fsanitize=thread -Icsrc tests/c/pool.c csrc/runtime/threads.c -lpthread
 *     and with -fsanitize=address,undefined, and plain -O2
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

#if !defined(__has_feature)
#define __has_feature(x) 0
#endif
/* A sanitizer cannot map its shadow under a limit on address space, and macOS does not enforce one. */
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__) || __has_feature(thread_sanitizer) || \
    __has_feature(address_sanitizer) || !defined(__linux__)
#define CAN_LIMIT_MEMORY 0
#else
#define CAN_LIMIT_MEMORY 1
#endif

/* ThreadSanitizer by default ends the child of a threaded process that starts a thread, as the fork checks do, and
 * sleeps 1 s at every exit. Without, gcc 12 and clang 14 pass thousands of these forks. */
const char *__tsan_default_options(void)
{
    return "die_after_fork=0:atexit_sleep_ms=0";
}

#define COUNT(array) (sizeof(array) / sizeof *(array))
enum { MOST_TASKS = 1000, CALLERS = 8, INLINE_TASKS = 50, CHILD_SECONDS = 30, MEETING_SECONDS = 10, CPUS = -1 };

static int passed, failed;

static void report(const char *name, int ok)
{
    printf("%s %s\n", ok ? "ok    " : "FAILED", name);
    fflush(stdout);
    *(ok ? &passed : &failed) += 1;
}

/* ---- calls that watch themselves ------------------------------------------------------------------------------- */

typedef struct {
    int runs[MOST_TASKS]; /* plain on purpose: the pool has to order these writes and the caller's reads */
    int tasks, threads, together;
    atomic_int running[FASTOPS_MAX_THREADS], arrived, wrong;
} watch;

static void watch_task(void *context, ptrdiff_t i, int worker)
{
    watch *w = context;
    sigset_t mask;
    if (worker < 0 || worker >= w->threads || atomic_fetch_add(&w->running[worker], 1) != 0) {
        atomic_fetch_add(&w->wrong, 1);
        return;
    }
    w->runs[i] += 1;
    if (w->together) {
        const time_t end = time(NULL) + MEETING_SECONDS;
        for (atomic_fetch_add(&w->arrived, 1); atomic_load(&w->arrived) < w->tasks && time(NULL) < end;)
            usleep(50);
        pthread_sigmask(SIG_SETMASK, NULL, &mask);
        if (time(NULL) >= end || sigismember(&mask, SIGINT) != (worker > 0) || sigismember(&mask, SIGSEGV))
            atomic_fetch_add(&w->wrong, 1);
    }
    atomic_fetch_sub(&w->running[worker], 1);
}

/* Every task once, no worker twice at a time. Together: the tasks wait for one another, so as many threads must run;
 * and only the caller takes signals, but all take faults.
 * Without malloc: AddressSanitizer's may be locked in a forked child. */
static int call_is_right(ptrdiff_t tasks, int threads, int together)
{
    const int most = threads < FASTOPS_MAX_THREADS ? threads : FASTOPS_MAX_THREADS;
    watch w = {.tasks = (int)tasks, .threads = most > 1 ? most : 1, .together = together};
    fastops_parallel(watch_task, &w, tasks, threads);
    int right = atomic_load(&w.wrong) == 0;
    for (ptrdiff_t i = 0; i < MOST_TASKS; ++i)
        right &= w.runs[i] == (i < tasks);
    return right;
}

#define runs_once(tasks, threads) call_is_right(tasks, threads, 0)
#define meets(threads) call_is_right(threads, threads, 1)

typedef struct {
    pthread_t caller;
    int next, wrong;
} sequence;

static void sequence_task(void *context, ptrdiff_t i, int worker)
{
    sequence *s = context;
    s->wrong += worker != 0 || i != s->next++ || !pthread_equal(s->caller, pthread_self());
}

static int runs_inline(void)
{
    sequence s = {.caller = pthread_self()};
    fastops_parallel(sequence_task, &s, INLINE_TASKS, 4);
    return s.wrong == 0 && s.next == INLINE_TASKS;
}

/* A call of two threads that lasts until it is released. */
static struct {
    pthread_t thread;
    atomic_int started, released;
} holder;

static void hold_task(void *context, ptrdiff_t i, int worker)
{
    (void)context, (void)i, (void)worker;
    for (atomic_fetch_add(&holder.started, 1); !atomic_load(&holder.released);)
        usleep(100);
}

static void *hold_main(void *argument)
{
    fastops_parallel(hold_task, NULL, 2, 2);
    return argument;
}

static void hold(void)
{
    atomic_store(&holder.started, 0);
    atomic_store(&holder.released, 0);
    pthread_create(&holder.thread, NULL, hold_main, NULL);
    while (atomic_load(&holder.started) < 2)
        usleep(100);
}

static void release(void)
{
    atomic_store(&holder.released, 1);
    pthread_join(holder.thread, NULL);
}

/* ---- checks ---------------------------------------------------------------------------------------------------- */

/* Whether init gives this count or, for 0, refuses and says why. NULL unsets a variable. */
static int environment_gives(const char *own, const char *openmp, int count)
{
    char message[128] = "";
    own ? setenv("FASTOPS_NUM_THREADS", own, 1) : unsetenv("FASTOPS_NUM_THREADS");
    openmp ? setenv("OMP_NUM_THREADS", openmp, 1) : unsetenv("OMP_NUM_THREADS");
    const int status = fastops_threads_init(message, sizeof message), got = fastops_get_num_threads();
    const int right = count ? status == 0 && got == count
                            : status == -1 && strstr(message, "FASTOPS_NUM_THREADS must be an integer from 1 to 256") &&
                                  strstr(message, own);
    if (!right)
        printf("  FASTOPS_NUM_THREADS=%s OMP_NUM_THREADS=%s: status %d, %d threads, '%s'\n", own ? own : "(unset)",
               openmp ? openmp : "(unset)", status, got, message);
    return right;
}

static void check_environment(void)
{
    static const struct {
        const char *own, *openmp;
        int count;
    } good[] = {{"3", NULL, 3},     {"3", "7", 3},     {"1", NULL, 1},       {"256", NULL, 256},   {"  12  ", NULL, 12},
                {"007", NULL, 7},   {"", "7", 7},      {NULL, "7", 7},       {NULL, "1", 1},       {NULL, "4,2", 4},
                {NULL, " 5 , 2", 5}, {NULL, "257", 256}, {NULL, "99999999999999999999", 256},      {NULL, "0", CPUS},
                {NULL, "abc", CPUS}, {NULL, "-4", CPUS}, {NULL, "", CPUS}, {NULL, "4;2", CPUS},    {NULL, "4x", CPUS}};
    static const char *const bad[] = {"abc", "0", "-1", "257", "4.5", "4,2", "4 2", "0x4", "4x", " ", "1e1",
                                      "99999999999999999999", "18446744073709551617"};
    char text[1000], message[8];
    unsetenv("FASTOPS_NUM_THREADS");
    unsetenv("OMP_NUM_THREADS");
    int right = fastops_threads_init(message, sizeof message) == 0;
    const int cpus = fastops_get_num_threads();
    report("environment: unset is the CPUs allowed", right && cpus >= 1 && cpus <= sysconf(_SC_NPROCESSORS_CONF));
    for (size_t i = 0; i < COUNT(good); ++i)
        right &= environment_gives(good[i].own, good[i].openmp, good[i].count == CPUS ? cpus : good[i].count);
    report("environment: counts, spaces, lists, priority; a bad OMP_NUM_THREADS is ignored", right);

    right = 1;
    for (size_t i = 0; i < COUNT(bad); ++i)
        right &= environment_gives(bad[i], "2", 0);
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    setenv("FASTOPS_NUM_THREADS", text, 1);
    right &= fastops_threads_init(message, sizeof message) == -1 && strlen(message) == sizeof message - 1;
    report("environment: a bad FASTOPS_NUM_THREADS is refused, and named", right);
    unsetenv("FASTOPS_NUM_THREADS");
}

static int set_gives(int asked, int given)
{
    fastops_set_num_threads(asked);
    return fastops_get_num_threads() == given;
}

static void check_once(int rounds)
{
    static const ptrdiff_t tasks[] = {0, 1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 63, 64, 65, 257, MOST_TASKS};
    static const int threads[] = {1, 2, 3, 4, 8, 2, 0, -1, 5};
    int right = 1;
    for (int round = 0; round < rounds; ++round)
        for (size_t i = 0; i < COUNT(tasks); ++i)
            for (size_t j = 0; j < COUNT(threads); ++j)
                right &= runs_once(tasks[i], threads[j]);
    report("every task once, no worker twice at a time", right);

    right = 1;
    for (int round = 0; round < 20 * rounds; ++round) {
        usleep((useconds_t)(round % 7) * 7); /* 0 to 42 us: workers that spin, fall asleep, sleep */
        right &= runs_once(round % 5, 2 + round % 3);
    }
    report("the same after pauses around the spin time", right);
    report("2, 4, 1, 8, 3 threads run at once", meets(2) && meets(4) && meets(1) && meets(8) && meets(3));
}

static void outer_task(void *context, ptrdiff_t i, int worker)
{
    (void)worker;
    ((int *)context)[i] = runs_inline() && runs_inline();
}

static void check_inline(int rounds)
{
    int right = 1;
    for (int round = 0; round < rounds; ++round)
        for (int threads = 1; threads <= 4; ++threads) {
            int results[INLINE_TASKS] = {0};
            fastops_parallel(outer_task, results, INLINE_TASKS, threads);
            for (int i = 0; i < INLINE_TASKS; ++i)
                right &= results[i];
        }
    report("a nested call runs inline, in order", right && meets(2));

    hold();
    right = runs_inline();
    release();
    report("a call on a busy pool runs inline, in order", right && meets(2));
}

static void *caller_main(void *argument)
{
    int right = 1;
    for (int round = 0; round < *(const int *)argument; ++round)
        right &= runs_once(1 + round % 40, 1 + round % 5);
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
        right &= pthread_join(threads[i], &result) == 0 && result != NULL;
    }
    report("8 threads call at once", right && meets(2));
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
    float down[INLINE_TASKS], nearest[INLINE_TASKS];
    const unsigned before = _mm_getcsr();
    _MM_SET_ROUNDING_MODE(_MM_ROUND_DOWN);
    fastops_parallel(third_task, down, INLINE_TASKS, 4);
    _mm_setcsr(before);
    fastops_parallel(third_task, nearest, INLINE_TASKS, 4);
    int right = down[0] < nearest[0];
    for (int i = 0; i < INLINE_TASKS; ++i)
        right &= down[i] == down[0] && nearest[i] == nearest[0];
    report("workers compute in the caller's rounding mode", right);
}
#endif

/* ---- checks that fork ------------------------------------------------------------------------------------------ */

/* Whether the child ends with status 0, in time: the alarm ends one that hangs. */
static int child_succeeds(int (*body)(void))
{
    int status = -1;
    const pid_t child = fork();
    if (child == 0) {
        alarm(CHILD_SECONDS);
        _exit(body() ? 0 : 1);
    }
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static int child_computes(void)
{
    return meets(2) && runs_once(100, 4) && meets(4) && meets(3);
}

static int child_exits_busy(void)
{
    hold(); /* and never releases: a worker and its caller are inside tasks */
    exit(0);
}

#if CAN_LIMIT_MEMORY
static int child_starts_nothing(void)
{
    const struct rlimit least = {1 << 20, RLIM_INFINITY}, all = {RLIM_INFINITY, RLIM_INFINITY};
    return setrlimit(RLIMIT_AS, &least) == 0 && runs_inline() && setrlimit(RLIMIT_AS, &all) == 0 && meets(4);
}
#endif

/* Before this process has threads: their stacks would serve a child's, and LeakSanitizer looks for them at its exit. */
static void check_fork_early(int rounds)
{
    int right = 1;
#if CAN_LIMIT_MEMORY
    report("inline where no thread can be started, a pool once it can", child_succeeds(child_starts_nothing));
#endif
    for (int round = 0; round < rounds; ++round)
        right &= child_succeeds(child_exits_busy);
    report("exit while workers are busy neither hangs nor crashes", right);
}

static atomic_int hammering = 1;

static void *hammer_main(void *argument)
{
    for (int round = 0; atomic_load(&hammering); ++round) {
        runs_once(1 + round % 10, 2 + round % 3);
        usleep(round % 16 ? 0 : 50);
    }
    return argument;
}

static void check_fork(int rounds)
{
    int right = 1;
    for (int round = 0; round < rounds; ++round)
        right &= runs_once(10, 3) && child_succeeds(child_computes) && meets(2);
    report("after fork the child computes in a pool of its own, the parent goes on", right);

    right = 1;
    for (int round = 0; round < rounds; ++round) {
        hold();
        right &= child_succeeds(child_computes);
        release();
        right &= meets(2);
    }
    report("fork while another thread is inside a call", right);

    pthread_t thread;
    right = 1;
    pthread_create(&thread, NULL, hammer_main, NULL);
    for (int round = 0; round < 5 * rounds; ++round)
        right &= child_succeeds(child_computes);
    atomic_store(&hammering, 0);
    pthread_join(thread, NULL);
    report("fork at any moment of another thread's calls", right && meets(2));
}

int main(int argc, char **argv)
{
    const int rounds = argc > 1 ? atoi(argv[1]) : 5, fork_too = argc < 3 || strcmp(argv[2], "nofork") != 0;
    alarm((unsigned)(60 + rounds)); /* a deadlock fails too */
    check_environment();
    report("set and get: clamped to 1 .. 256", set_gives(5, 5) && set_gives(256, 256) && set_gives(257, 256) &&
                                                   set_gives(1, 1) && set_gives(0, 1) && set_gives(-3, 1));
    if (fork_too)
        check_fork_early(rounds);
    check_once(rounds);
    check_inline(rounds);
    check_callers(rounds);
#if defined(__SSE__)
    check_float_mode();
#endif
    if (fork_too)
        check_fork(rounds);
    report("all 256 threads, and more asked for", runs_once(MOST_TASKS, 256) && runs_once(MOST_TASKS, 100000));
    printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}
