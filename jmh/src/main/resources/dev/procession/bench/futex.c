// The floor for a round trip between processes that sleep: two words in shared memory and the futex system call.
//
//     futex FOLDER WAKE_UP 1 1 BYTES CONTENT FIRST_CPU SECOND_CPU
//
// Each side stores, wakes the other, and sleeps until it is answered. Obeys one command a line from its standard input,
// and ends when that does:
//
//     0 create, 0 open   nothing to do
//     0 run N POLICY     N round trips; the answer has their percentiles in nanoseconds
#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// On lines of their own, so that a side that goes to sleep does not disturb the other.
struct words {
    _Alignas(128) _Atomic uint32_t there;
    _Alignas(128) _Atomic uint32_t back;
};

static void fail(const char *what) {
    printf("futex: %s: %s\n", what, strerror(errno));
    exit(1);
}

// Not private to this process: two share it. What it answers does not matter, the word says whether to go on.
static void futex(_Atomic uint32_t *word, int operation, uint32_t value) {
    long result = syscall(SYS_futex, word, operation, value, NULL, NULL, 0);
    if (result == -1 && errno != EAGAIN && errno != EINTR) fail("futex");
}

static void tell(_Atomic uint32_t *word, uint32_t value) {
    atomic_store_explicit(word, value, memory_order_release);
    futex(word, FUTEX_WAKE, 1);
}

static void await(_Atomic uint32_t *word, uint32_t value) {
    for (uint32_t seen; (seen = atomic_load_explicit(word, memory_order_acquire)) != value;) {
        futex(word, FUTEX_WAIT, seen);
    }
}

static void pin(int cpu) {
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET(cpu, &cpus);
    if (sched_setaffinity(0, sizeof cpus, &cpus) == -1) fail("sched_setaffinity");
}

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void pong(struct words *words) {
    for (uint32_t i = 1;; i++) {
        await(&words->there, i);
        tell(&words->back, i);
    }
}

static uint32_t round_trips; // so far; a word counts round trips, and may come round

static void ping(struct words *words, long n, int64_t *nanos) {
    for (long i = 0; i < n; i++) {
        int64_t start = now();
        uint32_t value = ++round_trips;
        tell(&words->there, value);
        await(&words->back, value);
        nanos[i] = now() - start;
    }
}

static int compare(const void *a, const void *b) {
    int64_t x = *(const int64_t *) a, y = *(const int64_t *) b;
    return (x > y) - (x < y);
}

static void print_percentiles(int64_t *nanos, long n) {
    static const char *const names[] = {"50", "90", "99", "99.9", "99.99"};
    qsort(nanos, n, sizeof *nanos, compare);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        long index = n * atof(names[i]) / 100;
        printf(" p%s=%lld", names[i], (long long) nanos[index < n ? index : n - 1]);
    }
    printf(" max=%lld", (long long) nanos[n - 1]);
}

// The end of this process kills the other side, too; that the other side ends first is an error.
static void on_child(int signal) {
    (void) signal;
    static const char message[] = "futex: the other side ended\n";
    if (write(STDOUT_FILENO, message, sizeof message - 1)) {}
    _exit(1);
}

int main(int argc, char **argv) {
    if (argc < 9 || strcmp(argv[2], "WAKE_UP") != 0) {
        printf("futex: arguments: FOLDER WAKE_UP 1 1 BYTES CONTENT FIRST_CPU SECOND_CPU\n");
        return 2;
    }
    struct words *words =
        mmap(NULL, sizeof *words, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (words == MAP_FAILED) fail("mmap");
    signal(SIGCHLD, on_child);
    pid_t parent = getpid();
    pid_t other = fork();
    if (other == -1) fail("fork");
    if (other == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) return 1; // it ended before the line above
        pin(atoi(argv[7]));
        pong(words);
    }
    pin(atoi(argv[8]));
    char line[128];
    char command[16];
    long n;
    while (fgets(line, sizeof line, stdin)) {
        int fields = sscanf(line, "0 %15s %ld", command, &n);
        printf("reply 0");
        if (fields == 2 && strcmp(command, "run") == 0 && n > 0) {
            int64_t *nanos = malloc(n * sizeof *nanos);
            if (!nanos) fail("malloc");
            memset(nanos, 0, n * sizeof *nanos); // its pages are there before the clock runs
            ping(words, n, nanos);
            print_percentiles(nanos, n);
            free(nanos);
        }
        printf("\n");
        fflush(stdout);
    }
    signal(SIGCHLD, SIG_DFL);
    kill(other, SIGKILL);
    waitpid(other, NULL, 0);
    return 0;
}
