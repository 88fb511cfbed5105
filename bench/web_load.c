/* The pages of bench/web.lua: it speaks as a page does, to `hearth serve` or to bench/web_peer.js, over loopback, on one thread with epoll.
**
**   web_load html PORT SECONDS CONNECTIONS PID          requests a second of GET / with one browser's cookie, on connections that stay
**   web_load sessions PORT COUNT PID                    KiB of process PID for each of COUNT browsers with one idle page
**   web_load click PORT COUNT LABEL TEXT                one page clicks LABEL until it has seen "TEXT count": median and 99th percentile in ms
**   web_load broadcast PORT PAGES CHANGES AHEAD LABEL TEXT PID     one page after the other clicks, all see it; AHEAD clicks may be on their way: changes a second
**
** html and broadcast then print the same for a second of the server's processor time, which does not depend on who else is at work here. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BUFFER 65536

typedef struct page {
  int fd, seen; /* the highest count that it has seen */
  int clicks;
  long got, acked;
  size_t size;
  char *bytes;
} page;

static int port;
static const char *text; /* what stands in front of the count */

static void fail(const char *what) {
  fprintf(stderr, "web_load: %s: %s\n", what, errno ? strerror(errno) : "unexpected answer");
  exit(1);
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Processor time of a process until now, in seconds. */
static double used(int pid) {
  char path[64], line[1024];
  unsigned long user = 0, kernel = 0;
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  FILE *f = fopen(path, "r");
  if (!f || !fgets(line, sizeof line, f)) fail("the process");
  fclose(f);
  const char *at = strrchr(line, ')'); /* of its name, which may hold anything */
  if (!at || sscanf(at + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &kernel) != 2) fail("the process");
  return (double)(user + kernel) / (double)sysconf(_SC_CLK_TCK);
}

static int dial(void) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
  if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to)) fail("connect");
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  return fd;
}

static void put(int fd, const char *bytes, size_t size) {
  while (size > 0) {
    ssize_t n = write(fd, bytes, size);
    if (n <= 0) fail("write");
    bytes += n;
    size -= (size_t)n;
  }
}

/* Reads until `end` is there, and `more` bytes after it; the whole is in `bytes`, ends in NUL. */
static size_t get_until(int fd, char *bytes, size_t room, const char *end) {
  size_t size = 0;
  while (size < room - 1) {
    ssize_t n = read(fd, bytes + size, room - 1 - size);
    if (n <= 0) fail("read");
    size += (size_t)n;
    bytes[size] = '\0';
    if (strstr(bytes, end)) return size;
  }
  errno = 0;
  fail("too long an answer");
  return 0;
}

/* The cookie of a browser that was not here before, "NAME=VALUE". */
static void new_cookie(char *cookie, size_t room) {
  static char answer[BUFFER];
  int fd = dial();
  char request[128];
  int n = snprintf(request, sizeof request, "GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n", port);
  put(fd, request, (size_t)n);
  get_until(fd, answer, sizeof answer, "</html>");
  char *at = strcasestr(answer, "set-cookie: ");
  if (!at) fail("cookie");
  at += 12;
  snprintf(cookie, room, "%.*s", (int)strcspn(at, ";\r"), at);
  close(fd);
}

static void say(page *p, const char *message) {
  unsigned char frame[512] = {0x81};
  size_t size = strlen(message), head = 2;
  if (size < 126) {
    frame[1] = (unsigned char)(0x80 | size);
  } else {
    frame[1] = 0x80 | 126;
    frame[2] = (unsigned char)(size >> 8);
    frame[3] = (unsigned char)size;
    head = 4;
  }
  memset(frame + head, 0, 4); /* a mask that changes nothing */
  memcpy(frame + head + 4, message, size);
  put(p->fd, (char *)frame, head + 4 + size);
}

/* Takes whole frames: the highest count in them, and the highest message. */
static void take(page *p) {
  size_t at = 0;
  while (p->size - at >= 2) {
    const unsigned char *f = (unsigned char *)p->bytes + at;
    size_t size = f[1] & 127u, head = 2;
    if (size == 126) {
      if (p->size - at < 4) break;
      size = (size_t)f[2] << 8 | f[3];
      head = 4;
    }
    if (p->size - at < head + size) break;
    char *frame = p->bytes + at + head, kept = frame[size];
    frame[size] = '\0';
    for (char *c = frame; (c = strstr(c, text)); c++) {
      int count = atoi(c + strlen(text));
      if (count > p->seen) p->seen = count;
    }
    for (char *c = frame; (c = strstr(c, "\"q\":")); c++) p->got = atol(c + 4);
    frame[size] = kept;
    at += head + size;
  }
  memmove(p->bytes, p->bytes + at, p->size - at);
  p->size -= at;
  if (p->got >= p->acked + 64) {
    char ack[32];
    p->acked = p->got;
    snprintf(ack, sizeof ack, "[0,\"a\",%ld]", p->got);
    say(p, ack);
  }
}

static void read_some(page *p) {
  ssize_t n = read(p->fd, p->bytes + p->size, BUFFER - 1 - p->size);
  if (n <= 0) fail("a page was closed");
  p->size += (size_t)n;
  take(p);
}

/* A page of this browser, mounted. Its first HTML is in p->bytes until the next read; the number of the button with this label is given. */
static long open_page(page *p, const char *cookie, const char *label) {
  static unsigned tabs;
  char request[512], hello[128];
  p->fd = dial();
  p->bytes = malloc(BUFFER);
  if (!p->bytes) fail("malloc");
  int n = snprintf(request, sizeof request,
                   "GET /live HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nOrigin: http://127.0.0.1:%d\r\nCookie: %s\r\nConnection: Upgrade\r\n"
                   "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
                   "Sec-WebSocket-Protocol: hearth\r\n\r\n",
                   port, port, cookie);
  put(p->fd, request, (size_t)n);
  get_until(p->fd, p->bytes, BUFFER, "\r\n\r\n");
  if (strncmp(p->bytes, "HTTP/1.1 101", 12) != 0) fail("upgrade");
  snprintf(hello, sizeof hello, "[0,\"h\",{\"g\":0,\"tab\":\"%08x\",\"items\":{},\"own\":[]}]", ++tabs);
  say(p, hello);
  get_until(p->fd, p->bytes, BUFFER, "</main>");
  char *count = strstr(p->bytes, text);
  if (count) p->seen = atoi(count + strlen(text));
  if (!label) return 0;
  char shown[128];
  snprintf(shown, sizeof shown, ">%s<", label);
  char *at = strstr(p->bytes, shown);
  if (!at) fail("the button");
  while (at > p->bytes && strncmp(at, "data-h=", 7) != 0) at--;
  return strtol(at + 7 + strcspn(at + 7, "0123456789"), NULL, 10);
}

static void click(page *p, long node, int number) {
  char message[64];
  snprintf(message, sizeof message, "[%d,\"e\",%ld,\"c\"]", number, node);
  say(p, message);
}

static int by_size(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void run_click(int count, const char *label) {
  page p = {0};
  char cookie[256];
  double *times = calloc((size_t)count, sizeof *times);
  if (!times) fail("calloc");
  new_cookie(cookie, sizeof cookie);
  long node = open_page(&p, cookie, label);
  for (int i = 0; i < count; i++) {
    double t = now();
    int before = p.seen;
    click(&p, node, i + 1);
    while (p.seen == before) read_some(&p);
    times[i] = now() - t;
  }
  qsort(times, (size_t)count, sizeof *times, by_size);
  printf("%.4f %.4f\n", times[count / 2] * 1e3, times[count * 99 / 100] * 1e3);
}

static void run_broadcast(int count, int changes, int ahead, const char *label, int pid) {
  page *pages = calloc((size_t)count, sizeof *pages);
  char cookie[256];
  long node = 0;
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  if (!pages || epoll < 0) fail("epoll");
  for (int i = 0; i < count; i++) {
    new_cookie(cookie, sizeof cookie);
    long found = open_page(&pages[i], cookie, i == 0 ? label : NULL);
    if (i == 0) node = found;
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = &pages[i]};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, pages[i].fd, &e)) fail("epoll");
  }
  int clicked = 0, done = 0; /* changes that all have seen */
  int *missing = calloc((size_t)changes + 1, sizeof *missing);
  if (!missing) fail("calloc");
  for (int i = 1; i <= changes; i++) missing[i] = count;
  int base = pages[0].seen; /* how often it was changed before */
  double t = now(), cpu = used(pid);
  while (done < changes) {
    for (; clicked < changes && clicked < done + ahead; clicked++) {
      page *p = &pages[clicked % count]; /* in turn: what one page may say in a second is bounded */
      click(p, node, ++p->clicks);
    }
    struct epoll_event events[256];
    int n = epoll_wait(epoll, events, 256, 10000);
    if (n <= 0) fail("no change came");
    for (int i = 0; i < n; i++) {
      page *p = events[i].data.ptr;
      int before = p->seen;
      read_some(p);
      for (int c = before + 1; c <= p->seen && c <= base + changes; c++) missing[c - base]--;
    }
    while (done < changes && missing[done + 1] == 0) done++;
  }
  printf("%.1f %.1f\n", changes / (now() - t), changes / (used(pid) - cpu));
}

static long resident(int pid) {
  char path[64], line[256];
  snprintf(path, sizeof path, "/proc/%d/status", pid);
  FILE *f = fopen(path, "r");
  long kib = -1;
  if (!f) fail("the process");
  while (fgets(line, sizeof line, f)) sscanf(line, "VmRSS: %ld", &kib);
  fclose(f);
  return kib;
}

static void run_sessions(int count, int pid) {
  char cookie[256];
  page p = {0};
  for (int i = 0; i < 20; i++) { /* what the first ones load is nobody's session */
    new_cookie(cookie, sizeof cookie);
    open_page(&p, cookie, NULL);
    free(p.bytes);
  }
  sleep(2);
  long before = resident(pid);
  for (int i = 0; i < count; i++) {
    new_cookie(cookie, sizeof cookie);
    open_page(&p, cookie, NULL);
    free(p.bytes);
  }
  sleep(3);
  printf("%.2f\n", (double)(resident(pid) - before) / count);
}

static void run_html(double seconds, int connections, int pid) {
  static char answer[BUFFER];
  char cookie[256], request[512];
  page *pages = calloc((size_t)connections, sizeof *pages);
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  if (!pages || epoll < 0) fail("epoll");
  new_cookie(cookie, sizeof cookie);
  int size = snprintf(request, sizeof request, "GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nCookie: %s\r\n\r\n", port, cookie);
  for (int i = 0; i < connections; i++) {
    pages[i].fd = dial();
    pages[i].bytes = malloc(BUFFER);
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = &pages[i]};
    if (!pages[i].bytes || epoll_ctl(epoll, EPOLL_CTL_ADD, pages[i].fd, &e)) fail("epoll");
    put(pages[i].fd, request, (size_t)size);
  }
  long answers = 0;
  double t = now(), end = t + seconds, cpu = used(pid);
  while (now() < end) {
    struct epoll_event events[64];
    int n = epoll_wait(epoll, events, 64, 5000);
    if (n <= 0) fail("no answer came");
    for (int i = 0; i < n; i++) {
      page *p = events[i].data.ptr;
      ssize_t got = read(p->fd, p->bytes + p->size, BUFFER - 1 - p->size);
      if (got <= 0) fail("a connection was closed");
      p->size += (size_t)got;
      p->bytes[p->size] = '\0';
      if (!strstr(p->bytes, "</html>")) continue;
      if (strncmp(p->bytes, "HTTP/1.1 200", 12) != 0) fail("the answer");
      memcpy(answer, p->bytes, p->size + 1);
      p->size = 0;
      answers++;
      put(p->fd, request, (size_t)size);
    }
  }
  printf("%.0f %.0f\n", (double)answers / (now() - t), (double)answers / (used(pid) - cpu));
}

int main(int argc, char **argv) {
  struct rlimit files = {0};
  if (argc < 5) {
    fprintf(stderr, "usage: see the top of bench/web_load.c\n");
    return 2;
  }
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  port = atoi(argv[2]);
  text = "\x01"; /* nowhere */
  if (strcmp(argv[1], "html") == 0 && argc == 6) {
    run_html(atof(argv[3]), atoi(argv[4]), atoi(argv[5]));
  } else if (strcmp(argv[1], "sessions") == 0) {
    run_sessions(atoi(argv[3]), atoi(argv[4]));
  } else if (strcmp(argv[1], "click") == 0 && argc == 6) {
    text = argv[5];
    run_click(atoi(argv[3]), argv[4]);
  } else if (strcmp(argv[1], "broadcast") == 0 && argc == 9) {
    text = argv[7];
    run_broadcast(atoi(argv[3]), atoi(argv[4]), atoi(argv[5]), argv[6], atoi(argv[8]));
  } else {
    fprintf(stderr, "web_load: which of html, sessions, click, broadcast?\n");
    return 2;
  }
  return 0;
}
