/* libwebsockets 4.1 on our loop. What it needs to be told: user pointers may be NULL in callbacks of refused connections; lws_write scribbles before the
** payload; nothing bounds what is queued but us; permessage-deflate stalls and is not offered; a context is destroyed in two steps. */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <openssl/crypto.h>

#include "net/web_internal.h"

#define CHUNK     (64 * 1024)
#define TICK_MS   2
#define BYE_TICKS 150 /* how long pages may take to be told that the server stops */
#define DRY_TICKS 3   /* turns of the loop in which the handles of a destroyed context close */

typedef hearth__web_conn conn;
typedef hearth__web_slot slot;

/* ---- events */

bool hearth__web_push(hearth__web *w, hearth__web_kind kind, const conn *c, const char *client, const char *text, size_t size) {
  if (w->stopping) return true;
  hearth__web_event *e = calloc(1, sizeof *e + size + 1);
  if (!e) return false;
  e->kind = kind;
  e->id = c->id;
  e->head = c->head;
  e->metrics = c->metrics;
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

conn *hearth__web_conn_new(hearth__web *w, struct lws *wsi, bool page) {
  conn *c = calloc(1, sizeof *c);
  if (!c) return NULL;
  c->w = w;
  c->wsi = wsi;
  c->id = ++w->ids;
  c->page = page;
  c->tokens = 2.0 * w->o.rate;
  c->refilled = uv_now(w->loop);
  conn **bucket = &w->conns[c->id % HEARTH__WEB_BUCKETS];
  c->next = *bucket;
  if (c->next) c->next->prev = c;
  *bucket = c;
  if (page) w->clients++;
  return c;
}

void hearth__web_conn_free(conn *c) {
  hearth__web *w = c->w;
  if (c->prev)
    c->prev->next = c->next;
  else
    w->conns[c->id % HEARTH__WEB_BUCKETS] = c->next;
  if (c->next) c->next->prev = c->prev;
  if (c->page) w->clients--;
  hearth__web_page_clear(c);
  free(c->answer);
  free(c);
}

conn *hearth__web_find(hearth__web *w, uint64_t id, bool page) {
  for (conn *c = w->conns[id % HEARTH__WEB_BUCKETS]; c; c = c->next)
    if (c->id == id) return c->page == page ? c : NULL;
  return NULL;
}

/* ---- HTTP */

/* Head and body in one piece of memory, to be written at once. */
static bool write_head(conn *c, unsigned status, const char *const *headers, size_t count, size_t size) {
  size_t room = 512;
  for (size_t i = 0; i < 2 * count; i++) room += strlen(headers[i]) + 4;
  c->answer = malloc(LWS_PRE + room + size);
  if (!c->answer) return false;
  unsigned char *p = c->answer + LWS_PRE, *end = p + room;
  if (lws_add_http_header_status(c->wsi, status, &p, end) || lws_add_http_header_content_length(c->wsi, size, &p, end)) return false;
  for (size_t i = 0; i < 2 * count; i += 2) {
    const unsigned char *name = (const unsigned char *)headers[i], *value = (const unsigned char *)headers[i + 1];
    if (lws_add_http_header_by_name(c->wsi, name, value, (int)strlen(headers[i + 1]), &p, end)) return false;
  }
  if (lws_finalize_http_header(c->wsi, &p, end)) return false;
  c->answer_size = (size_t)(p - c->answer) - LWS_PRE;
  return true;
}

bool hearth__web_reply(hearth__web *w, uint64_t id, unsigned status, const char *const *headers, size_t count, const char *body,
                       size_t size) {
  conn *c = hearth__web_find(w, id, false);
  if (!c || c->replied) return false;
  c->replied = true;
  if (!write_head(c, status, headers, count, size)) {
    lws_set_timeout(c->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
    return false;
  }
  if (!c->head) {
    memcpy(c->answer + LWS_PRE + c->answer_size, body, size);
    c->answer_size += size;
  }
  lws_callback_on_writable(c->wsi);
  return true;
}

static int write_answer(slot *s) {
  conn *c = s->c;
  if (!c || !c->answer_size) return 0;
  struct lws *wsi = c->wsi;
  size_t left = c->answer_size - c->answer_sent, n = left > CHUNK ? CHUNK : left;
  /* What lies before this part has been sent: it may be scribbled on. */
  if (lws_write(wsi, c->answer + LWS_PRE + c->answer_sent, n, n == left ? LWS_WRITE_HTTP_FINAL : LWS_WRITE_HTTP) < 0) return -1;
  c->answer_sent += n;
  if (n < left) {
    lws_callback_on_writable(wsi);
    return 0;
  }
  s->c = NULL;
  hearth__web_conn_free(c);
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
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE: return hearth__web_check_upgrade(w, wsi);
    case LWS_CALLBACK_HTTP: {
      bool head = lws_hdr_total_length(wsi, WSI_TOKEN_HEAD_URI) > 0;
      char client[HEARTH__WEB_CLIENT + 1];
      if (!head && lws_hdr_total_length(wsi, WSI_TOKEN_GET_URI) <= 0) return refuse(wsi, HTTP_STATUS_METHOD_NOT_ALLOWED);
      if (w->stopping || !s) return refuse(wsi, HTTP_STATUS_SERVICE_UNAVAILABLE);
      hearth__web_read_cookie(w, wsi, client);
      if (s->c) hearth__web_conn_free(s->c);
      s->c = hearth__web_conn_new(w, wsi, false);
      if (!s->c) return -1;
      s->c->head = head;
      s->c->metrics = w->metrics && lws_get_vhost(wsi) == w->metrics;
      return hearth__web_push(w, HEARTH__WEB_REQUEST, s->c, client, in, size) ? 0 : -1;
    }
    case LWS_CALLBACK_HTTP_WRITEABLE: return s ? write_answer(s) : -1;
    case LWS_CALLBACK_CLOSED_HTTP:
    case LWS_CALLBACK_HTTP_DROP_PROTOCOL:
      if (s && s->c) hearth__web_conn_free(s->c);
      if (s) s->c = NULL;
      return 0;
    case LWS_CALLBACK_ESTABLISHED: return -1; /* a page has the protocol of its own */
    default: return 0;
  }
}

size_t hearth__web_clients(const hearth__web *w) {
  return w->clients;
}

/* ---- beginning and end */

static void free_options(hearth__web *w) {
  free(w->cookie);
  free(w->bye);
  free(w->frame);
  if (w->secret) OPENSSL_cleanse(w->secret, w->o.secret_size);
  free(w->secret);
}

static bool copy_options(hearth__web *w, const hearth__web_options *options, size_t cookie_size) {
  w->o = *options;
  w->cookie = malloc(cookie_size);
  w->bye = strdup(options->bye);
  w->secret = malloc(options->secret_size + 1);
  w->frame = malloc(LWS_PRE + HEARTH__WEB_FRAME);
  if (!w->cookie || !w->bye || !w->secret || !w->frame) return false;
  memcpy(w->secret, options->secret, options->secret_size);
  return true;
}

static void on_handle_closed(uv_handle_t *handle) {
  hearth__web *w = handle->data;
  if (--w->handles == 0 && w->freed) free(w);
}

/* A socket for each page: the soft limit of 1,024 files is for programs that use select. */
static void allow_files(unsigned pages) {
  struct rlimit files;
  rlim_t want = (rlim_t)pages + 1024;
  if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur >= want) return;
  files.rlim_cur = files.rlim_max < want ? files.rlim_max : want;
  setrlimit(RLIMIT_NOFILE, &files);
}

/* Left to itself, libwebsockets takes an IPv4 address for no restriction at all where there is IPv6, and listens on every address. */
static uint64_t family_of(const char *host, uint64_t options) {
  return host && strchr(host, ':') ? options : options | LWS_SERVER_OPTION_DISABLE_IPV6;
}

static bool is_address(const char *host) {
  unsigned char bytes[sizeof(struct in6_addr)];
  return !host || inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

/* NULL: it listens. What was begun is undone in the next turns of the loop. */
static const char *open_context(hearth__web *w) {
  void *loops[1] = {w->loop};
  if (!is_address(w->o.host) || (w->o.metrics_port >= 0 && !is_address(w->o.metrics_host))) return "the host is no IP address";
  w->protocols[0] = (struct lws_protocols){.name = "http", .callback = on_http, .per_session_data_size = sizeof(slot)};
  /* A small buffer for each page: longer messages come in pieces. */
  w->protocols[1] = (struct lws_protocols){
      .name = "hearth", .callback = hearth__web_on_page, .per_session_data_size = sizeof(slot), .rx_buffer_size = 1024};
  w->pings.secs_since_valid_ping = 25;
  w->pings.secs_since_valid_hangup = 40;
  struct lws_context_creation_info info = {
      .port = w->o.port,
      .iface = w->o.host,
      .protocols = w->protocols,
      .foreign_loops = loops,
      .user = w,
      .pcontext = &w->context,
      .retry_and_idle_policy = &w->pings,
      .server_string = "hearth",
      .alpn = "http/1.1",
      .gid = -1,
      .uid = -1,
      .options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_FAIL_UPON_UNABLE_TO_BIND |
                 LWS_SERVER_OPTION_VALIDATE_UTF8,
  };
  if (w->o.cert) {
    info.ssl_cert_filepath = w->o.cert;
    info.ssl_private_key_filepath = w->o.key;
    info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
  }
  /* Destroying the context unloads this while handles on our loop may still call into it. */
  static const char plugin[] = "libwebsockets-evlib_uv.so";
  if (!dlopen(plugin, RTLD_NOW | RTLD_NODELETE)) dlerror();
  lws_set_log_level(0, NULL);
  allow_files(w->o.max_clients); /* it is asked once, when the context is made */
  w->context = lws_create_context(&info);
  if (!w->context) return "libwebsockets cannot be started; is libwebsockets-evlib-uv installed?";
  uint64_t vhost_options = info.options;
  info.vhost_name = "pages";
  info.options = family_of(w->o.host, vhost_options);
  w->vhost = lws_create_vhost(w->context, &info);
  if (!w->vhost || hearth__web_port(w) <= 0)
    return w->o.cert ? "the address is in use or not ours, or the certificate cannot be read" : "the address is in use or not ours";
  if (w->o.metrics_port >= 0) {
    info.vhost_name = "metrics";
    info.options = family_of(w->o.metrics_host, vhost_options);
    info.port = w->o.metrics_port;
    info.iface = w->o.metrics_host;
    info.ssl_cert_filepath = info.ssl_private_key_filepath = NULL;
    w->metrics = lws_create_vhost(w->context, &info);
    if (!w->metrics || hearth__web_metrics_port(w) <= 0) return "the address for metrics is in use or not ours";
  }
  return NULL;
}

hearth__web *hearth__web_listen(uv_loop_t *loop, const hearth__web_options *options, void (*notify)(void *user), void *user,
                                const char **why) {
  size_t cookie_size = strlen(options->cookie) + 8;
  hearth__web *w = calloc(1, sizeof *w);
  *why = "not enough memory";
  if (!w) return NULL;
  w->loop = loop;
  w->notify = notify;
  w->user = user;
  if (!copy_options(w, options, cookie_size)) {
    free_options(w);
    free(w);
    return NULL;
  }
  if (uv_prepare_init(loop, &w->before_wait) == 0) w->handles++;
  w->before_wait.data = w;
  uv_unref((uv_handle_t *)&w->before_wait);
  *why = open_context(w);
  if (!*why) {
    snprintf(w->cookie, cookie_size, "%s%d", options->cookie, hearth__web_port(w));
    return w;
  }
  uv_close((uv_handle_t *)&w->before_wait, on_handle_closed);
  free_options(w);
  w->cookie = w->bye = w->secret = NULL;
  w->stopping = w->destroyed = true;
  if (w->context)
    lws_context_destroy(w->context); /* it refers to w until the loop has turned: both are left */
  else
    w->freed = true;
  return NULL;
}

int hearth__web_port(const hearth__web *w) {
  return lws_get_vhost_listen_port(w->vhost);
}

int hearth__web_metrics_port(const hearth__web *w) {
  return w->metrics ? lws_get_vhost_listen_port(w->metrics) : 0;
}

static void on_tick(uv_timer_t *t) {
  ((hearth__web *)t->data)->ticks++;
}

bool hearth__web_stop(hearth__web *w) {
  if (!w->stopping) {
    w->stopping = true;
    if (uv_timer_init(w->loop, &w->tick) == 0) {
      w->ticking = true;
      w->handles++;
      w->tick.data = w;
      uv_timer_start(&w->tick, on_tick, TICK_MS, TICK_MS);
    }
    for (size_t i = 0; i < HEARTH__WEB_BUCKETS; i++)
      for (conn *c = w->conns[i]; c; c = c->next)
        if (c->page) hearth__web_page_bye(c);
  }
  if (!w->destroyed) {
    if (w->ticking && w->clients > 0 && w->ticks < BYE_TICKS) return false;
    w->destroyed = true;
    w->ticks = 0;
    if (w->context) lws_context_destroy(w->context);
  }
  return !w->ticking || w->ticks >= DRY_TICKS;
}

void hearth__web_free(hearth__web *w) {
  /* A context whose handles are still open is left as it is: they belong to the loop, and refer to it, and it to us. */
  bool dry = w->ticks >= DRY_TICKS;
  if (w->context && dry) lws_context_destroy(w->context);
  while (w->first) hearth__web_taken(w);
  for (size_t i = 0; i < HEARTH__WEB_BUCKETS; i++)
    while (w->conns[i]) hearth__web_conn_free(w->conns[i]);
  free_options(w);
  w->freed = !w->context;
  uv_close((uv_handle_t *)&w->before_wait, on_handle_closed);
  if (w->ticking) uv_close((uv_handle_t *)&w->tick, on_handle_closed);
}
