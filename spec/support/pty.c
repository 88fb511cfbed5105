/* pty PROGRAM ARGS: runs a program on a pseudo terminal of 80 x 24 and prints four numbers: milliseconds from the start to the first frame, median
** milliseconds from a key (Enter) to what it changes on the screen, how often the program woke up in a second of rest, bytes of the last change. */
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { KEYS = 51 };

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* Reads until nothing has come for `quiet` ms (the first byte may take 5 s). Returns how many bytes, and when the first came. */
static size_t hear(int fd, int quiet, double *first) {
  char bytes[65536];
  size_t total = 0;
  struct pollfd p = {.fd = fd, .events = POLLIN};
  while (poll(&p, 1, total ? quiet : 5000) == 1) {
    ssize_t n = read(fd, bytes, sizeof bytes);
    if (n <= 0) break;
    if (total == 0) *first = now();
    total += (size_t)n;
  }
  return total;
}

static long switches(pid_t pid) {
  char path[64], line[256];
  snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
  FILE *f = fopen(path, "r");
  long n = -1;
  while (f && fgets(line, sizeof line, f)) sscanf(line, "voluntary_ctxt_switches: %ld", &n);
  if (f) fclose(f);
  return n;
}

static int compare(const void *a, const void *b) {
  return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b);
}

int main(int argc, char **argv) {
  if (argc < 2) return 2;
  struct winsize size = {.ws_row = 24, .ws_col = 80};
  int fd;
  double start = now(), first = start, keys[KEYS];
  pid_t pid = forkpty(&fd, NULL, NULL, &size);
  if (pid < 0) return 1;
  if (pid == 0) {
    setenv("TERM", "xterm-256color", 1);
    execvp(argv[1], argv + 1);
    _exit(127);
  }
  hear(fd, 200, &first);
  double opened = first - start;
  size_t bytes = 0;
  for (int i = 0; i < KEYS; i++) {
    double sent = now();
    if (write(fd, "\r", 1) != 1) break;
    bytes = hear(fd, 30, &first);
    keys[i] = first - sent;
  }
  qsort(keys, KEYS, sizeof keys[0], compare);
  sleep(1);
  long before = switches(pid);
  sleep(1);
  printf("%.3f %.3f %ld %zu\n", opened, keys[KEYS / 2], switches(pid) - before, bytes);
  kill(pid, SIGTERM);
  waitpid(pid, NULL, 0);
  return 0;
}
