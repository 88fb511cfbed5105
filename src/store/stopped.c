#include "store/stopped.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PID_BITS = 22 }; /* Linux has no greater ids */

/* State and start time. */
static bool look(pid_t pid, char *state, int64_t *started) {
  char path[64], text[1024];
  snprintf(path, sizeof path, "/proc/%lld/stat", (long long)pid);
  FILE *f = fopen(path, "re");
  if (!f) return false;
  size_t n = fread(text, 1, sizeof text - 1, f);
  fclose(f);
  text[n] = '\0';
  char *p = strrchr(text, ')'); /* the name before it may hold anything */
  long long at;
  if (!p || sscanf(p + 1, " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %lld", state, &at) != 2)
    return false;
  *started = at;
  return true;
}

static pid_t pid_of(hearth__process p) {
  return (pid_t)(p & ((1 << PID_BITS) - 1));
}

hearth__process hearth__process_of(pid_t pid) {
  char state;
  int64_t started;
  return pid > 1 && look(pid, &state, &started) ? started << PID_BITS | pid : 0;
}

static bool is_in(hearth__process p, char *state) {
  int64_t started;
  return p != 0 && look(pid_of(p), state, &started) && started == p >> PID_BITS;
}

bool hearth__process_lives(hearth__process p) {
  char state;
  return is_in(p, &state);
}

bool hearth__nudge(hearth__nudged *nudged, hearth__process p) {
  char state;
  if (nudged->n == (int)(sizeof nudged->pids / sizeof *nudged->pids) || pid_of(p) == getpid()) return false;
  if (!is_in(p, &state) || state != 'T' || kill(pid_of(p), SIGCONT) != 0) return false;
  nudged->pids[nudged->n++] = pid_of(p);
  return true;
}

bool hearth__nudge_lockers(hearth__nudged *nudged, const char *path, int64_t from, int64_t to) {
  struct stat st;
  char line[256];
  bool any = false;
  FILE *f = stat(path, &st) == 0 ? fopen("/proc/locks", "re") : NULL;
  if (!f) return false;
  while (fgets(line, sizeof line, f)) { /* "1: POSIX  ADVISORY  READ 4711 fe:00:1234 123 127", device and inode */
    long long pid, start;
    unsigned long long inode;
    char end[32];
    if (sscanf(line, "%*d: POSIX %*s %*s %lld %*x:%*x:%llu %lld %31s", &pid, &inode, &start, end) != 4 || inode != st.st_ino) continue;
    long long last;
    if (sscanf(end, "%lld", &last) != 1) last = to; /* "EOF" */
    if (start <= to && last >= from) any = hearth__nudge(nudged, hearth__process_of((pid_t)pid)) || any;
  }
  fclose(f);
  return any;
}

void hearth__calm(hearth__nudged *nudged) {
  for (int i = 0; i < nudged->n; i++) kill(nudged->pids[i], SIGSTOP);
  nudged->n = 0;
}
