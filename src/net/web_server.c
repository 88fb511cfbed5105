/* libwebsockets 4.1 on our loop. What it needs to be told: user pointers may be NULL in callbacks of refused connections; lws_write scribbles before the
** payload; nothing bounds what is queued but us; permessage-deflate stalls and is not offered; a context is destroyed in two steps. */
#include "net/web_server.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include <libwebsockets.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#define BUCKETS   1024
#define TICK_MS   2
#define BYE_TICKS 150 /* how long pages may take to be told that the server stops */
#define DRY_TICKS 3   /* turns of the loop in which the handles of a destroyed context close */

typedef struct message {
  struct message *next;
  size_t size;
  unsigned char bytes[]; /* LWS_PRE to scribble on, then the text */
} message;

typedef struct conn {
  struct conn *next, *prev;
  hearth__web *w;
  struct lws *wsi;
  uint64_t id;
  bool page, cut, closing, replied, headers_sent, head;
  unsigned status;
  /* a page */
  message *first, *last;
  size_t queued;
  char *partial;
  size_t partial_size;
  double tokens;
  uint64_t refilled;
  /* an answer: headers and body, in one piece of memory */
  char *headers;
  size_t header_count;
  unsigned char *body;
  size_t body_size, body_sent;
} conn;

/* What libwebsockets keeps for us with each connection. */
typedef struct slot {
  conn *c;
  char client[65];
} slot;

struct hearth__web {
  uv_loop_t *loop;
  struct lws_context *context;
  struct lws_vhost *vhost;
  struct lws_protocols protocols[3];
  struct lws_retry_bo pings;
  hearth__web_options o;
  char *cookie, *secret, *bye;
  conn *conns[BUCKETS]; /* by id */
  uint64_t ids;
  size_t clients;
  hearth__web_event *first, *last;
  void (*notify)(void *user);
  void *user;
  uv_timer_t tick; /* while it stops: the loop turns, and time passes */
  unsigned ticks;
  bool stopping, ticking, destroyed;
};

/* ---- events */

static bool push(hearth__web *w, hearth__web_kind kind, const conn *c, const char *client, const char *text, size_t size) {
  if (w->stopping) return true;
  hearth__web_event *e = calloc(1, sizeof *e + size + 1);
  if (!e) return false;
  e->kind = kind;
  e->id = c->id;
  e->head = c->head;
  e->size = size;
  if (client) snprintf(e->client, sizeof e->client, "%s", client);
  if (size) memcpy(e->text, text, size);
  bool was_empty = !w->first;
  if (was_empty)
    w->first = e;
  else
    w->last->next = e;
  w->last = e;
  if (was_empty) w->notify(w->user);
  return true;
}

const hearth__web_event *hearth__web_first(const hearth__web *w) {
  return w->first;
}

void hearth__web_taken(hearth__web *w) {
  hearth__web_event *e = w->first;
  w->first = e->next;
  free(e);
}

/* ---- connections */

static conn *conn_new(hearth__web *w, struct lws *wsi, bool page) {
  conn *c = calloc(1, sizeof *c);
  if (!c) return NULL;
  c->w = w;
  c->wsi = wsi;
  c->id = ++w->ids;
  c->page = page;
  c->tokens = 2.0 * w->o.rate;
  c->refilled = uv_now(w->loop);
  conn **bucket = &w->conns[c->id % BUCKETS];
  c->next = *bucket;
  if (c->next) c->next->prev = c;
  *bucket = c;
  if (page) w->clients++;
  return c;
}

static void conn_free(conn *c) {
  hearth__web *w = c->w;
  if (c->prev)
    c->prev->next = c->next;
  else
    w->conns[c->id % BUCKETS] = c->next;
  if (c->next) c->next->prev = c->prev;
  if (c->page) w->clients--;
  while (c->first) {
    message *m = c->first;
    c->first = m->next;
    free(m);
  }
  free(c->partial);
  free(c->headers);
  free(c->body);
  free(c);
}

static conn *find(hearth__web *w, uint64_t id, bool page) {
  for (conn *c = w->conns[id % BUCKETS]; c; c = c->next)
    if (c->id == id) return c->page == page ? c : NULL;
  return NULL;
}

static bool enqueue(conn *c, const char *text, size_t size) {
  message *m = malloc(sizeof *m + LWS_PRE + size);
  if (!m) return false;
  m->next = NULL;
  m->size = size;
  memcpy(m->bytes + LWS_PRE, text, size);
  if (c->first)
    c->last->next = m;
  else
    c->first = m;
  c->last = m;
  c->queued += size;
  lws_callback_on_writable(c->wsi);
  return true;
}

/* ---- who it is */

bool hearth__web_sign(const hearth__web *w, const char *id, char *out) {
  static const char digits[] = "0123456789abcdef";
  unsigned char mac[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (!HMAC(EVP_sha256(), w->secret, (int)w->o.secret_size, (const unsigned char *)id, strlen(id), mac, &size) ||
      size * 2 != HEARTH__WEB_SIGNATURE)
    return false;
  for (unsigned i = 0; i < size; i++) {
    out[2 * i] = digits[mac[i] >> 4];
    out[2 * i + 1] = digits[mac[i] & 15];
  }
  out[HEARTH__WEB_SIGNATURE] = '\0';
  return true;
}

/* NAME=ID.SIGNATURE of a Cookie header, when we signed it; else "". */
static void read_cookie(hearth__web *w, struct lws *wsi, char client[65]) {
  char text[2048];
  size_t name_size = strlen(w->cookie);
  client[0] = '\0';
  if (lws_hdr_copy(wsi, text, sizeof text, WSI_TOKEN_HTTP_COOKIE) <= 0) return;
  for (char *p = text; *p; p += strcspn(p, ";"), p += *p == ';') {
    p += strspn(p, " ");
    if (strncmp(p, w->cookie, name_size) != 0 || p[name_size] != '=') continue;
    const char *id = p + name_size + 1;
    size_t id_size = strspn(id, "0123456789abcdef");
    const char *signature = id + id_size + 1;
    if (id_size == 0 || id_size > 64 || id[id_size] != '.' || strcspn(signature, "; ") != HEARTH__WEB_SIGNATURE) continue;
    char found[65], want[HEARTH__WEB_SIGNATURE + 1];
    memcpy(found, id, id_size);
    found[id_size] = '\0';
    if (hearth__web_sign(w, found, want) && CRYPTO_memcmp(want, signature, HEARTH__WEB_SIGNATURE) == 0) memcpy(client, found, id_size + 1);
  }
}

/* A page that we served says where it came from; another site's page says that too. */
static bool same_origin(struct lws *wsi) {
  char origin[512], host[512];
  if (lws_hdr_copy(wsi, origin, sizeof origin, WSI_TOKEN_ORIGIN) <= 0 || lws_hdr_copy(wsi, host, sizeof host, WSI_TOKEN_HOST) <= 0)
    return false;
  const char *rest = strstr(origin, "://");
  return rest && lws_is_ssl(wsi) == (strncmp(origin, "https", 5) == 0) && strcasecmp(rest + 3, host) == 0;
}

/* 0: the upgrade is allowed; -1: it was refused, with an answer. */
static int check_upgrade(hearth__web *w, struct lws *wsi) {
  char protocol[32], client[65];
  unsigned status = 0;
  read_cookie(w, wsi, client);
  if (!same_origin(wsi) || !client[0])
    status = HTTP_STATUS_FORBIDDEN;
  else if (lws_hdr_copy(wsi, protocol, sizeof protocol, WSI_TOKEN_PROTOCOL) <= 0 || strcmp(protocol, w->protocols[1].name) != 0)
    status = HTTP_STATUS_BAD_REQUEST;
  else if (w->stopping || w->clients >= w->o.max_clients)
    status = HTTP_STATUS_SERVICE_UNAVAILABLE;
  if (!status) return 0;
  unsigned char answer[LWS_PRE + 128];
  int size = snprintf((char *)answer + LWS_PRE, 128, "HTTP/1.1 %u Refused\r\nconnection: close\r\ncontent-length: 0\r\n\r\n", status);
  lws_write(wsi, answer + LWS_PRE, (size_t)size, LWS_WRITE_HTTP_HEADERS);
  return -1;
}

/* ---- HTTP */

bool hearth__web_reply(hearth__web *w, uint64_t id, unsigned status, const char *const *headers, size_t count, const char *body,
                       size_t size) {
  conn *c = find(w, id, false);
  if (!c || c->replied) return false;
  size_t bytes = 1;
  for (size_t i = 0; i < 2 * count; i++) bytes += strlen(headers[i]) + 1;
  c->headers = malloc(bytes);
  c->body = malloc(LWS_PRE + size + 1);
  if (!c->headers || !c->body) return false;
  char *p = c->headers;
  for (size_t i = 0; i < 2 * count; i++) {
    size_t n = strlen(headers[i]) + 1;
    memcpy(p, headers[i], n);
    p += n;
  }
  memcpy(c->body + LWS_PRE, body, size);
  c->header_count = count;
  c->body_size = size;
  c->status = status;
  c->replied = true;
  lws_callback_on_writable(c->wsi);
  return true;
}

static int write_headers(conn *c) {
  unsigned char buffer[LWS_PRE + 4096], *start = buffer + LWS_PRE, *p = start, *end = buffer + sizeof buffer - 1;
  if (lws_add_http_header_status(c->wsi, c->status, &p, end) || lws_add_http_header_content_length(c->wsi, c->body_size, &p, end))
    return -1;
  const char *h = c->headers;
  for (size_t i = 0; i < c->header_count; i++) {
    const char *value = h + strlen(h) + 1;
    if (lws_add_http_header_by_name(c->wsi, (const unsigned char *)h, (const unsigned char *)value, (int)strlen(value), &p, end)) return -1;
    h = value + strlen(value) + 1;
  }
  c->headers_sent = true;
  return lws_finalize_write_http_header(c->wsi, start, &p, end) ? -1 : 0;
}

static int write_answer(slot *s) {
  conn *c = s->c;
  if (!c || !c->replied) return 0;
  struct lws *wsi = c->wsi;
  if (!c->headers_sent) {
    if (write_headers(c)) return -1;
    if (!c->head && c->body_size > 0) {
      lws_callback_on_writable(wsi);
      return 0;
    }
  } else {
    size_t left = c->body_size - c->body_sent, n = left > 32768 ? 32768 : left;
    /* What lies before this part has been sent: it may be scribbled on. */
    if (lws_write(wsi, c->body + LWS_PRE + c->body_sent, n, n == left ? LWS_WRITE_HTTP_FINAL : LWS_WRITE_HTTP) < 0) return -1;
    c->body_sent += n;
    if (n < left) {
      lws_callback_on_writable(wsi);
      return 0;
    }
  }
  s->c = NULL;
  conn_free(c);
  return lws_http_transaction_completed(wsi) ? -1 : 0;
}

static int refuse(struct lws *wsi, unsigned status) {
  if (lws_return_http_status(wsi, status, NULL)) return -1;
  return lws_http_transaction_completed(wsi) ? -1 : 0;
}

static int on_http(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t size) {
  slot *s = user;
  hearth__web *w = lws_context_user(lws_get_context(wsi));
  switch ((int)reason) {
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE: return check_upgrade(w, wsi);
    case LWS_CALLBACK_HTTP: {
      bool head = lws_hdr_total_length(wsi, WSI_TOKEN_HEAD_URI) > 0;
      char client[65];
      if (!head && lws_hdr_total_length(wsi, WSI_TOKEN_GET_URI) <= 0) return refuse(wsi, HTTP_STATUS_METHOD_NOT_ALLOWED);
      if (w->stopping || !s) return refuse(wsi, HTTP_STATUS_SERVICE_UNAVAILABLE);
      read_cookie(w, wsi, client);
      if (s->c) conn_free(s->c);
      s->c = conn_new(w, wsi, false);
      if (!s->c) return -1;
      s->c->head = head;
      return push(w, HEARTH__WEB_REQUEST, s->c, client, in, size) ? 0 : -1;
    }
    case LWS_CALLBACK_HTTP_WRITEABLE: return s ? write_answer(s) : -1;
    case LWS_CALLBACK_CLOSED_HTTP:
    case LWS_CALLBACK_HTTP_DROP_PROTOCOL:
      if (s && s->c) conn_free(s->c);
      if (s) s->c = NULL;
      return 0;
    case LWS_CALLBACK_ESTABLISHED: return -1; /* a page has the protocol of its own */
    default: return 0;
  }
}

/* ---- pages */

static bool within_rate(conn *c) {
  uint64_t now = uv_now(c->w->loop);
  double rate = c->w->o.rate;
  c->tokens += (double)(now - c->refilled) * rate / 1000;
  c->refilled = now;
  if (c->tokens > 2 * rate) c->tokens = 2 * rate;
  if (c->tokens < 1) return false;
  c->tokens -= 1;
  return true;
}

static int on_receive(conn *c, const char *bytes, size_t size) {
  hearth__web *w = c->w;
  bool last = lws_is_final_fragment(c->wsi) && lws_remaining_packet_payload(c->wsi) == 0;
  if (c->cut || c->closing) return -1;
  if (c->partial_size + size > w->o.max_message) return -1;
  if (!last || c->partial) {
    char *grown = realloc(c->partial, c->partial_size + size + 1);
    if (!grown) return -1;
    memcpy(grown + c->partial_size, bytes, size);
    c->partial = grown;
    c->partial_size += size;
    if (!last) return 0;
    bytes = c->partial;
    size = c->partial_size;
  }
  bool fine = !lws_frame_is_binary(c->wsi) && within_rate(c) && push(w, HEARTH__WEB_MESSAGE, c, NULL, bytes, size);
  free(c->partial);
  c->partial = NULL;
  c->partial_size = 0;
  return fine ? 0 : -1;
}

/* As many messages as the socket takes. */
static int on_writable(conn *c) {
  while (c->first && !c->cut) {
    message *m = c->first;
    if (lws_send_pipe_choked(c->wsi)) {
      lws_callback_on_writable(c->wsi);
      return 0;
    }
    if (lws_write(c->wsi, m->bytes + LWS_PRE, m->size, LWS_WRITE_TEXT) < (int)m->size) return -1;
    c->first = m->next;
    c->queued -= m->size;
    free(m);
  }
  return c->cut || c->closing ? -1 : 0;
}

static int on_page(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t size) {
  slot *s = user;
  hearth__web *w = lws_context_user(lws_get_context(wsi));
  switch ((int)reason) {
    case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
      if (!s) return -1;
      read_cookie(w, wsi, s->client); /* the headers are gone when it is established */
      return s->client[0] ? 0 : -1;
    case LWS_CALLBACK_ESTABLISHED:
      if (!s || !s->client[0]) return -1;
      s->c = conn_new(w, wsi, true);
      return s->c && push(w, HEARTH__WEB_OPEN, s->c, s->client, NULL, 0) ? 0 : -1;
    case LWS_CALLBACK_RECEIVE: return s && s->c ? on_receive(s->c, in, size) : -1;
    case LWS_CALLBACK_SERVER_WRITEABLE: return s && s->c ? on_writable(s->c) : -1;
    case LWS_CALLBACK_CLOSED:
      if (s && s->c) {
        push(w, HEARTH__WEB_CLOSE, s->c, NULL, NULL, 0);
        conn_free(s->c);
        s->c = NULL;
      }
      return 0;
    default: return 0;
  }
}

bool hearth__web_send(hearth__web *w, uint64_t id, const char *text, size_t size) {
  conn *c = find(w, id, true);
  if (!c || c->cut || c->closing) return false;
  if (c->queued + size > w->o.max_queue || !enqueue(c, text, size)) {
    c->cut = true;
    lws_callback_on_writable(c->wsi);
    /* A socket that takes nothing is never writable: the time-out closes it. */
    lws_set_timeout(c->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
    return false;
  }
  return true;
}

void hearth__web_kick(hearth__web *w, uint64_t id, bool drain) {
  conn *c = find(w, id, true);
  if (!c) return;
  c->closing = true;
  if (!drain) c->cut = true;
  lws_callback_on_writable(c->wsi);
}

size_t hearth__web_clients(const hearth__web *w) {
  return w->clients;
}

/* ---- beginning and end */

static void free_options(hearth__web *w) {
  free(w->cookie);
  free(w->bye);
  if (w->secret) OPENSSL_cleanse(w->secret, w->o.secret_size);
  free(w->secret);
}

hearth__web *hearth__web_listen(uv_loop_t *loop, const hearth__web_options *options, void (*notify)(void *user), void *user,
                                const char **why) {
  hearth__web *w = calloc(1, sizeof *w);
  *why = "not enough memory";
  if (!w) return NULL;
  w->loop = loop;
  w->notify = notify;
  w->user = user;
  w->o = *options;
  size_t cookie_size = strlen(options->cookie) + 8;
  w->cookie = malloc(cookie_size);
  w->bye = strdup(options->bye);
  w->secret = malloc(options->secret_size + 1);
  if (!w->cookie || !w->bye || !w->secret) goto failed;
  memcpy(w->secret, options->secret, options->secret_size);
  w->protocols[0] = (struct lws_protocols){.name = "http", .callback = on_http, .per_session_data_size = sizeof(slot)};
  w->protocols[1] =
      (struct lws_protocols){.name = "hearth", .callback = on_page, .per_session_data_size = sizeof(slot), .rx_buffer_size = 16384};
  w->pings.secs_since_valid_ping = 25;
  w->pings.secs_since_valid_hangup = 40;
  void *loops[1] = {loop};
  struct lws_context_creation_info info = {
      .port = options->port,
      .iface = options->host,
      .protocols = w->protocols,
      .foreign_loops = loops,
      .user = w,
      .pcontext = &w->context,
      .retry_and_idle_policy = &w->pings,
      .server_string = "hearth",
      .gid = -1,
      .uid = -1,
      .options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_FAIL_UPON_UNABLE_TO_BIND |
                 LWS_SERVER_OPTION_VALIDATE_UTF8,
  };
  if (options->cert) {
    info.ssl_cert_filepath = options->cert;
    info.ssl_private_key_filepath = options->key;
    info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
  }
  /* Destroying the context unloads this while handles on our loop may still call into it. */
  static const char plugin[] = "libwebsockets-evlib_uv.so";
  if (!dlopen(plugin, RTLD_NOW | RTLD_NODELETE)) dlerror();
  lws_set_log_level(0, NULL);
  w->context = lws_create_context(&info);
  if (!w->context) {
    *why = "libwebsockets cannot be started; is libwebsockets-evlib-uv installed?";
    goto failed;
  }
  w->vhost = lws_create_vhost(w->context, &info);
  if (!w->vhost || hearth__web_port(w) <= 0) {
    *why = options->cert ? "the address is in use or not ours, or the certificate cannot be read" : "the address is in use or not ours";
    /* Nothing is open on the loop but what the context closes in the next turns. */
    w->stopping = w->destroyed = true;
    lws_context_destroy(w->context);
    free_options(w);
    return NULL; /* the context refers to w until the loop has turned: both are left */
  }
  snprintf(w->cookie, cookie_size, "%s%d", options->cookie, hearth__web_port(w));
  return w;
failed:
  free_options(w);
  free(w);
  return NULL;
}

int hearth__web_port(const hearth__web *w) {
  return lws_get_vhost_listen_port(w->vhost);
}

static void on_tick(uv_timer_t *t) {
  ((hearth__web *)t->data)->ticks++;
}

bool hearth__web_stop(hearth__web *w) {
  if (!w->stopping) {
    w->stopping = true;
    if (uv_timer_init(w->loop, &w->tick) == 0) {
      w->ticking = true;
      w->tick.data = w;
      uv_timer_start(&w->tick, on_tick, TICK_MS, TICK_MS);
    }
    for (size_t i = 0; i < BUCKETS; i++) {
      for (conn *c = w->conns[i]; c; c = c->next) {
        if (!c->page) continue;
        enqueue(c, w->bye, strlen(w->bye));
        c->closing = true;
        lws_callback_on_writable(c->wsi);
      }
    }
  }
  if (!w->destroyed) {
    if (w->ticking && w->clients > 0 && w->ticks < BYE_TICKS) return false;
    w->destroyed = true;
    w->ticks = 0;
    if (w->context) lws_context_destroy(w->context);
  }
  return !w->ticking || w->ticks >= DRY_TICKS;
}

static void on_tick_closed(uv_handle_t *handle) {
  free(handle->data);
}

void hearth__web_free(hearth__web *w) {
  /* A context whose handles are still open is left as it is: they belong to the loop, and refer to it. */
  if (w->context && w->ticks >= DRY_TICKS) lws_context_destroy(w->context);
  while (w->first) hearth__web_taken(w);
  for (size_t i = 0; i < BUCKETS; i++)
    while (w->conns[i]) conn_free(w->conns[i]);
  free_options(w);
  if (w->context) return;
  if (w->ticking)
    uv_close((uv_handle_t *)&w->tick, on_tick_closed);
  else
    free(w);
}
