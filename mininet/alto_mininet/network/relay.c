/*
 * Delays frames between pairs of TAP devices, for kernels without netem.
 *
 * Each link is a pair of TAP devices in the network namespaces of two processes. Frames that the kernel sends into one
 * are kept until they are due, then written to the other. They keep their offload headers, so that a bundle of packets
 * stays one.
 *
 * Standard input: lines "link PID DEV PID DEV DELAY DELAY LIMIT LIMIT LOSS LOSS", each pair being one value per
 * direction (first to second device, then back): delay in microseconds, limit in bytes, loss in millionths. Then "go",
 * answered by "ready realtime=0|1". Afterwards: "set LINK DELAY DELAY LIMIT LIMIT LOSS LOSS", and "stats", answered by
 * "stats PASSED DROPPED LOST LATE WORST": frames delivered, dropped because a queue was full, lost on purpose,
 * delivered more than 1 ms late, and the worst lateness in microseconds. "reset" sets these to zero. The end of input
 * ends the program.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define MAX_LINKS 1024
#define MAX_FRAME 66000
/* Nanoseconds. A frame that is due this soon is delivered at once, since waking up later takes as long. */
#define SOON 50000
/* Frames handled per direction and turn, so that none delays the others. */
#define MAX_READS 64

struct frame {
    struct frame *next;
    int64_t due;
    uint32_t length;
    unsigned char data[];
};

struct direction {
    int from, to;
    int64_t delay;
    size_t limit, waiting;
    uint32_t loss;
    struct frame *first, *last;
};

static struct direction directions[2 * MAX_LINKS];
static struct pollfd polled[2 * MAX_LINKS + 1];
static int count;
static uint64_t passed, dropped, lost, late, random_state = 88172645463325252ULL;
static int64_t worst;

static void fail(const char *what, const char *which) {
    printf("error %s %s: %s\n", what, which, strerror(errno));
    fflush(stdout);
    exit(1);
}

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static uint32_t chance(void) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state % 1000000);
}

/* A TAP device stays in the namespace in which it was opened, even after the process leaves it. */
static int open_tap(int pid, const char *name) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/ns/net", pid);
    int space = open(path, O_RDONLY | O_CLOEXEC);
    if (space < 0 || setns(space, 0) != 0)
        fail("namespace of", name);
    close(space);
    int tap = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (tap < 0)
        fail("/dev/net/tun for", name);
    struct ifreq request;
    memset(&request, 0, sizeof request);
    strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
    if (ioctl(tap, TUNSETIFF, &request) != 0)
        fail("cannot attach to", name);
    /* Without offloads frames are smaller, but pass as well. */
    ioctl(tap, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6);
    return tap;
}

static void set(struct direction *direction, long long delay, long long limit, long long loss) {
    direction->delay = delay * 1000;
    direction->limit = (size_t)limit;
    direction->loss = (uint32_t)loss;
}

static void take(struct direction *direction) {
    static unsigned char buffer[MAX_FRAME];
    for (int i = 0; i < MAX_READS; i++) {
        ssize_t length = read(direction->from, buffer, sizeof buffer);
        if (length <= 0)
            return;
        if (direction->loss && chance() < direction->loss) {
            lost++;
            continue;
        }
        if (direction->waiting + (size_t)length > direction->limit) {
            dropped++;
            continue;
        }
        struct frame *frame = malloc(sizeof *frame + (size_t)length);
        if (!frame) {
            dropped++;
            continue;
        }
        frame->next = NULL;
        frame->due = now() + direction->delay;
        frame->length = (uint32_t)length;
        memcpy(frame->data, buffer, (size_t)length);
        if (direction->last)
            direction->last->next = frame;
        else
            direction->first = frame;
        direction->last = frame;
        direction->waiting += (size_t)length;
    }
}

static void deliver(struct direction *direction) {
    for (int i = 0; i < MAX_READS && direction->first; i++) {
        struct frame *frame = direction->first;
        int64_t after = now() - frame->due;
        if (after < -SOON)
            return;
        if (after > worst)
            worst = after;
        if (after > 1000000)
            late++;
        /* An interface that is down accepts no frames, like a cable that is cut. */
        if (write(direction->to, frame->data, frame->length) == (ssize_t)frame->length)
            passed++;
        else
            dropped++;
        direction->first = frame->next;
        if (!direction->first)
            direction->last = NULL;
        direction->waiting -= frame->length;
        free(frame);
    }
}

static void obey(char *line) {
    int place, pids[2];
    char names[2][IFNAMSIZ];
    long long d[2], l[2], p[2];
    if (sscanf(line, "link %d %15s %d %15s %lld %lld %lld %lld %lld %lld", &pids[0], names[0], &pids[1], names[1],
               &d[0], &d[1], &l[0], &l[1], &p[0], &p[1]) == 10 &&
        count < 2 * MAX_LINKS) {
        int taps[2] = {open_tap(pids[0], names[0]), open_tap(pids[1], names[1])};
        for (int end = 0; end < 2; end++) {
            directions[count] = (struct direction){.from = taps[end], .to = taps[1 - end]};
            set(&directions[count], d[end], l[end], p[end]);
            polled[count + 1] = (struct pollfd){.fd = taps[end], .events = POLLIN};
            count++;
        }
    } else if (sscanf(line, "set %d %lld %lld %lld %lld %lld %lld", &place, &d[0], &d[1], &l[0], &l[1], &p[0],
                      &p[1]) == 7 &&
               place >= 0 && 2 * place < count) {
        for (int end = 0; end < 2; end++)
            set(&directions[2 * place + end], d[end], l[end], p[end]);
    } else if (strcmp(line, "go") == 0) {
        struct sched_param priority = {.sched_priority = 20};
        int realtime = sched_setscheduler(0, SCHED_FIFO, &priority) == 0;
        prctl(PR_SET_TIMERSLACK, 1UL);
        printf("ready realtime=%d\n", realtime);
    } else if (strcmp(line, "stats") == 0) {
        printf("stats %llu %llu %llu %llu %lld\n", (unsigned long long)passed, (unsigned long long)dropped,
               (unsigned long long)lost, (unsigned long long)late, (long long)(worst / 1000));
    } else if (strcmp(line, "reset") == 0) {
        passed = dropped = lost = late = 0;
        worst = 0;
    } else {
        printf("error unknown command: %s\n", line);
    }
    fflush(stdout);
}

static void read_orders(void) {
    static char text[4096];
    static size_t length;
    ssize_t more = read(STDIN_FILENO, text + length, sizeof text - 1 - length);
    if (more == 0 || (more < 0 && errno != EAGAIN && errno != EINTR))
        exit(0);
    length += more > 0 ? (size_t)more : 0;
    text[length] = 0;
    char *start = text, *end;
    while ((end = strchr(start, '\n'))) {
        *end = 0;
        obey(start);
        start = end + 1;
    }
    length = strlen(start);
    if (length == sizeof text - 1)
        exit(1);
    memmove(text, start, length);
}

int main(void) {
    polled[0] = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
    for (;;) {
        int64_t due = INT64_MAX;
        for (int i = 0; i < count; i++)
            if (directions[i].first && directions[i].first->due < due)
                due = directions[i].first->due;
        int64_t pause = due - now();
        if (pause < 0)
            pause = 0;
        struct timespec timeout = {.tv_sec = pause / 1000000000, .tv_nsec = pause % 1000000000};
        if (ppoll(polled, (nfds_t)count + 1, due == INT64_MAX ? NULL : &timeout, NULL) < 0 && errno != EINTR)
            exit(1);
        for (int i = 0; i < count; i++)
            if (polled[i + 1].revents)
                take(&directions[i]);
        for (int i = 0; i < count; i++)
            deliver(&directions[i]);
        /* Commands come last, so that a new link does not shift the entries that were just polled. */
        if (polled[0].revents)
            read_orders();
    }
}
