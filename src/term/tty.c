/* The terminal as a device. Of ncurses only its lower half is used, the terminfo data base: its screen cannot send 24-bit colours to the usual
** entries, and would compare our cells a second time.
**
** What a fault handler needs (the bytes that undo, the modes, the descriptors) is static and computed before; it calls nothing but write, read,
** tcsetattr and dup2. */
#include "term/tty.h"

#include <curses.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <term.h>
#include <termios.h>
#include <unistd.h>

enum { LARGEST = 1000 };

static hearth__caps caps;
static struct termios before;
static volatile sig_atomic_t inside; /* the terminal is ours */
static volatile sig_atomic_t asked;  /* it owes an answer */
static int out = -1;                 /* the terminal, while descriptor 1 leads elsewhere */
static int kept = -1;                /* a file in memory */
static int real_err = -1;
static char undo[512];
static size_t undo_size;
static char begin[512];

static size_t take(char *to, size_t room, const char *sequence) {
  size_t size = sequence ? strlen(sequence) : 0;
  if (size > room) size = 0;
  if (size > 0) memcpy(to, sequence, size);
  return size;
}

static size_t go(char *to, size_t room, int x, int y) {
  return take(to, room, tparm(cursor_address, y, x, 0, 0, 0, 0, 0, 0, 0));
}

static size_t colour(char *to, size_t room, bool background, unsigned index) {
  return take(to, room, tparm(background ? set_a_background : set_a_foreground, (int)index, 0, 0, 0, 0, 0, 0, 0, 0));
}

/* A copy without the padding ($<5>) of old entries, for the life of the process: the sequences are read once. */
static const char *sequence(const char *text) {
  static char pool[2048];
  static size_t used;
  if (!text || text == (const char *)-1 || strlen(text) >= sizeof pool - used) return NULL;
  char *copy = pool + used, *to = copy;
  while (*text) {
    const char *stop = text[0] == '$' && text[1] == '<' ? strchr(text, '>') : NULL;
    if (stop)
      text = stop + 1;
    else
      *to++ = *text++;
  }
  *to++ = '\0';
  used = (size_t)(to - pool);
  return copy;
}

static bool is_truecolor(void) {
  const char *says = getenv("COLORTERM");
  if (says && (strcmp(says, "truecolor") == 0 || strcmp(says, "24bit") == 0)) return true;
  return tigetflag("RGB") == 1 || tigetflag("Tc") == 1;
}

static void append(char *to, size_t room, const char *text) {
  size_t size = strlen(to);
  if (text && size + strlen(text) < room) strcpy(to + size, text);
}

const char *hearth__tty_open(void) {
  static bool read_already;
  if (!isatty(STDOUT_FILENO) && !inside) return "standard output is not a terminal";
  if (!isatty(STDIN_FILENO)) return "standard input is not a terminal";
  const char *term = getenv("TERM");
  if (!term || !*term) return "TERM is not set";
  if (strcmp(term, "dumb") == 0) return "TERM=dumb cannot place text";
  if (read_already) return NULL;
  int status;
  if (setupterm(NULL, STDOUT_FILENO, &status) != OK) return "this system does not know the terminal that TERM names";
  if (!cursor_address || !clear_screen) return "the terminal that TERM names cannot place text";
  read_already = true;
  caps = (hearth__caps){.go = go, .colour = colour};
  caps.plain = sequence(exit_attribute_mode);
  const char *strike = tigetstr("smxx");
  const char *const on[6] = {enter_bold_mode, enter_dim_mode, enter_italics_mode, enter_underline_mode, strike, enter_reverse_mode};
  for (int i = 0; i < 6; i++) caps.on[i] = caps.plain ? sequence(on[i]) : NULL;
  caps.show_cursor = sequence(cursor_normal);
  caps.hide_cursor = sequence(cursor_invisible);
  const char *no_color = getenv("NO_COLOR");
  if (!(no_color && *no_color) && set_a_foreground && set_a_background && caps.plain && max_colors >= 8)
    caps.colours = is_truecolor() ? 1 << 24 : max_colors >= 256 ? 256 : max_colors >= 16 ? 16 : 8;
  /* Mouse: presses, drags and the wheel, in the SGR form; pasted text in brackets. Terminals that do not know them ignore them. */
  append(begin, sizeof begin, sequence(enter_ca_mode));
  append(begin, sizeof begin, sequence(clear_screen));
  append(begin, sizeof begin, sequence(exit_am_mode));
  append(begin, sizeof begin, "\033[?1002h\033[?1006h\033[?2004h");
  append(undo, sizeof undo, "\033[?2004l\033[?1006l\033[?1002l");
  append(undo, sizeof undo, caps.plain);
  append(undo, sizeof undo, sequence(enter_am_mode));
  append(undo, sizeof undo, caps.show_cursor);
  append(undo, sizeof undo, sequence(exit_ca_mode));
  undo_size = strlen(undo);
  return NULL;
}

void hearth__tty_awaits(bool answer) {
  asked = answer;
}

const hearth__caps *hearth__tty_caps(void) {
  return &caps;
}

static int descriptor(void) {
  return out >= 0 ? out : STDOUT_FILENO;
}

bool hearth__tty_write(const char *text, size_t size) {
  while (size > 0) {
    ssize_t n = write(descriptor(), text, size);
    if (n >= 0) {
      text += n;
      size -= (size_t)n;
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      struct pollfd p = {.fd = descriptor(), .events = POLLOUT};
      poll(&p, 1, -1);
      if (p.revents & (POLLHUP | POLLERR)) return false;
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

void hearth__tty_size(int *width, int *height) {
  struct winsize ws = {0};
  if (ioctl(descriptor(), TIOCGWINSZ, &ws) != 0) ws = (struct winsize){0};
  *width = ws.ws_col > 0 ? ws.ws_col : 80;
  *height = ws.ws_row > 0 ? ws.ws_row : 24;
  if (*width > LARGEST) *width = LARGEST;
  if (*height > LARGEST) *height = LARGEST;
}

/* ---- in and out */

/* Async-signal-safe. */
static void restore(void) {
  if (!inside) return;
  inside = 0;
  hearth__tty_write(undo, undo_size);
  tcsetattr(STDIN_FILENO, asked ? TCSAFLUSH : TCSADRAIN, &before);
}

/* Async-signal-safe. Gives descriptors 1 and 2 back, then prints what was written to them meanwhile. */
static void release(void) {
  if (out < 0) return;
  dup2(out, STDOUT_FILENO);
  if (real_err >= 0) dup2(real_err, STDERR_FILENO);
  close(out);
  if (real_err >= 0) close(real_err);
  out = real_err = -1;
  char bytes[4096];
  off_t at = 0;
  ssize_t n;
  while (kept >= 0 && (n = pread(kept, bytes, sizeof bytes, at)) > 0) {
    at += n;
    if (!hearth__tty_write(bytes, (size_t)n)) break;
  }
  if (kept >= 0) close(kept);
  kept = -1;
}

static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGQUIT};
enum { FAULTS = sizeof faults / sizeof faults[0] };

static void on_fault(int sig) {
  restore();
  release();
  signal(sig, SIG_DFL);
  raise(sig);
}

static void at_exit(void) {
  restore();
  if (out >= 0) fflush(NULL);
  release();
}

static void install(void) {
  static bool installed;
  if (installed) return;
  installed = true;
  atexit(at_exit);
  for (int i = 0; i < FAULTS; i++) {
    struct sigaction old;
    if (sigaction(faults[i], NULL, &old) == 0 && old.sa_handler == SIG_DFL) {
      struct sigaction sa = {.sa_handler = on_fault, .sa_flags = SA_NODEFER};
      sigemptyset(&sa.sa_mask);
      sigaction(faults[i], &sa, NULL);
    }
  }
}

static void keep_output(void) {
  if (out >= 0) return;
  fflush(NULL);
  struct stat a, b;
  bool both = fstat(STDOUT_FILENO, &a) == 0 && fstat(STDERR_FILENO, &b) == 0 && a.st_rdev == b.st_rdev && a.st_ino == b.st_ino;
  kept = memfd_create("hearth-output", MFD_CLOEXEC);
  if (kept < 0) return;
  int terminal = dup(STDOUT_FILENO);
  if (terminal < 0) return;
  /* Both descriptors share one offset, so that what they get stays in order. */
  dup2(kept, STDOUT_FILENO);
  if (both && (real_err = dup(STDERR_FILENO)) >= 0) dup2(kept, STDERR_FILENO);
  out = terminal;
}

int hearth__tty_enter(void) {
  if (inside) return 0;
  if (tcgetattr(STDIN_FILENO, &before) != 0) return -1;
  struct termios raw = before;
  raw.c_lflag &= (tcflag_t) ~(ECHO | ICANON | IEXTEN); /* ISIG stays: Ctrl-C and Ctrl-Z work while the script is busy */
  raw.c_iflag &= (tcflag_t) ~(IXON | ICRNL | INLCR | IGNCR | ISTRIP | INPCK);
  raw.c_cflag |= CS8;
  raw.c_cc[VMIN] = 1;
  raw.c_cc[VTIME] = 0;
  raw.c_cc[VQUIT] = _POSIX_VDISABLE;
  install();
  keep_output();
  if (tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) != 0) {
    int err = errno;
    release();
    errno = err;
    return -1;
  }
  inside = 1;
  if (!hearth__tty_write(begin, strlen(begin))) return -1;
  return 0;
}

void hearth__tty_leave(void) {
  restore();
}

void hearth__tty_close(void) {
  restore();
  if (out >= 0) fflush(NULL);
  release();
}

size_t hearth__tty_kept(size_t from, char *to, size_t room) {
  fflush(stdout);
  ssize_t n = kept >= 0 ? pread(kept, to, room, (off_t)from) : 0;
  return n > 0 ? (size_t)n : 0;
}

void hearth__tty_suspend(void) {
  bool was = inside;
  restore();
  struct sigaction stop = {.sa_handler = SIG_DFL}, old;
  sigemptyset(&stop.sa_mask);
  sigaction(SIGTSTP, &stop, &old);
  kill(getpid(), SIGTSTP); /* by its default action, which spares a process that no shell could wake */
  sigaction(SIGTSTP, &old, NULL);
  if (was) hearth__tty_enter();
}
