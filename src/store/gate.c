#include "store/gate.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "store/stopped.h"

enum {
  PAGE = 4096,
  GATE_BYTE = 0,
  PRESENCE_BYTE = 1,
  WAITING_BYTE = 2,
  NUMBER_AT = 16,
  HOLDER_AT = 32,
  ENTRIES_AT = 48,
  USERS_AT = 64,
  USERS = 64,
  LOG_AT = USERS_AT + 8 * USERS
};
enum { ALONE_MS = 1000, TICK_MS = 50, PATIENCE_MS = 250, TURN_NS = 5000000, STAND_BACK_NS = 1000000, IN_VAIN_MAX = 6 };

struct hearth__gate {
  int fd;
  bool entered;
  bool created; /* the file was not there */
  bool owes;    /* others waited when we left, and `entries` was this: */
  int64_t entries_then;
  int64_t turn;      /* when our turn began, in ns */
  int in_vain, skip; /* how often in a row keeping the gate was in vain; so many times it is not kept now */
  char *path;
  _Atomic int64_t *number, *entries; /* entries: counts how often the gate was entered */
  hearth__process self;
  _Atomic hearth__process *holder; /* the process that entered last */
  _Atomic hearth__process *users;  /* USERS of them: who has it open; 0: a free place */
  _Atomic hearth__process *place;  /* ours among them, or NULL */
  hearth__gate_log *log;
};

static int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void sign(hearth__gate *g) {
  g->owes = false;
  g->turn = now_ns();
  atomic_fetch_add_explicit(g->entries, 1, memory_order_relaxed);
  atomic_store_explicit(g->holder, g->self, memory_order_relaxed);
}

static void nothing(int signo) {
  (void)signo;
}

/* Interrupts a wait for the gate, once every TICK_MS. A realtime signal that nobody else handles; the handler does nothing. */
static int tick_signal(void) {
  static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  static int chosen; /* -1: none is free */
  pthread_mutex_lock(&lock);
  if (chosen == 0) {
    chosen = -1;
    for (int s = SIGRTMAX - 2; s > SIGRTMIN + 2 && chosen < 0; s--) {
      struct sigaction old, act;
      if (sigaction(s, NULL, &old) != 0 || (old.sa_flags & SA_SIGINFO) || old.sa_handler != SIG_DFL) continue;
      memset(&act, 0, sizeof act);
      act.sa_handler = nothing;
      sigemptyset(&act.sa_mask);
      if (sigaction(s, &act, NULL) == 0) chosen = s;
    }
  }
  int s = chosen;
  pthread_mutex_unlock(&lock);
  return s;
}

static int lock_byte(const hearth__gate *g, short type, off_t at, bool wait) {
  struct flock fl = {.l_type = type, .l_whence = SEEK_SET, .l_start = at, .l_len = 1};
  return fcntl(g->fd, wait ? F_OFD_SETLKW : F_OFD_SETLK, &fl);
}

/* In the list of users; without one, a full list or no /proc, nobody finds us when we are stopped. */
static void take_place(hearth__gate *g) {
  g->self = hearth__process_of(getpid());
  for (int i = 0; i < USERS && g->self && !g->place; i++) {
    hearth__process other = atomic_load(&g->users[i]);
    if (!hearth__process_lives(other) && atomic_compare_exchange_strong(&g->users[i], &other, g->self)) g->place = &g->users[i];
  }
}

/* Who is inside and stopped is let run. It signs when it has entered: one that was stopped in between is found among all. */
static void nudge_holder(const hearth__gate *g, hearth__nudged *nudged) {
  if (hearth__nudge(nudged, atomic_load(g->holder))) return;
  for (int i = 0; i < USERS; i++) {
    hearth__process p = atomic_load(&g->users[i]);
    if (p) hearth__nudge(nudged, p);
  }
}

/* The file, and a shared hold of its presence byte. -1 with errno. Whoever has that byte alone is about to set the store aside, or to remove the
** gate: it is waited for, and the file looked up again. */
static int open_file(const char *path, bool *created) {
  struct stat st, now;
  for (int ms = 0;; ms++) {
    *created = true;
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 && errno == EEXIST) {
      *created = false;
      fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
      if (fd < 0 && errno == ENOENT && ms < ALONE_MS) continue;
    }
    if (fd < 0) return -1;
    hearth__gate g = {.fd = fd};
    bool held = lock_byte(&g, F_RDLCK, PRESENCE_BYTE, false) == 0;
    int err = errno;
    if (held && fstat(fd, &st) == 0 && stat(path, &now) == 0 && st.st_ino == now.st_ino && st.st_dev == now.st_dev) return fd;
    close(fd);
    if (ms >= ALONE_MS) {
      errno = held ? EIO : err;
      return -1;
    }
    nanosleep(&(struct timespec){0, 1000000}, NULL);
  }
}

/* The page has its room on the disk before it is mapped: to write into a hole when the disk is full ends the process. */
static int make_room(int fd) {
  struct stat st;
  if (fstat(fd, &st) != 0) return -1;
  if (st.st_size >= PAGE && st.st_blocks > 0) return 0;
  errno = posix_fallocate(fd, 0, PAGE);
  if (errno == EOPNOTSUPP || errno == EINVAL) return ftruncate(fd, PAGE); /* a file system that cannot promise it */
  return errno == 0 ? 0 : -1;
}

int hearth__gate_open(const char *path, hearth__gate **out, hearth__fault *f) {
  hearth__gate *g = calloc(1, sizeof *g);
  if (!g || !(g->path = strdup(path))) {
    free(g);
    return hearth__fail(f, "EIO", "out of memory");
  }
  g->fd = open_file(path, &g->created);
  if (g->fd < 0 || make_room(g->fd) != 0) goto failed;
  void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, g->fd, 0);
  if (page == MAP_FAILED) goto failed;
  g->number = (_Atomic int64_t *)(void *)((char *)page + NUMBER_AT);
  g->holder = (_Atomic hearth__process *)(void *)((char *)page + HOLDER_AT);
  g->users = (_Atomic hearth__process *)(void *)((char *)page + USERS_AT);
  g->entries = (_Atomic int64_t *)(void *)((char *)page + ENTRIES_AT);
  g->log = (hearth__gate_log *)(void *)((char *)page + LOG_AT);
  take_place(g);
  *out = g;
  return 0;
failed:
  hearth__fail(f, hearth__errno_code(errno), "%s: %s", path, strerror(errno));
  if (g->fd >= 0 && g->created && hearth__gate_alone(g)) unlink(path);
  if (g->fd >= 0) close(g->fd);
  free(g->path);
  free(g);
  return -1;
}

void hearth__gate_close(hearth__gate *g) {
  if (!g) return;
  if (g->place) atomic_store(g->place, 0);
  munmap((char *)(void *)g->number - NUMBER_AT, PAGE);
  close(g->fd);
  free(g->path);
  free(g);
}

void hearth__gate_discard(hearth__gate *g) {
  if (g && g->created && hearth__gate_alone(g)) unlink(g->path);
  hearth__gate_close(g);
}

const char *hearth__gate_path(const hearth__gate *g) {
  return g->path;
}

static int64_t now_ms(void) {
  return now_ns() / 1000000;
}

/* In line with the others, looking up every TICK_MS. */
static int wait_in_line(hearth__gate *g, const atomic_bool *abort, int64_t end, int signo) {
  sigset_t set, old;
  timer_t timer;
  struct sigevent ev;
  struct itimerspec every = {.it_interval = {0, TICK_MS * 1000000L}, .it_value = {0, TICK_MS * 1000000L}};
  memset(&ev, 0, sizeof ev);
  ev.sigev_notify = SIGEV_THREAD_ID;
  ev.sigev_signo = signo;
  ev._sigev_un._tid = gettid();
  if (timer_create(CLOCK_MONOTONIC, &ev, &timer) != 0) return -1;
  sigemptyset(&set);
  sigaddset(&set, signo);
  pthread_sigmask(SIG_UNBLOCK, &set, &old);
  timer_settime(timer, 0, &every, NULL);
  int status;
  hearth__nudged nudged = {.n = 0};
  int64_t patience = now_ms() + PATIENCE_MS;
  while ((status = lock_byte(g, F_WRLCK, GATE_BYTE, true)) != 0 && errno == EINTR && !atomic_load(abort) && now_ms() < end)
    if (now_ms() >= patience) {
      nudge_holder(g, &nudged);
      patience = now_ms() + PATIENCE_MS;
    }
  hearth__calm(&nudged);
  timer_delete(timer);
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  return status;
}

/* After our turn the next in line goes first: its wake-up takes longer than our next transaction. One that is stopped is not waited for. */
static void stand_back(hearth__gate *g) {
  int64_t end = now_ns() + STAND_BACK_NS;
  while (atomic_load_explicit(g->entries, memory_order_relaxed) == g->entries_then && now_ns() < end) sched_yield();
  g->owes = false;
}

int hearth__gate_enter(hearth__gate *g, atomic_bool *abort, int ms) {
  if (g->entered) { /* our turn goes on */
    g->in_vain = 0;
    return 0;
  }
  if (g->owes) stand_back(g);
  if (hearth__gate_try(g)) return 0;
  int64_t end = now_ms() + ms;
  lock_byte(g, F_RDLCK, WAITING_BYTE, false);
  int signo = tick_signal();
  if (signo > 0)
    g->entered = wait_in_line(g, abort, end, signo) == 0;
  else
    while (!atomic_load(abort) && now_ms() < end && !(g->entered = lock_byte(g, F_WRLCK, GATE_BYTE, false) == 0)) {
      struct timespec nap = {0, 1000000};
      nanosleep(&nap, NULL);
    }
  lock_byte(g, F_UNLCK, WAITING_BYTE, false);
  if (g->entered) sign(g);
  if (g->entered) return 0;
  return atomic_load(abort) ? -1 : 1;
}

bool hearth__gate_try(hearth__gate *g) {
  g->entered = lock_byte(g, F_WRLCK, GATE_BYTE, false) == 0;
  if (g->entered) sign(g);
  return g->entered;
}

void hearth__gate_leave(hearth__gate *g) {
  if (!g->entered) return;
  g->entered = false;
  lock_byte(g, F_UNLCK, GATE_BYTE, false);
}

static bool others_wait(const hearth__gate *g) {
  struct flock fl = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = WAITING_BYTE, .l_len = 1};
  return fcntl(g->fd, F_OFD_GETLK, &fl) == 0 && fl.l_type != F_UNLCK;
}

bool hearth__gate_done(hearth__gate *g) {
  if (!g->entered) return false;
  if (others_wait(g)) {
    if (g->skip > 0)
      g->skip--;
    else if (now_ns() - g->turn < TURN_NS)
      return true;
    g->owes = true;
    g->entries_then = atomic_load_explicit(g->entries, memory_order_relaxed);
  }
  hearth__gate_leave(g);
  return false;
}

void hearth__gate_rest(hearth__gate *g) {
  if (!g->entered) return;
  if (g->in_vain < IN_VAIN_MAX) g->in_vain++;
  g->skip = 1 << g->in_vain;
  hearth__gate_leave(g);
}

bool hearth__gate_alone(hearth__gate *g) {
  if (lock_byte(g, F_WRLCK, PRESENCE_BYTE, false) != 0) return false;
  return true;
}

void hearth__gate_not_alone(hearth__gate *g) {
  lock_byte(g, F_RDLCK, PRESENCE_BYTE, false);
}

bool hearth__gate_entered(const hearth__gate *g) {
  return g->entered;
}

int hearth__gate_hold(const hearth__gate *g) {
  hearth__gate other = {.fd = open(g->path, O_RDWR | O_CLOEXEC)};
  if (other.fd < 0) return -1;
  if (lock_byte(&other, F_WRLCK, GATE_BYTE, false) == 0) return other.fd;
  close(other.fd);
  return -1;
}

void hearth__gate_unhold(int hold) {
  close(hold);
}

int64_t hearth__gate_number(const hearth__gate *g) {
  return atomic_load_explicit(g->number, memory_order_acquire);
}

void hearth__gate_announce(hearth__gate *g, int64_t commit) {
  atomic_store_explicit(g->number, commit, memory_order_seq_cst);
}

void hearth__gate_publish(hearth__gate *g, int64_t commit) {
  /* A write, not a store: writes are what inotify tells of. The page cache makes it the same memory. */
  if (pwrite(g->fd, &commit, sizeof commit, NUMBER_AT) != (ssize_t)sizeof commit) hearth__gate_announce(g, commit);
}

hearth__gate_log *hearth__gate_log_of(hearth__gate *g) {
  return g->log;
}
