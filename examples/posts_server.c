/* A small HTTP server to try fetch against, on libuv alone: the posts of examples/posts.lua, and every kind of trouble a client can meet.
** Run it as `build/posts-server [PORT]`: it prints its port and serves on 127.0.0.1 until it is killed, or whoever started it has ended.
**
**   /posts  /posts/N  POST /posts      a list of {id, title, body} in memory
**   /echo                              what was asked, as JSON            /stats         connections and requests so far
**   /status/N  /type?content_type      an answer of that kind             /bytes/N       N bytes    /chunked/N   in chunks of 1000
**   /gzip/N                            N zero bytes, compressed           /trickle/N     N chunks, 20 ms apart
**   /redirect/N  /to/STATUS?URL  /loop redirects                          /cookie?n=v    sets a cookie
**   /hang /drop /reset /half /garbage  no answer, closed, reset, half a body, no HTTP                /quit  ends the server
** Every path takes ?delay=MS, which answers that much later, and ?fail=STATUS. */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>

#include <uv.h>

enum { POSTS = 256, HEAD = 65536 };

typedef struct text {
  char *at;
  size_t size, room;
} text;

typedef struct client {
  uv_tcp_t tcp;
  uv_timer_t timer;
  int handles;
  text in;
  size_t asked; /* bytes of the request that is being answered */
  char method[16], target[4096];
  const char *head;
  char *body;
  size_t body_size;
  int trickle;
  int closing, busy;
} client;

static uv_loop_t *loop;
static char *posts[POSTS];
static int post_count;
static long accepted, open_now, served, hung;

/* ---- text */

static void add(text *t, const char *bytes, size_t n) {
  if (t->room - t->size < n + 1) {
    t->room = (t->size + n + 1) * 2;
    t->at = realloc(t->at, t->room);
    if (!t->at) abort();
  }
  if (n) memcpy(t->at + t->size, bytes, n);
  t->size += n;
  t->at[t->size] = '\0';
}

__attribute__((format(printf, 2, 3))) static void addf(text *t, const char *fmt, ...) {
  char line[8192];
  va_list args;
  va_start(args, fmt);
  int n = vsnprintf(line, sizeof line, fmt, args);
  va_end(args);
  add(t, line, n < (int)sizeof line ? (size_t)n : sizeof line - 1);
}

static void add_json(text *t, const char *bytes, size_t n) {
  add(t, "\"", 1);
  for (size_t i = 0; i < n; i++) {
    unsigned char c = (unsigned char)bytes[i];
    if (c < 0x20 || c == '"' || c == '\\')
      addf(t, "\\u%04x", c);
    else
      add(t, (const char *)&c, 1);
  }
  add(t, "\"", 1);
}

/* The value of a parameter in the query, or `absent`. */
static long parameter(const client *c, const char *name, long absent) {
  const char *q = strchr(c->target, '?');
  size_t n = strlen(name);
  for (; q; q = strchr(q, '&'))
    if (strncmp(++q, name, n) == 0 && q[n] == '=') return strtol(q + n + 1, NULL, 10);
  return absent;
}

/* ---- connections */

static void on_closed(uv_handle_t *handle) {
  client *c = handle->data;
  if (--c->handles > 0) return;
  open_now--;
  free(c->in.at);
  free(c);
}

static void drop(client *c) {
  if (c->closing) return;
  c->closing = 1;
  uv_close((uv_handle_t *)&c->timer, on_closed);
  uv_close((uv_handle_t *)&c->tcp, on_closed);
}

static void next_request(client *c);

typedef struct sent {
  uv_write_t request;
  client *c;
  int then; /* 0 go on with the next request, 1 close, 2 nothing */
  char *bytes;
} sent;

static void on_sent(uv_write_t *request, int status) {
  sent *s = (sent *)request;
  client *c = s->c;
  int then = s->then;
  free(s->bytes);
  free(s);
  if (status != 0 || then == 1) {
    drop(c);
  } else if (then == 0 && !c->closing) {
    memmove(c->in.at, c->in.at + c->asked, c->in.size - c->asked + 1);
    c->in.size -= c->asked;
    c->busy = 0;
    next_request(c);
  }
}

/* Takes over the text. */
static void send_text(client *c, text *t, int then) {
  sent *s = calloc(1, sizeof *s);
  if (!s) abort();
  *s = (sent){.c = c, .then = then, .bytes = t->at};
  uv_buf_t buf = uv_buf_init(t->at, (unsigned)t->size);
  if (uv_write(&s->request, (uv_stream_t *)&c->tcp, &buf, 1, on_sent) != 0) abort();
}

/* An answer with its length; `more` are further headers, each ended by \r\n. */
static void answer(client *c, long status, const char *type, const char *more, const char *body, size_t size) {
  text t = {0};
  served++;
  addf(&t, "HTTP/1.1 %ld Status\r\nContent-Length: %zu\r\n%s%s%s%s\r\n", status, size, *type ? "Content-Type: " : "", type,
       *type ? "\r\n" : "", more);
  if (strcmp(c->method, "HEAD") != 0) add(&t, body, size);
  send_text(c, &t, 0);
}

static void answer_json(client *c, long status, text *body) {
  answer(c, status, "application/json", "", body->at, body->size);
  free(body->at);
}

/* ---- posts */

static void add_post(text *t, int i) {
  addf(t, "{\"id\":%d,\"post\":%s}", i + 1, posts[i]);
}

static void answer_posts(client *c) {
  text t = {0};
  int id = 0;
  if (strcmp(c->method, "POST") == 0) {
    if (post_count == POSTS || c->body_size == 0 || c->body[0] != '{') {
      answer(c, 400, "text/plain", "", "a post is a JSON object", 23);
      return;
    }
    posts[post_count] = strndup(c->body, c->body_size);
    add_post(&t, post_count++);
    answer_json(c, 201, &t);
  } else if (sscanf(c->target, "/posts/%d", &id) == 1) {
    if (id < 1 || id > post_count) {
      free(t.at);
      answer(c, 404, "text/plain", "", "no such post", 12);
      return;
    }
    add_post(&t, id - 1);
    answer_json(c, 200, &t);
  } else {
    add(&t, "[", 1);
    for (int i = 0; i < post_count; i++) {
      if (i) add(&t, ",", 1);
      add_post(&t, i);
    }
    add(&t, "]", 1);
    answer_json(c, 200, &t);
  }
}

/* ---- trouble */

static void answer_echo(client *c) {
  text t = {0};
  addf(&t, "{\"method\":\"%s\",\"target\":", c->method);
  add_json(&t, c->target, strlen(c->target));
  addf(&t, ",\"headers\":{");
  int n = 0;
  for (const char *line = strstr(c->head, "\r\n") + 2; strncmp(line, "\r\n", 2) != 0; line = strstr(line, "\r\n") + 2) {
    const char *colon = strchr(line, ':'), *end = strstr(line, "\r\n");
    if (n++) add(&t, ",", 1);
    add_json(&t, line, (size_t)(colon - line));
    add(&t, ":", 1);
    add_json(&t, colon + 2 <= end ? colon + 2 : end, colon + 2 <= end ? (size_t)(end - colon - 2) : 0);
  }
  addf(&t, "},\"body\":");
  add_json(&t, c->body, c->body_size);
  add(&t, "}", 1);
  answer_json(c, 200, &t);
}

static void answer_bytes(client *c, long n, int chunked) {
  text t = {0};
  char block[1000];
  memset(block, 'x', sizeof block);
  served++;
  if (chunked)
    addf(&t, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  else
    addf(&t, "HTTP/1.1 200 OK\r\nContent-Length: %ld\r\n\r\n", n);
  for (long left = n; left > 0; left -= (long)sizeof block) {
    size_t m = left < (long)sizeof block ? (size_t)left : sizeof block;
    if (chunked) addf(&t, "%zx\r\n", m);
    add(&t, block, m);
    if (chunked) add(&t, "\r\n", 2);
  }
  if (chunked) addf(&t, "0\r\n\r\n");
  send_text(c, &t, 0);
}

/* n zero bytes as gzip: a literal 0, then as many copies of 258 bytes as fit, in one block with fixed codes. */
static void answer_gzip(client *c, unsigned long n) {
  text t = {0};
  unsigned long bits = 0, crc = 0xffffffff, table[256];
  int have = 0;
  for (unsigned long i = 0; i < 256; i++) {
    table[i] = i;
    for (int k = 0; k < 8; k++) table[i] = table[i] & 1 ? table[i] >> 1 ^ 0xedb88320 : table[i] >> 1;
  }
  add(&t, "\x1f\x8b\x08\0\0\0\0\0\0\x03", 10);
#define PUT(code, count)                               \
  for (int i_ = (count)-1; i_ >= 0; i_--) {            \
    bits |= ((unsigned long)(code) >> i_ & 1) << have; \
    if (++have == 8) {                                 \
      add(&t, (const char[]){(char)bits}, 1);          \
      bits = 0;                                        \
      have = 0;                                        \
    }                                                  \
  }
  PUT(6, 3) /* the last block, fixed codes: the bits 1, 1, 0 */
  unsigned long left = n;
  if (left > 0) {
    PUT(0x30, 8)
    left--;
  }
  for (; left >= 258; left -= 258) PUT(0xc5 << 5, 13)
  for (; left > 0; left--) PUT(0x30, 8)
  PUT(0, 7)
  if (have) PUT(0, 8 - have)
  for (unsigned long i = 0; i < n; i++) crc = table[crc & 0xff] ^ crc >> 8;
  crc ^= 0xffffffff;
  for (int k = 0; k < 4; k++) add(&t, (const char[]){(char)(crc >> 8 * k)}, 1);
  for (int k = 0; k < 4; k++) add(&t, (const char[]){(char)(n >> 8 * k)}, 1);
  answer(c, 200, "application/octet-stream", "Content-Encoding: gzip\r\n", t.at, t.size);
  free(t.at);
}

static void on_trickle(uv_timer_t *timer) {
  client *c = timer->data;
  text t = {0};
  if (c->trickle-- > 0) {
    addf(&t, "6\r\ndrip\n \r\n");
    send_text(c, &t, 2);
  } else {
    uv_timer_stop(timer);
    addf(&t, "0\r\n\r\n");
    send_text(c, &t, 0);
  }
}

static void answer_redirect(client *c, long status, const char *to) {
  text t = {0};
  addf(&t, "Location: %s\r\n", to);
  answer(c, status, "", t.at, "", 0);
  free(t.at);
}

static void answer_now(client *c) {
  const char *path = c->target;
  if (strncmp(path, "http://", 7) == 0 && strchr(path + 7, '/')) path = strchr(path + 7, '/'); /* asked as a proxy */
  char where[4200];
  long n = 0;
  text t = {0};
  long failure = parameter(c, "fail", 0);
  if (failure) {
    answer(c, failure, "text/plain", "", "as you wish", 11);
  } else if (strncmp(path, "/posts", 6) == 0) {
    answer_posts(c);
  } else if (strncmp(path, "/echo", 5) == 0) {
    answer_echo(c);
  } else if (strncmp(path, "/stats", 6) == 0) {
    addf(&t, "{\"accepted\":%ld,\"open\":%ld,\"served\":%ld,\"hung\":%ld}", accepted, open_now, served, hung);
    answer_json(c, 200, &t);
  } else if (sscanf(path, "/status/%ld", &n) == 1) {
    answer(c, n, "text/plain", "", "", 0);
  } else if (strncmp(path, "/type?", 6) == 0) {
    answer(c, 200, path + 6, "", "[1, 2, 3]", 9);
  } else if (strncmp(path, "/notjson", 8) == 0) {
    answer(c, 200, "application/json", "", "{\"a\": nope}", 11);
  } else if (strncmp(path, "/latin1", 7) == 0) {
    answer(c, 200, "text/plain; charset=ISO-8859-1", "X-Two: 1\r\nX-Two: 2\r\nX-Empty:\r\n", "caf\xe9", 4);
  } else if (sscanf(path, "/bytes/%ld", &n) == 1) {
    answer_bytes(c, n, 0);
  } else if (sscanf(path, "/chunked/%ld", &n) == 1) {
    answer_bytes(c, n, 1);
  } else if (sscanf(path, "/gzip/%ld", &n) == 1) {
    answer_gzip(c, (unsigned long)n);
  } else if (sscanf(path, "/trickle/%ld", &n) == 1) {
    c->trickle = (int)n;
    addf(&t, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    send_text(c, &t, 2);
    uv_timer_start(&c->timer, on_trickle, 0, 20);
  } else if (sscanf(path, "/redirect/%ld", &n) == 1) {
    snprintf(where, sizeof where, n > 1 ? "/redirect/%ld" : "/echo", n - 1);
    answer_redirect(c, 302, where);
  } else if (sscanf(path, "/to/%ld", &n) == 1 && strchr(path, '?')) {
    answer_redirect(c, n, strchr(path, '?') + 1);
  } else if (strncmp(path, "/loop", 5) == 0) {
    answer_redirect(c, 302, "/loop");
  } else if (strncmp(path, "/cookie?", 8) == 0) {
    snprintf(where, sizeof where, "Set-Cookie: %s; Path=/\r\n", path + 8);
    answer(c, 200, "text/plain", where, "", 0);
  } else if (strncmp(path, "/hang", 5) == 0) {
    hung++;
  } else if (strncmp(path, "/quit", 5) == 0) {
    exit(0);
  } else if (strncmp(path, "/drop", 5) == 0) {
    drop(c);
  } else if (strncmp(path, "/reset", 6) == 0) {
    c->closing = 1;
    uv_close((uv_handle_t *)&c->timer, on_closed);
    uv_tcp_close_reset(&c->tcp, on_closed);
  } else if (strncmp(path, "/half", 5) == 0) {
    addf(&t, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf of it");
    send_text(c, &t, 1);
  } else if (strncmp(path, "/garbage", 8) == 0) {
    addf(&t, "\x01\x02 this is no HTTP\r\n\r\n");
    send_text(c, &t, 1);
  } else {
    answer(c, 404, "text/html", "", "<p>not here</p>", 15);
  }
}

static void on_delay(uv_timer_t *timer) {
  answer_now(timer->data);
}

/* ---- requests */

/* Answers the request at the start of what has come, if it is whole. */
static void next_request(client *c) {
  if (c->busy || !c->in.at) return;
  char *end = strstr(c->in.at, "\r\n\r\n");
  if (!end) {
    if (c->in.size > HEAD) drop(c);
    return;
  }
  size_t head = (size_t)(end - c->in.at) + 4, length = 0;
  for (char *line = c->in.at; line < end; line = strstr(line, "\r\n") + 2)
    if (strncasecmp(line, "content-length:", 15) == 0) length = strtoul(line + 15, NULL, 10);
  if (c->in.size < head + length) return;
  if (sscanf(c->in.at, "%15s %4095s", c->method, c->target) != 2) {
    drop(c);
    return;
  }
  c->head = c->in.at;
  c->body = c->in.at + head;
  c->body_size = length;
  c->asked = head + length;
  c->busy = 1;
  long delay = parameter(c, "delay", 0);
  if (delay > 0)
    uv_timer_start(&c->timer, on_delay, (uint64_t)delay, 0);
  else
    answer_now(c);
}

static void on_allocate(uv_handle_t *handle, size_t hint, uv_buf_t *buf) {
  static char block[65536];
  (void)handle;
  (void)hint;
  *buf = uv_buf_init(block, sizeof block);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf) {
  client *c = stream->data;
  if (n < 0) {
    drop(c);
  } else if (!c->busy || c->in.size < HEAD) {
    add(&c->in, buf->base, (size_t)n);
    next_request(c);
  }
}

static void on_connection(uv_stream_t *listener, int status) {
  client *c = status == 0 ? calloc(1, sizeof *c) : NULL;
  if (!c) return;
  uv_tcp_init(loop, &c->tcp);
  uv_timer_init(loop, &c->timer);
  c->tcp.data = c->timer.data = c;
  c->handles = 2;
  open_now++;
  if (uv_accept(listener, (uv_stream_t *)&c->tcp) != 0) {
    drop(c);
    return;
  }
  accepted++;
  uv_tcp_nodelay(&c->tcp, 1);
  uv_read_start((uv_stream_t *)&c->tcp, on_allocate, on_read);
}

int main(int argc, char **argv) {
  struct sockaddr_in where;
  int size = sizeof where;
  uv_tcp_t listener;
  signal(SIGPIPE, SIG_IGN);
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  posts[post_count++] = strdup("{\"title\":\"Hearth\",\"body\":\"Its state stays.\"}");
  posts[post_count++] = strdup("{\"title\":\"Posts\",\"body\":\"Fetched, kept, shown at once.\"}");
  loop = uv_default_loop();
  uv_tcp_init(loop, &listener);
  uv_ip4_addr("127.0.0.1", argc > 1 ? atoi(argv[1]) : 0, &where);
  if (uv_tcp_bind(&listener, (struct sockaddr *)&where, 0) != 0 || uv_listen((uv_stream_t *)&listener, 2048, on_connection) != 0) {
    fprintf(stderr, "posts-server: cannot listen on port %s\n", argc > 1 ? argv[1] : "0");
    return 1;
  }
  uv_tcp_getsockname(&listener, (struct sockaddr *)&where, &size);
  printf("%d\n", ntohs(where.sin_port));
  fflush(stdout);
  return uv_run(loop, UV_RUN_DEFAULT);
}
